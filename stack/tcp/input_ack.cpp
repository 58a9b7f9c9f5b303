// Fifth step of RFC 9293 3.10.7.4 for synchronised states: what an acknowledgment of data does.
#include <algorithm>

#include "stack/tcp/input.hpp"
#include "stack/tcp/recovery.hpp"

namespace coax::stack::tcp {

namespace {

// RFC 6298 (3), Karn: only a segment sent once is timed. After a retransmission the echoed
// timestamp tells which transmission is acknowledged (RFC 7323 4.1).
void measure(core& k, connection& c, const incoming& in) noexcept {
    if (c.timing) {
        if (in.ack < c.timed_end) return;
        c.timing = false;
        c.rtt.sample(in.now - c.timed_at, k.config);
        return;
    }
    const auto& stamps = in.header.options.timestamps;
    if (!c.timestamps || !stamps || stamps->echo == 0) return;
    const std::uint32_t ms = k.milliseconds(in.now) + c.ts.offset - stamps->echo;
    if (ms < 0x7fffffffU / 1000) c.rtt.sample(std::chrono::milliseconds(ms), k.config);
}

// Room in the send buffer, for one who waits for it: a quarter at once, not every byte.
void offer_room(core& k, connection& c) noexcept {
    if (!c.wants_write) return;
    if (std::uint64_t{c.congestion.window.bytes()} * 2 > c.snd.capacity) tune_send_buffer(k, c);
    if (c.sending.size() > c.snd.capacity - c.snd.capacity / 4) return;
    c.wants_write = false;
    k.notify(c, &readiness::writable);
}

void take_acknowledgment(core& k, connection& c, const incoming& in) noexcept {
    const std::uint32_t acked = in.ack - c.snd.una;
    const std::uint32_t before = in_flight(c);
    measure(k, c, in);
    c.sending.release(k.blocks, std::min(acked, c.sending.size()));  // the rest is our FIN
    c.snd.una = in.ack;
    c.snd.small_end = later_of(c.snd.small_end, c.snd.una);
    c.retries = 0;
    c.stalled_since = 0;
    recovery_on_acknowledged(k, c, acked, before, in.now);
    if (c.snd.una == c.snd.nxt) {
        core::clear_timer(c, timer::retransmission);  // RFC 6298 (5.2)
    } else if (c.recovery.in != recovery_state::mode::fast || !c.recovery.timer_reset) {
        c.recovery.timer_reset = true;  // RFC 6582 3.2 step 3: for the first partial one only
        k.set_timer(c, timer::retransmission, in.now + c.rtt.timeout().value());  // RFC 6298 (5.3)
    }
    offer_room(k, c);
}

// The peer's window opened after a probe or two: what the probe carried may have been refused.
[[gnu::noinline]] void leave_probing(core& k, connection& c, instant now) noexcept {
    c.probing = c.probe_pending = false;
    c.retries = 0;
    c.stalled_since = 0;
    core::clear_timer(c, timer::persist);
    if (c.snd.una == c.snd.nxt) return;
    // It goes again as a part of the first full segment.
    if (!c.fin_sent)
        c.snd.nxt =
            later_of(c.snd.nxt,
                     c.snd.una + std::min({c.sending.size(), c.snd.wnd, std::uint32_t{c.snd.mss}}));
    c.recovery.next = c.snd.una;
    c.recovery.end = c.snd.nxt;
    k.set_timer(c, timer::retransmission, now + c.rtt.timeout().value());
}

}  // namespace

void update_send_window(core& k, connection& c, const incoming& in, std::uint32_t window) noexcept {
    // RFC 9293 3.10.7.4 would also leave the window of a new acknowledgment whose sequence number
    // is old (a retransmission), and with it an edge that moves right by what was acknowledged.
    // What acknowledges more was sent later.
    if (in.first < c.snd.wl1 && in.ack <= c.snd.wl2) return;
    c.snd.wl1 = in.first;
    c.snd.wl2 = in.ack;
    c.snd.wnd = window;
    if (window > c.snd.wnd_max) c.snd.wnd_max = window;
    if (!c.probing) {
        // RFC 9293 3.8.6 (SHLD-17): it closed over what is under way, and answers (MUST-37).
        if (window == 0 && c.stalled_since != 0) c.stalled_since = k.milliseconds(in.now);
        return;
    }
    // RFC 9293 3.8.6.1 (MUST-37): it answers, so it lives
    if (window == 0) c.stalled_since = k.milliseconds(in.now);
    else leave_probing(k, c, in.now);
}

void acknowledge(core& k, connection& c, const incoming& in) noexcept {
    if (in.ack < c.snd.una) return;  // old: nothing in it is news
    const std::uint32_t window = std::uint32_t{in.header.window} << c.snd.scale;
    if (in.ack != c.snd.una) {
        take_acknowledgment(k, c, in);
    } else if (in.length == 0 && window == c.snd.wnd && c.snd.una != c.snd.nxt && !c.probing) {
        recovery_on_duplicate(k, c, in.now);  // RFC 5681 2: all five conditions hold
    }
    update_send_window(k, c, in, window);
    if (c.sending.size() > c.outstanding() || (c.fin_queued && !c.fin_sent) ||
        has_retransmission(c))
        k.make_ready(c);
}

}  // namespace coax::stack::tcp
