// Output's prediction for a stream: full segments of new data, as many as the windows let go, while
// nothing is lost, paced, urgent or about to end. What next_segment() asks for each segment is
// asked once; a segment is then a record, and a few numbers that moved.
#include <algorithm>

#include "stack/tcp/output.hpp"
#include "stack/tcp/retransmission_timer.hpp"

namespace coax::stack::tcp {

namespace {

// Nothing is to be said beside the data, nor to be asked before each segment.
bool is_streaming(const core& k, const connection& c) noexcept {
    if (c.current != state::established && c.current != state::close_wait) [[unlikely]]
        return false;
    if (c.recovery != nullptr || c.rare != nullptr || c.receiving.has_report()) return false;
    const congestion_state& s = c.congestion;
    if (s.samples_rate || s.ecn || s.pacing != 0 || c.probe_pending) return false;
    return c.route.mtu == c.snd.mtu && k.gso_max_bytes <= c.snd.mss &&
           c.ends_.local.address.is_v4();
}

// RFC 9293 3.8.6.2.1 (MUST-38), 3.7.4 (SHLD-7): a full segment goes; a smaller one if it is the
// last, and Nagle has nothing to wait for. A FIN goes with the last one, so that is left to
// next_segment(), as is what only a part of may go.
std::uint32_t size_in_run(const connection& c, const segment_run& run) noexcept {
    const std::uint32_t full = c.snd.mss;
    if (run.usable >= full && run.unsent > full) [[likely]]
        return full;
    if (run.unsent > std::min(run.usable, full) || c.fin_queued) return 0;
    return run.unsent == full || c.no_delay || c.snd.small_end <= c.snd.una ? run.unsent : 0;
}

}  // namespace

bool layer::begin_run(sender& from, instant now, segment_run& run) noexcept {
    core& k = *core_;
    if (core::sort_of(from) != core::sort::connection) return false;
    auto& c = static_cast<connection&>(from);
    if (!is_streaming(k, c)) return false;
    const std::uint32_t offset = c.outstanding();
    // RFC 9293 3.8.6 (MUST-34, SHLD-15): of a window that shrank nothing is usable.
    const std::uint32_t window = std::min(c.snd.wnd, c.congestion.window.bytes());
    if (c.sending.size() < offset + c.snd.mss || window < offset + c.snd.mss) return false;
    // RFC 5681 4.1: after a pause the window has to be looked at.
    const std::uint32_t ms = k.milliseconds(now);
    if (offset == 0 && c.rtt.timeout().is_less_than(ms - c.last_sent)) [[unlikely]]
        return false;
    run.by = &c;
    run.unsent = c.sending.size() - offset;
    run.usable = window - offset;
    run.segments = 0;
    if (!next_in_run(run, now)) return false;

    run.payload = c.sending.read_from(offset);
    run.ends = &c.ends_;
    run.header.source_port = c.ends_.local.port;
    run.header.destination_port = c.ends_.remote.port;
    run.header.sequence = run.sequence;
    run.header.acknowledgment = c.rcv.nxt.value();
    run.header.flags = wire::write_flags({.ack = true});
    run.header.window = static_cast<std::uint16_t>(advertise_window(c));
    run.header.has_timestamps = c.timestamps;
    run.header.timestamps = {ms + c.ts.offset, c.ts.recent};
    run.traffic_class = c.rcv.traffic_class;
    c.rcv.acked = c.rcv.nxt;
    c.ack_now = false;
    core::clear_timer(c, timer::delayed_ack);
    return true;
}

bool layer::next_in_run(segment_run& run, instant now) noexcept {
    core& k = *core_;
    connection& c = *run.by;
    const std::uint32_t size = size_in_run(c, run);
    if (size == 0) return false;
    const seq end = c.snd.nxt + size;
    transmission* const record =
        c.flying.append(k.flights, c.snd.una, c.snd.nxt, end, static_cast<std::uint16_t>(size),
                        k.flight_blocks_max(), now);
    if (record == nullptr) [[unlikely]]
        return false;  // next_segment() will say so
    run.sequence = c.snd.nxt.value();
    run.size = size;
    run.unsent -= size;
    run.usable -= size;
    ++run.segments;
    c.snd.nxt = end;
    // As next_segment(): PSH where nothing follows yet (RFC 9293 3.9.1, MUST-60, MUST-61), and on
    // the last full segment of several sent together.
    const bool more = std::min(run.unsent, run.usable) >= c.snd.mss;
    run.push = run.unsent == 0 || (!more && c.in_burst);
    c.in_burst = more;
    if (size < c.snd.mss) c.snd.small_end = end;
    else if (run.push) record->pushed = true;
    return true;
}

bool layer::end_run(segment_run& run, instant now) noexcept {
    core& k = *core_;
    connection& c = *run.by;
    k.count.add(counted::segments_sent, run.segments);
    c.last_sent = k.milliseconds(now);
    arm_after_sending(k, c, c.flying.oldest().sent_at, now);
    if (!has_nothing_to_send(c)) return false;
    c.unlink();
    if (c.has_extras()) watch_limits(k, c, now);
    return true;
}

}  // namespace coax::stack::tcp
