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
    if (c.snd.una != c.snd.nxt || size - 1 >= std::min(c.snd.wnd, c.snd.mss - 1U)) [[unlikely]]
        return false;
    if (c.current != state::established || c.route.mtu != c.snd.mtu) [[unlikely]]
        return false;
    if (c.recovery != nullptr || c.rare != nullptr || c.receiving.has_report()) [[unlikely]]
        return false;
    const congestion_state& s = c.congestion;
    if (c.has_extras() || s.samples_rate || s.ecn || s.pacing != 0) [[unlikely]]
        return false;
    if (size > s.window.bytes() || !c.sending.is_one_piece()) [[unlikely]]
        return false;
    return true;
}

// What all segments say, and with it the acknowledgment is settled. `first`: where it begins; `ms`:
// the clock. At last, so that nothing of it has to be kept aside while the rest is done.
inline void finish_plain(core& k, connection& c, seq first, std::uint32_t ms,
                         plain_output& out) noexcept {
    c.rcv.acked = c.rcv.nxt;
    c.ack_now = false;
    core::clear_timer(c, timer::delayed_ack);
    k.count.add(counted::segments_sent);
    out.ends = &c.ends_;
    out.header.sequence = first.value();
    out.header.acknowledgment = c.rcv.nxt.value();
    out.header.window = static_cast<std::uint16_t>(advertise_window(c));
    out.header.has_timestamps = c.timestamps;
    out.header.timestamps = {ms + c.ts.offset, c.ts.recent};
    out.traffic_class = c.rcv.traffic_class;
}

// The same for the last of what the user sends, a message or nothing, and the FIN behind it.
bool is_lone_end(const connection& c) noexcept {
    const std::uint32_t size = c.sending.size();
    if (c.snd.una != c.snd.nxt || size >= std::min(c.snd.wnd, std::uint32_t{c.snd.mss}))
        return false;
    if (c.current < state::established || c.fin_sent || c.route.mtu != c.snd.mtu) return false;
    if (c.recovery != nullptr || c.rare != nullptr || c.receiving.has_report()) return false;
    constexpr sending_extras nothing_else{.fin_queued = true};
    if (std::bit_cast<std::uint8_t>(static_cast<const sending_extras&>(c)) !=
        std::bit_cast<std::uint8_t>(nothing_else))
        return false;
    const congestion_state& s = c.congestion;
    return !s.samples_rate && !s.ecn && s.pacing == 0 && size < s.window.bytes() &&
           c.sending.is_one_piece();
}

// The last segment of what the user sends; as next_new_data() or next_fin() make it.
[[gnu::noinline]] bool next_plain_end(core& k, connection& c, instant now,
                                      plain_output& out) noexcept {
    if (!is_lone_end(c)) return false;
    const std::uint32_t ms = k.milliseconds(now);
    const std::uint32_t size = c.sending.size();
    if (size != 0 && c.rtt.timeout().is_less_than(ms - c.last_sent)) return false;
    const seq first = c.snd.nxt;
    const seq end = first + size;
    c.flying.begin_lone(now);
    if (size != 0) {
        out.payload = c.sending.one_piece();
        c.in_burst = false;
        c.snd.small_end = end;
    }
    c.fin_sent = true;
    c.snd.nxt = end + 1;
    c.last_sent = ms;
    arm_after_lone_segment(k, c, now);
    c.unlink();
    finish_plain(k, c, first, ms, out);
    out.header.flags = wire::write_flags({.fin = true, .psh = size != 0, .ack = true});
    return true;
}

// The acknowledgment of the peer's FIN.
[[gnu::noinline]] bool next_plain_answer(core& k, time_wait& t, instant now,
                                         plain_output& out) noexcept {
    if (!t.ack_pending || t.hops != 0) return false;
    t.ack_pending = false;
    out.ends = &t.ends_;
    out.header.sequence = t.snd_nxt.value();
    out.header.acknowledgment = t.rcv_nxt.value();
    out.header.flags = wire::write_flags({.ack = true});
    out.header.window = t.window;
    out.header.has_timestamps = t.timestamps;
    out.header.timestamps = {k.milliseconds(now) + t.ts_offset, t.ts_recent};
    out.traffic_class = t.traffic_class;
    k.count.add(counted::segments_sent);
    t.unlink();
    return true;
}

}  // namespace

bool layer::next_plain(sender& from, instant now, plain_output& out) noexcept {
    core& k = *core_;
    if (core::sort_of(from) != core::sort::connection) [[unlikely]]
        return core::sort_of(from) == core::sort::time_wait &&
               next_plain_answer(k, static_cast<time_wait&>(from), now, out);
    auto& c = static_cast<connection&>(from);
    if (!is_lone_message(c)) [[unlikely]]
        return c.fin_queued && next_plain_end(k, c, now, out);
    // RFC 5681 4.1: after a pause the window has to be looked at.
    const std::uint32_t ms = k.milliseconds(now);
    if (c.rtt.timeout().is_less_than(ms - c.last_sent)) [[unlikely]]
        return false;
    const seq first = c.snd.nxt;
    const seq end = first + c.sending.size();
    c.flying.begin_lone(now);
    c.in_burst = false;
    c.snd.small_end = c.snd.nxt = end;
    c.last_sent = ms;
    arm_after_lone_segment(k, c, now);
    from.unlink();

    finish_plain(k, c, first, ms, out);
    // RFC 9293 3.9.1 (MUST-60): nothing follows yet
    out.header.flags = wire::write_flags({.psh = true, .ack = true});
    out.payload = c.sending.one_piece();
    return true;
}

}  // namespace coax::stack::tcp
