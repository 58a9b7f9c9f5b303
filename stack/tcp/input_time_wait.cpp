// TIME-WAIT, RFC 9293 3.10.7.4: repeats the last acknowledgment, and lets a new connection take the
// place when it can't be mistaken for the old one (RFC 9293 3.6.1 MAY-2, RFC 6191).
#include "stack/tcp/input.hpp"
#include "stack/tcp/lifecycle.hpp"

namespace coax::stack::tcp {

namespace {

// RFC 6191 2 (RFC 9293 3.6.1, SHLD-4): a later timestamp, timestamps where there were none (PAWS
// refuses what is old), or a sequence number beyond all that the old connection had.
bool is_newer(const core& k, const time_wait& t, const incoming& in) noexcept {
    const auto& stamps = in.header.options.timestamps;
    if (stamps && k.config.timestamps) {
        if (!t.timestamps) return true;
        if (stamps->value != t.ts_recent) return timestamp_before(t.ts_recent, stamps->value);
    }
    return in.first > t.rcv_nxt;
}

void answer(core& k, time_wait& t) noexcept {
    t.ack_pending = true;
    k.make_ready(t);
}

// 2 MSL from now.
void restart(core& k, time_wait& t, instant now) noexcept {
    k.timers.arm(t, now + k.config.time_wait);
    t.age_hook.unlink();
    k.time_waits_by_age.push_back(t);
}

}  // namespace

disposition input_time_wait(core& k, time_wait& t, const flow& ends, incoming& in) noexcept {
    const wire::tcp_flags& flags = in.header.flags;
    if (flags.rst) return disposition::invalid;  // RFC 1337 3 (F1): no assassination
    if (flags.syn && !flags.ack && is_newer(k, t, in)) {
        binding* listener = k.ports.find_listener(ends.local);
        if (listener != nullptr) {
            const seq floor = beyond(t);
            destroy(k, t);
            return input_listen(k, *listener, ends, in, floor);
        }
    }
    const seq last = in.first + in.length;
    const bool repeats = in.length != 0 && last <= t.rcv_nxt;
    if (flags.fin && last == t.rcv_nxt) {  // its FIN again: our ACK was lost; restart 2 MSL
        restart(k, t, in.now);
        answer(k, t);
        return disposition::consumed;
    }
    if (repeats) {
        // What came before its FIN, again: the peer knows of no acknowledgment, and without us it
        // would never hear one. Answered once; more are somebody who makes us talk (RFC 5961 7).
        restart(k, t, in.now);
        if (may_challenge(k, t.challenged_at, in.now)) answer(k, t);
        return disposition::out_of_window;
    }
    // Anything else would be acknowledged as well; two such ends must not answer each other
    // forever.
    if ((flags.syn || in.length != 0 || in.first != t.rcv_nxt) &&
        may_challenge(k, t.challenged_at, in.now))
        answer(k, t);
    return disposition::out_of_window;
}

}  // namespace coax::stack::tcp
