// Marks, echoes and reductions of ECN.
#include "stack/tcp/ecn.hpp"

#include <algorithm>

#include "stack/tcp/congestion_events.hpp"

namespace coax::stack::tcp {

namespace {

// RFC 3168 6.1.3: echoed until CWR comes. CWR on a marked segment ends the old and begins the new.
void take_mark(core& k, connection& c, const incoming& in) noexcept {
    congestion_state& s = c.congestion;
    if (in.header.flags.cwr) s.ecn_echo = false;
    // 6.1.4, 6.1.5: only data in the window is ever marked by honest routers.
    if (!in.ce || in.payload.empty()) return;
    k.count.add(counted::ecn_marks_received);
    if (s.ecn_echo) return;
    s.ecn_echo = true;
    c.rcv.quick_acks = std::max<std::uint8_t>(c.rcv.quick_acks, 2);  // the news does not wait
}

// RFC 3168 6.1.2: once per window of data, and not for a window that loss reduced already.
void take_echo(core& k, connection& c, const incoming& in) noexcept {
    congestion_state& s = c.congestion;
    if (!in.header.flags.ece || in.ack <= s.ecn_guard || in.ack <= c.snd.una) return;
    k.count.add(counted::ecn_reductions);
    congestion_on_echo(k, c, in.now);
    s.ecn_holding = true;
}

}  // namespace

void ecn_on_segment(core& k, connection& c, const incoming& in) noexcept {
    take_mark(k, c, in);
    take_echo(k, c, in);
}

void ecn_mark_data(core& k, connection& c, segment& out) noexcept {
    congestion_state& s = c.congestion;
    if (control_of(k, c).obeys_marks()) out.traffic_class |= ecn_capable;
    if (!s.ecn_reduced) return;
    s.ecn_reduced = false;
    out.header.flags.cwr = true;
    k.count.add(counted::ecn_reductions_told);
}

void ecn_on_reduction(connection& c) noexcept {
    congestion_state& s = c.congestion;
    if (!s.ecn) return;
    s.ecn_reduced = true;
    s.ecn_holding = false;
    s.ecn_guard = c.snd.nxt;
}

}  // namespace coax::stack::tcp
