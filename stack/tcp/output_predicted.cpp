// The sender's counterpart of header prediction: what a request or its answer nearly always is, one
// message of less than a segment while nothing else is under way. One question settles all those
// that next_segment() would ask, so the segment is put together without them.
#include "stack/tcp/output.hpp"
#include "stack/tcp/retransmission_timer.hpp"

namespace coax::stack::tcp {

namespace {

// Every question of next_segment() has its usual answer: nothing goes again and no probe is due
// (no recovery state, nothing outstanding), no FIN and no cork waits, the windows take all there
// is, and Nagle has nothing to wait for. Nothing of it says something beside the data: no SACK
// block, no mark of ECN; and no clock but the acknowledgments paces it.
bool is_lone_message(const connection& c) noexcept {
    const std::uint32_t size = c.sending.size();
    if (c.snd.una != c.snd.nxt || size - 1 >= std::min(c.snd.wnd, c.snd.mss - 1U)) return false;
    if (c.current != state::established || c.route.mtu != c.snd.mtu) return false;
    if (c.recovery != nullptr || c.rare != nullptr || c.receiving.has_report()) return false;
    if (c.has_extras()) return false;
    const congestion_state& s = c.congestion;
    return !s.samples_rate && !s.ecn && s.pacing == 0 && size <= s.window.bytes() &&
           c.sending.is_one_piece();
}

}  // namespace

bool layer::next_plain(sender& from, instant now, plain_output& out) noexcept {
    core& k = *core_;
    if (core::sort_of(from) != core::sort::connection) [[unlikely]]
        return false;
    auto& c = static_cast<connection&>(from);
    if (!is_lone_message(c)) [[unlikely]]
        return false;
    // RFC 5681 4.1: after a pause the window has to be looked at.
    const std::uint32_t ms = k.milliseconds(now);
    if (c.rtt.timeout().is_less_than(ms - c.last_sent)) [[unlikely]]
        return false;
    const std::uint32_t size = c.sending.size();
    const seq end = c.snd.nxt + size;
    if (!c.flying.begin(k.flights, c.snd.nxt, end, static_cast<std::uint16_t>(size), now))
        [[unlikely]]
        return false;

    out.ends = &c.ends_;
    out.header.source_port = c.ends_.local.port;
    out.header.destination_port = c.ends_.remote.port;
    out.header.sequence = c.snd.nxt.value();
    out.header.acknowledgment = c.rcv.nxt.value();
    // RFC 9293 3.9.1 (MUST-60): nothing follows yet
    out.header.flags = wire::write_flags({.psh = true, .ack = true});
    out.header.window = static_cast<std::uint16_t>(advertise_window(c));
    out.header.has_timestamps = c.timestamps;
    out.header.timestamps = {ms + c.ts.offset, c.ts.recent};
    out.payload = c.sending.one_piece();
    out.traffic_class = c.rcv.traffic_class;

    c.rcv.acked = c.rcv.nxt;
    c.ack_now = false;
    core::clear_timer(c, timer::delayed_ack);
    k.count.add(counted::segments_sent);
    c.in_burst = false;
    c.snd.small_end = c.snd.nxt = end;
    c.last_sent = ms;
    arm_after_lone_segment(k, c, now);
    from.unlink();
    return true;
}

}  // namespace coax::stack::tcp
