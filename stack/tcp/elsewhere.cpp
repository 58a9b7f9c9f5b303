// What is the others'. Nothing here is called by a stack that is alone but enter_flow() and
// leave_flow().
#include "stack/tcp/elsewhere.hpp"

#include "stack/tcp/input.hpp"

namespace coax::stack::tcp {

namespace {

// Who may want a segment of a flow that nobody has claimed.
siblings::set who_may_want(core& k, const flow& ends, const incoming& in) noexcept {
    const wire::tcp_flags& f = in.header.flags;
    const binding* const listener = k.ports.find_listener(ends.local);
    if (f.syn && !f.ack && !f.rst) {
        // A connection is accepted where its SYN comes in; elsewhere only if nobody listens here.
        return listener != nullptr ? 0 : k.others->listeners_on(ends.local.port);
    }
    if (!f.ack || f.syn || f.rst) return 0;
    // It may bring back a cookie (RFC 4987 3.6), of which only the sender knows.
    if (listener != nullptr && in.now < listener->cookies_until && brings_cookie(k, ends, in))
        return 0;
    return k.others->cookie_senders(in.now);
}

}  // namespace

bool goes_elsewhere(core& k, const flow& ends, const incoming& in) noexcept {
    siblings::set whom = k.others->owner_of(ends);
    if (whom == 0) whom = who_may_want(k, ends, in);
    return whom != 0 && k.others->offer(whom);
}

bool enter_flow(core& k, const flow& ends, std::uint32_t hash, reference to) noexcept {
    if (k.others != nullptr && k.others->claim_flow(ends) != siblings::claim::done) return false;
    if (k.table.insert(hash, to)) return true;
    if (k.others != nullptr) k.others->release_flow(ends);
    return false;
}

void leave_flow(core& k, const flow& ends, std::uint32_t hash, reference to) noexcept {
    k.erase_flow(ends, hash, to);
    if (k.others != nullptr) k.others->release_flow(ends);
}

bool is_elsewhere(const core& k, const flow& ends) noexcept {
    return k.others != nullptr && k.others->owner_of(ends) != 0;
}

void tell_listening(core& k, std::uint16_t port) noexcept {
    if (k.others != nullptr) k.others->set_listening(port, k.ports.has_listener(port));
}

}  // namespace coax::stack::tcp
