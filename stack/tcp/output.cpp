// The sender's side of RFC 9293 3.8 and 3.10.8, question by question.
#include "stack/tcp/output.hpp"

#include <algorithm>

#include "stack/tcp/congestion_events.hpp"
#include "stack/tcp/delivery_rate.hpp"
#include "stack/tcp/ecn.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/mtu_search.hpp"
#include "stack/tcp/output_rare.hpp"
#include "stack/tcp/pacing.hpp"
#include "stack/tcp/recovery.hpp"
#include "stack/tcp/retransmission_timer.hpp"
#include "stack/tcp/scoreboard.hpp"
#include "stack/tcp/spurious.hpp"
#include "stack/tcp/tail_loss_probe.hpp"
#include "stack/tcp/urgent.hpp"
#include "stack/tcp/user_timeout.hpp"

namespace coax::stack::tcp {

namespace {

// RFC 2018 3: beside timestamps there is room for three blocks, without for four.
std::uint8_t sack_blocks_max(const connection& c) noexcept { return c.timestamps ? 3 : 4; }

// RFC 2018 4: every acknowledgment tells what is held behind a gap.
[[gnu::noinline]] void report_received(core& k, connection& c, wire::tcp_options& o) noexcept {
    std::array<range, 4> blocks;
    const std::span<range> room(blocks.data(), sack_blocks_max(c));
    o.sack_count = c.receiving.report(k.blocks, room);
    for (std::size_t i = 0; i < o.sack_count; ++i)
        o.sack[i] = {blocks[i].left.value(), blocks[i].right.value()};
    // RFC 2883 4: a block below the acknowledgment, or within the next one, is a duplicate
    if (blocks[0].left < c.rcv.nxt ||
        (o.sack_count > 1 && blocks[0].left >= blocks[1].left && blocks[0].left < blocks[1].right))
        k.count.add(counted::dsacks_sent);
}

// RFC 9293 3.7.1 (MUST-16): what a segment may carry beside the options it has today.
[[gnu::noinline]] std::uint32_t payload_beside_sack(const connection& c) noexcept {
    const std::uint32_t option = 4 + 8U * c.receiving.report_size(sack_blocks_max(c));
    return c.snd.mss > option ? c.snd.mss - option : 1U;
}
std::uint32_t payload_max(const connection& c) noexcept {
    if (c.sack && c.receiving.has_report()) [[unlikely]]
        return payload_beside_sack(c);
    return c.snd.mss;
}

// <SEQ=first><ACK=RCV.NXT><CTL=ACK>; whatever else it carries, the acknowledgment is settled.
void begin_segment(core& k, connection& c, seq first, instant now, segment& out) noexcept {
    address(out, c.ends_, first);
    out.traffic_class = c.rcv.traffic_class;  // RFC 9293 3.9.1.9 (SHLD-21: what it is now)
    out.hops = hops_of(c);
    out.header.flags.ack = true;
    out.header.acknowledgment = c.rcv.nxt.value();
    out.header.window = static_cast<std::uint16_t>(advertise_window(c));
    if (c.timestamps)
        out.header.options.timestamps =
            wire::tcp_timestamps{k.milliseconds(now) + c.ts.offset, c.ts.recent};
    if (c.sack && c.receiving.has_report()) [[unlikely]]
        report_received(k, c, out.header.options);
    c.rcv.acked = c.rcv.nxt;
    c.ack_now = false;
    core::clear_timer(c, timer::delayed_ack);
    if (c.congestion.ecn) [[unlikely]]
        ecn_mark_segment(c, out);
    k.count.add(counted::segments_sent);
}

// `each`: payload bytes of one segment; of more than that the device makes several.
void attach_payload(connection& c, std::uint32_t offset, std::uint32_t length, std::uint32_t each,
                    segment& out) noexcept {
    std::uint32_t size = c.sending.gather(offset, length, out.payload, out.payload_pieces);
    if (size > each) {
        out.gso_bytes = static_cast<std::uint16_t>(each);
        // Too few pieces for all: still whole segments, no small one in the midst of a stream.
        for (std::uint32_t cut = size < length ? size % each : 0; cut != 0;) {
            const_bytes& last = out.payload[out.payload_pieces - 1U];
            const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(cut, last.size()));
            last = last.first(last.size() - n);
            if (last.empty()) --out.payload_pieces;
            cut -= n;
            size -= n;
        }
    }
    out.payload_size = size;
}

// --- SYN-SENT, SYN-RECEIVED: the SYN, or the acknowledgment of something not acceptable?
[[gnu::noinline]] bool next_handshake(core& k, connection& c, instant now, segment& out) noexcept {
    const bool answer = c.current == state::syn_received;
    if (!c.syn_pending) {
        if (!answer || !c.ack_now) return false;
        begin_segment(k, c, c.snd.nxt, now, out);
        return true;
    }
    if (c.route.mtu != c.snd.mtu) {
        c.snd.mtu = c.route.mtu;
        c.rcv.announced_mss = offered_mss(c, c.route.mtu);
    }
    c.syn_pending = false;
    address(out, c.ends_, c.snd.una);
    out.traffic_class = c.rcv.traffic_class;
    out.hops = hops_of(c);
    wire::tcp_header& h = out.header;
    h.flags.syn = true;
    h.window = static_cast<std::uint16_t>(std::min(c.rcv.capacity, 0xffffU));
    h.options.maximum_segment_size = c.rcv.announced_mss;  // MUST-14, SHLD-5, MAY-3: always
    // RFC 3168 6.1.1; 6.1.1.1: who did not hear the first SYN perhaps can't bear the flags.
    if (!answer && c.congestion.ecn_choice == ecn_use::request && c.retries == 0)
        h.flags.ece = h.flags.cwr = true;
    if (answer) {
        h.flags.ece = c.congestion.ecn;
        h.flags.ack = true;
        h.acknowledgment = c.rcv.nxt.value();
        c.ack_now = false;
    }
    h.options.user_timeout = told_user_timeout(k, c.rare);
    if (answer ? c.window_scaling : k.config.window_scaling) h.options.window_scale = c.rcv.scale;
    h.options.sack_permitted = answer ? c.sack : k.config.sack;  // RFC 2018 2
    if (answer ? c.timestamps : k.config.timestamps)
        h.options.timestamps = wire::tcp_timestamps{k.milliseconds(now) + c.ts.offset, c.ts.recent};
    if (c.snd.nxt == c.snd.una) {
        c.snd.nxt = c.snd.una + 1;
        // For its round trip.
        (void)c.flying.append(k.flights, c.snd.una, c.snd.una, c.snd.nxt, 1, 1, now);
    } else {
        if (!c.flying.empty()) c.flying.oldest().resent = true;
        count_resent(k, c, 0);
    }
    k.count.add(counted::segments_sent);
    if (c.deadline(timer::retransmission) == never)
        set_retransmission_timer(k, c, retransmission_cause::timeout,
                                 now + retransmission_wait(k, c, now));
    return true;
}

// The record goes again, as much of it as fits one segment.
void resend(core& k, connection& c, flight::position p, instant now, segment& out) noexcept {
    recovery_state& r = *c.recovery;
    const std::uint32_t offset = p->first - c.snd.una;
    const std::uint32_t left = c.sending.size() - std::min(offset, c.sending.size());
    const std::uint32_t most = payload_max(c);
    begin_segment(k, c, p->first, now, out);
    attach_payload(c, offset, std::min({p->size(), most, left}), most, out);
    const std::uint32_t length = out.payload_size;
    out.header.flags.fin = length == left && c.fin_sent && p->size() > length;
    const std::uint32_t covered = length + (out.header.flags.fin ? 1U : 0U);
    // Without memory the rest of the record counts as sent; it will be found lost again.
    if (covered != 0) (void)scoreboard_cut(k, c, p, p->first + covered);
    // PSH again, as Linux: a small segment was the end of what was written.
    out.header.flags.psh = length != 0 && (length == left || p->pushed || length < c.snd.mss);
    if (c.rare != nullptr) {
        tell_urgent(c, out);
        c.rare->mtu_resent = true;
    }
    if (c.congestion.samples_rate) rate_on_resent(k, c, *p);
    const std::uint32_t size = p->size();
    if (!p->resent) r.repaired += size;
    scoreboard_mark_resent(c, p, now);
    undo_on_resent(r, size, k.milliseconds(now) + c.ts.offset);
    if (r.in == recovery_state::mode::fast) r.reduction.on_sent(size);
    r.must_resend = false;
    count_resent(k, c, length);
    k.count.add(counted::retransmitted);
    if (is_paced(c)) pacing_on_sent(k, c, length, now);
    // RFC 6675 6: the timer starts again when the first outstanding segment goes again
    const bool first = p->first == c.snd.una && c.timer_cause != retransmission_cause::reordering;
    if (first || c.deadline(timer::retransmission) == never)
        set_retransmission_timer(k, c, retransmission_cause::timeout,
                                 now + retransmission_wait(k, c, now));
}

// --- Is something to be sent again?
[[gnu::noinline]] bool next_retransmission(core& k, connection& c, instant now,
                                           segment& out) noexcept {
    recovery_state& r = *c.recovery;
    if (r.probe_tail) {  // RFC 8985 7.3
        r.probe_tail = false;
        const flight::position tail = probe_tail(k, c);
        if (!tail) return false;
        resend(k, c, tail, now, out);
        probe_sent(k, c, true);
        return true;
    }
    const flight::position p = scoreboard_first_due(c);
    if (!p) return false;
    const std::uint32_t length = std::min(p->size(), payload_max(c));
    const std::uint32_t flying = in_flight(c);
    const bool forced = r.must_resend || flying == 0;
    if (!forced && flying + length > send_allowance(c)) return false;
    const std::uint32_t offset = p->first - c.snd.una;
    // RFC 9293 3.8.6 (SHLD-16, MAY-7): the oldest goes whatever the windows say
    if (offset != 0 && offset + length > c.snd.wnd) return false;
    if (!forced && is_paced(c) && pacing_holds(k, c, now)) return false;
    scoreboard_join_due(c, p, payload_max(c));
    resend(k, c, p, now, out);
    return true;
}

// RFC 6675 4 (NextSeg), rules (3) and (4), where losses are counted: what is not known to be lost,
// when there is nothing better to keep the acknowledgments coming.
[[gnu::noinline]] bool next_doubtful(core& k, connection& c, instant now, segment& out) noexcept {
    recovery_state& r = *c.recovery;
    if (k.config.rack || !c.sack || r.in != recovery_state::mode::fast || r.due != 0) return false;
    if (in_flight(c) + c.snd.mss > send_allowance(c)) return false;
    flight::position p = scoreboard_first_doubtful(c);  // rule (3)
    if (!p) {  // rule (4): once, when acknowledgments have shown progress
        if (r.rescued || c.snd.una <= r.undo_marker) return false;
        p = probe_tail(k, c);
        if (!p || p->again) return false;
        r.rescued = true;
    }
    resend(k, c, p, now, out);
    return true;
}

// RFC 9293 3.8.6.2.1 (MUST-38), 3.7.4 (SHLD-7): may `length` of `unsent` bytes go, of which
// `usable` fit the windows?
template <bool Rare>
bool is_worth_sending(connection& c, std::uint32_t length, std::uint32_t unsent, std::uint32_t full,
                      bool ends_record) noexcept {
    if (length >= full) return true;  // (1)
    if (length == unsent) {           // (2)
        if (Rare && is_pressing(c, ends_record)) return true;
        if (Rare && holds_back(c)) return false;
        const bool small_outstanding = c.snd.small_end > c.snd.una;
        // Nagle in Minshall's form (RFC 9293 3.7.4 and appendix A.3): one small segment at a time
        return c.no_delay || c.fin_queued || !small_outstanding;
    }
    if (length * 2 >= c.snd.wnd_max) return true;  // (3)
    return c.probe_pending;                        // (4): the override timer
}

// RFC 5681 4.1: after a pause longer than the RTO the window is not trusted.
void restart_after_idle(core& k, connection& c, instant now) noexcept {
    const std::uint32_t idle = k.milliseconds(now) - c.last_sent;
    if (!c.rtt.timeout().is_less_than(idle)) return;
    congestion_on_idle(k, c, std::chrono::milliseconds(idle), now);
}

// A record for new data; nullptr: there is no memory, so it must not leave.
transmission* record_new(core& k, connection& c, std::uint32_t length, std::uint32_t each,
                         instant now) noexcept {
    const auto step = static_cast<std::uint16_t>(std::min(length, each));
    transmission* const t = c.flying.append(k.flights, c.snd.una, c.snd.nxt, c.snd.nxt + length,
                                            step, k.flight_blocks_max(), now);
    if (t != nullptr) [[likely]]
        return t;
    k.count.add(counted::no_memory);
    if (c.deadline(timer::retransmission) == never)  // then it is tried again
        set_retransmission_timer(k, c, retransmission_cause::timeout,
                                 now + retransmission_wait(k, c, now));
    return nullptr;
}

// Who samples the rate of delivery is paced, so nobody else is asked about that.
[[gnu::noinline]] void account_paced(core& k, connection& c, std::uint32_t length,
                                     instant now) noexcept {
    if (c.congestion.samples_rate) rate_on_sent(k, c, length, now);
    pacing_on_sent(k, c, length, now);
}

void account_new(core& k, connection& c, std::uint32_t length, instant now) noexcept {
    if (is_paced(c)) [[unlikely]]
        account_paced(k, c, length, now);
    c.snd.nxt += length;
    c.last_sent = k.milliseconds(now);
    if (c.recovery != nullptr) [[unlikely]]
        recovery_on_sent(k, c, length);
    arm_after_sending(k, c, c.flying.oldest().sent_at, now);
}

// RFC 9293 3.8.6 (MUST-34, SHLD-15): of a window that shrank nothing is usable.
std::uint32_t usable_window(const connection& c) noexcept {
    const std::uint32_t outstanding = c.outstanding();
    const std::uint32_t offered = c.snd.wnd > outstanding ? c.snd.wnd - outstanding : 0;
    const std::uint32_t flying = in_flight(c);
    const std::uint32_t allowed = send_allowance(c);
    return std::min(offered, allowed > flying ? allowed - flying : 0);
}

// RFC 8985 7.3: the probe is one segment beyond the congestion window.
[[gnu::noinline]] std::uint32_t probe_window(const connection& c) noexcept {
    const std::uint32_t outstanding = c.outstanding();
    const std::uint32_t offered = c.snd.wnd > outstanding ? c.snd.wnd - outstanding : 0;
    return std::min<std::uint32_t>(offered, c.snd.mss);
}

// --- Is there new data, and may it go? amount = min(receive window, congestion window, MSS), in
// segments as large as they can be (RFC 9293 3.9.1.2, SHLD-27, SHLD-28)
template <bool Rare>
bool next_new_data(core& k, connection& c, instant now, segment& out) noexcept {
    if (c.fin_sent) return false;
    const std::uint32_t offset = c.outstanding();
    std::uint32_t unsent = c.sending.size() - std::min(offset, c.sending.size());
    if (unsent == 0) return false;
    [[maybe_unused]] const std::uint32_t to_end = unsent;
    new_data_limits limits;
    if constexpr (Rare) {
        limits = limit_new_data(k, c, unsent);
        unsent = limits.unsent;
    }
    if (offset == 0) restart_after_idle(k, c, now);
    const bool probe = c.recovery != nullptr && c.recovery->probe_new;
    const std::uint32_t usable = probe ? probe_window(c) : usable_window(c);
    const std::uint32_t full = payload_max(c);
    std::uint32_t most = full;
    // A super-segment's header is copied: SACK blocks would be told again and again, and CWR.
    if (k.gso_max_bytes > most && full == c.snd.mss && !c.congestion.ecn_reduced &&
        !limits.in_one_piece)
        most = k.gso_max_bytes / most * most;
    std::uint32_t length = std::min({unsent, usable, most});
    const bool kept = Rare && holds_back(c) && !limits.ends_record && !limits.in_one_piece;
    if (length > full && (length != unsent || kept)) length -= length % full;
    if (length == 0 ||
        (!probe && !is_worth_sending<Rare>(c, length, unsent, full, limits.ends_record)))
        return false;
    if (is_paced(c)) [[unlikely]] {
        if (pacing_holds(k, c, now)) return false;
        length = std::min(length, std::max(pacing_quantum(k, c) / full, 1U) * full);
    }
    transmission* const record = record_new(k, c, length, full, now);
    if (record == nullptr) return false;
    begin_segment(k, c, c.snd.nxt, now, out);
    attach_payload(c, offset, length, full, out);
    length = out.payload_size;
    c.probe_pending = false;
    if (length % full != 0) c.snd.small_end = c.snd.nxt + length;
    const bool all = length == unsent;
    // RFC 9293 3.9.1 (MUST-60, MUST-61): nothing follows yet. As Linux also on the last full
    // segment of several sent together, so that a receiver that merges segments passes them on.
    const bool more = std::min(unsent, usable) - length >= full;
    const bool push = all || (!more && (c.in_burst || length > full));
    out.header.flags.psh = push;
    if (push && length >= full) record->pushed = true;
    c.in_burst = more;
    if constexpr (Rare) finish_rare_data(c, all, limits.ends_record, *record, out);
    if (all && c.fin_queued && usable > length && (!Rare || length == to_end)) {
        out.header.flags.fin = true;
        c.fin_sent = true;
        ++length;
    }
    if (c.congestion.ecn) [[unlikely]]
        ecn_mark_data(k, c, out);
    record->last = c.snd.nxt + length;
    account_new(k, c, length, now);
    return true;
}

// --- Does the search for the path's MTU want a larger segment of new data? (RFC 4821 7)
[[gnu::noinline]] bool next_path_probe(core& k, connection& c, instant now, segment& out) noexcept {
    const std::uint32_t offset = c.outstanding();
    if (c.fin_sent || c.sending.size() <= offset) return false;
    const std::uint32_t unsent = c.sending.size() - offset;
    const std::uint32_t size = next_probe_size(k, c, unsent, usable_window(c), now);
    if (size == 0) return false;
    transmission* const record = record_new(k, c, size, size, now);
    if (record == nullptr) return false;
    begin_segment(k, c, c.snd.nxt, now, out);
    attach_payload(c, offset, size, size, out);
    note_path_probe(k, c, out.payload_size);
    tell_urgent(c, out);
    record->last = c.snd.nxt + out.payload_size;
    account_new(k, c, out.payload_size, now);
    return true;
}

[[gnu::noinline]] bool next_rare_data(core& k, connection& c, instant now, segment& out) noexcept {
    return (is_path_limited(c) && next_path_probe(k, c, now, out)) ||
           next_new_data<true>(k, c, now, out);
}

// --- Is it time for the FIN?
[[gnu::noinline]] bool next_fin(core& k, connection& c, instant now, segment& out) noexcept {
    if (c.fin_sent || has_retransmission(c)) return false;
    if (c.outstanding() < c.sending.size()) return false;
    if (c.snd.wnd <= c.outstanding()) return false;  // it takes a sequence number; else the probe
    if (record_new(k, c, 1, 1, now) == nullptr) return false;
    begin_segment(k, c, c.snd.nxt, now, out);
    out.header.flags.fin = true;
    c.fin_sent = true;
    account_new(k, c, 1, now);
    return true;
}

// --- Does a closed window want a probe? RFC 9293 3.8.6.1 (MUST-36): one octet.
[[gnu::noinline]] bool next_probe(core& k, connection& c, instant now, segment& out) noexcept {
    c.probe_pending = false;
    // What it would have carried was acknowledged in the meantime.
    if (c.sending.size() == 0 && !c.fin_queued) return false;
    if (c.snd.nxt == c.snd.una) {
        if (record_new(k, c, 1, 1, now) == nullptr) return false;
        c.snd.nxt += 1;
    }
    if (!c.flying.settle(k.flights, c.snd.una, c.snd.nxt)) return false;
    c.flying.oldest().resent = true;  // no measure of the path: the window is closed
    begin_segment(k, c, c.snd.una, now, out);
    if (c.sending.size() != 0) {
        attach_payload(c, 0, 1, c.snd.mss, out);
    } else if (c.fin_queued) {
        out.header.flags.fin = true;
        c.fin_sent = true;
    }
    if (c.rare != nullptr) tell_urgent(c, out);
    k.count.add(counted::window_probes);
    return true;
}

// --- Has the peer been silent for too long? RFC 9293 3.8.4 (SHLD-12): SEG.SEQ = SND.NXT-1, no data
[[gnu::noinline]] bool next_keep_alive(core& k, connection& c, instant now, segment& out) noexcept {
    c.keep_alive_pending = false;
    begin_segment(k, c, c.snd.nxt - 1, now, out);
    k.count.add(counted::keep_alive_probes);
    return true;
}

// --- Is nothing but an acknowledgment owed?
[[gnu::noinline]] bool next_acknowledgment(core& k, connection& c, instant now,
                                           segment& out) noexcept {
    // RFC 9293 3.10.7.4: SND.NXT, also when the window has shrunk below it
    begin_segment(k, c, c.snd.nxt, now, out);
    if (c.rare != nullptr) tell_urgent(c, out);
    return true;
}

// Data or a FIN waits for a window, and nothing is under way that would bring news of it
// (RFC 9293 3.8.6, MUST-35).
[[gnu::noinline]] void watch_closed_window(core& k, connection& c, instant now) noexcept {
    if (c.probing || c.snd.una != c.snd.nxt) return;
    const bool waiting = c.sending.size() != 0 || (c.fin_queued && !c.fin_sent);
    if (!waiting || (is_paced(c) && pacing_is_waiting(k, c))) return;
    c.probing = true;  // RFC 9293 3.8.6.1 (SHLD-29): first after one RTO, then doubling (SHLD-30)
    c.retries = 0;
    c.stalled_since = k.milliseconds(now);
    k.set_timer(c, timer::persist, now + c.rtt.timeout().value());
}

// A cork holds back what could go: it does so for a while only. False: nothing is held back.
[[gnu::noinline]] bool watch_cork(core& k, connection& c, instant now) noexcept {
    const std::uint32_t offset = c.outstanding();
    if (!holds_back(c) || c.probing || c.sending.size() <= offset) return false;
    const std::uint32_t unsent = c.sending.size() - offset;
    if (unsent >= c.snd.mss || offset + unsent > c.snd.wnd) return false;
    if (c.deadline(timer::persist) == never)
        k.set_timer(c, timer::persist, now + k.config.cork_max);
    return true;
}

// RFC 5682 2.1 step 2 (b): after a timeout that may be none, new data goes first.
bool prefers_new_data(const connection& c) noexcept { return c.recovery->new_data_first; }

// There was no new data, or it may not go.
[[gnu::noinline]] bool next_instead(core& k, connection& c, instant now, segment& out) noexcept {
    recovery_state& r = *c.recovery;
    if (!r.new_data_first) return next_doubtful(k, c, now, out);
    if (c.snd.nxt != r.recover) return false;  // some went: its acknowledgment is awaited
    if (is_paced(c) && pacing_is_waiting(k, c)) return false;  // it will go, a little later
    r.new_data_first = false;
    r.forward = recovery_state::spurious_check::none;
    return has_retransmission(c) && next_retransmission(k, c, now, out);
}

}  // namespace

bool next_segment(core& k, connection& c, instant now, segment& out) noexcept {
    if (c.current <= state::syn_received) [[unlikely]]
        return c.current != state::closed && next_handshake(k, c, now, out);
    if (c.route.mtu != c.snd.mtu) [[unlikely]]
        update_mss(c);
    if (has_retransmission(c) && !prefers_new_data(c)) [[unlikely]] {
        if (next_retransmission(k, c, now, out)) return true;
    } else if (c.rare != nullptr ? next_rare_data(k, c, now, out)
                                 : next_new_data<false>(k, c, now, out)) {
        return true;
    } else if (c.recovery != nullptr) [[unlikely]] {
        if (next_instead(k, c, now, out)) return true;
    }
    if ((c.fin_queued && next_fin(k, c, now, out)) ||
        (c.probe_pending && next_probe(k, c, now, out)) ||
        (c.keep_alive_pending && next_keep_alive(k, c, now, out)) ||
        (c.ack_now && next_acknowledgment(k, c, now, out)))
        return true;
    if (c.rare == nullptr || !watch_cork(k, c, now)) watch_closed_window(k, c, now);
    return false;
}

}  // namespace coax::stack::tcp
