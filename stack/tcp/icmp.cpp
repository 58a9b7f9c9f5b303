// What an ICMP error does to a connection (RFC 9293 3.9.2.2, RFC 1191, with RFC 5927's doubts).
#include "stack/tcp/core.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/mtu_search.hpp"

namespace coax::stack::tcp {

void layer::icmp_error(const flow& ends, std::uint32_t sequence, icmp_verdict verdict, error cause,
                       std::uint16_t next_hop_mtu, instant now) noexcept {
    core& k = *core_;
    const reference to = k.find_flow(ends, k.hash_of(ends));
    if (to.is_none() && k.others != nullptr && k.others->offer(k.others->owner_of(ends))) return;
    if (to.is_none() || to.which() != reference::kind::connection) {
        k.count.add(counted::icmp_ignored);
        return;
    }
    connection& c = *k.connections.at(to.index());  // MUST-54: it goes to whom it quotes
    const seq quoted(sequence);
    // RFC 5927 4.1: only who sees our segments can quote one that is in flight
    if (quoted < c.snd.una || quoted >= c.snd.nxt) {
        k.count.add(counted::icmp_ignored);
        return;
    }
    k.count.add(counted::icmp_obeyed);
    const bool opening = c.current == state::syn_sent || c.current == state::syn_received;
    switch (verdict) {
        case icmp_verdict::packet_too_big:
            if (!opening) learn_path_mtu(k, c, next_hop_mtu, now);
            break;
        case icmp_verdict::hard:
            // RFC 9293 3.9.2.2 (SHLD-26) says abort; RFC 5927 5.2: not a synchronised one, because
            // anybody may have sent it. It is a soft error then.
            if (opening) {
                k.count.add(counted::failed_opens);
                end(k, c, cause);
                break;
            }
            c.soft_error = cause;
            break;
        case icmp_verdict::soft: c.soft_error = cause; break;  // MUST-56: never aborts
    }
}

}  // namespace coax::stack::tcp
