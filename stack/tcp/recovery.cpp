// The states of recovery: how it begins, what each acknowledgment does, how it ends.
#include "stack/tcp/recovery.hpp"

#include <algorithm>

#include "stack/tcp/congestion_events.hpp"
#include "stack/tcp/delivery_rate.hpp"
#include "stack/tcp/loss_detection.hpp"
#include "stack/tcp/mtu_search.hpp"
#include "stack/tcp/retransmission_timer.hpp"
#include "stack/tcp/spurious.hpp"
#include "stack/tcp/tail_loss_probe.hpp"

namespace coax::stack::tcp {

namespace {

using mode = recovery_state::mode;
using check = recovery_state::spurious_check;

void close_recovery(core& k, connection& c) noexcept {
    k.recoveries.destroy(c.recovery);
    c.recovery = nullptr;
}

// RFC 6298 (3), Karn: a segment sent once tells by when it was sent; for others the echoed
// timestamp tells which transmission is meant (RFC 7323 4.1).
void measure(core& k, connection& c, const incoming& in, const delivery& d) noexcept {
    if (d.has_sample()) {
        c.rtt.sample(in.now - d.sent_at, k.timeouts);
        return;
    }
    // With a D-SACK the acknowledgment is the answer to a duplicate, and repeats the echo of one
    // that was lost: as old as our back-off.
    if (d.dsack) return;
    const auto& stamps = in.header.options.timestamps;
    if (d.acked == 0 || !c.timestamps || !stamps || stamps->echo == 0) return;
    const std::uint32_t ms = k.milliseconds(in.now) + c.ts.offset - stamps->echo;
    if (ms < 0x7fffffffU / 1000) c.rtt.sample(std::chrono::milliseconds(ms), k.timeouts);
}

// --- A peer without SACK: each duplicate acknowledgment stands for one segment that arrived.
void count_arrivals(core& k, connection& c, delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    const std::uint32_t mss = c.snd.mss;
    if (d.acked != 0) {
        // One of the segments was missing, the others had been counted.
        const std::uint32_t before = r.in == mode::fast && d.acked > mss ? d.acked - mss : 0;
        const std::uint32_t known = std::min(r.counted, before);
        if (r.in == mode::fast) r.counted -= known;
        else r.counted = 0;
        d.delivered -= std::min(d.delivered, known);
        r.duplicates = 0;
        // RFC 6582 3.2 step 1: what was sent before the last recovery starts no new one.
        if (r.guarded && c.snd.una > r.recover) r.guarded = false;
        return;
    }
    if (!d.duplicate) return;
    // RFC 5682 2.1 step 3 (a): after a timeout it can only tell of what F-RTO sent.
    if (r.in == mode::timeout && c.snd.nxt <= r.recover) return;
    if (r.in == mode::none) {
        if (r.guarded && r.duplicates + 1 >= duplicate_threshold) return;
        if (r.duplicates < 255) ++r.duplicates;
    }
    const std::uint32_t most = c.outstanding() - std::min(c.outstanding(), r.lost + mss);
    r.counted = std::min(r.counted + mss, most);
    d.delivered += mss;
    // RFC 5681 3.2 step 2
    if (r.in == mode::none && r.duplicates >= duplicate_threshold) lose_first(k, c, d);
}

void enter_fast(core& k, connection& c, const delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    r.spares_window = is_path_probe_loss(c);
    undo_remember(c);
    r.undoable = !r.spares_window;
    r.in = mode::fast;
    r.recover = c.snd.nxt;
    r.must_resend = true;  // RFC 6675 5 (4.3), RFC 5681 3.2 step 3
    r.guarded = !c.sack;
    r.probing = r.probe_new = r.probe_tail = r.rescued = false;
    k.count.add(c.sack ? counted::sack_recoveries : counted::fast_recoveries);
    // RFC 6937bis: RecoverFS. What arrived before was accounted for by limited transmit.
    const std::uint32_t told = c.sack ? d.sacked : d.delivered - std::min(d.delivered, d.acked);
    const std::uint32_t known = r.sacked + r.counted;
    const std::uint32_t gone = known - std::min(told, known);
    const std::uint32_t flying = c.outstanding() + d.acked;
    r.reduction.begin(flying - std::min(flying, gone));
    if (r.spares_window) return;
    // RFC 5681 3.2 step 2: FlightSize without what limited transmit sent beyond the window; and
    // before this acknowledgment, which may cover most of a window when the receiver tells rarely.
    congestion_on_loss(k, c, std::min(flying, c.congestion.window.bytes()), d.now);
}

void leave(connection& c) noexcept {
    recovery_state& r = *c.recovery;
    if (c.sack && !r.in_dsack_round) rack_on_recovered(c);
    r.in = mode::none;
    r.forward = check::none;
    r.must_resend = r.new_data_first = false;
    r.duplicates = 0;
    r.counted = 0;
    r.undo_limit = c.snd.nxt;
}

// True: recovery is over.
bool advance_fast(core& k, connection& c, delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    if (c.snd.una >= r.recover) {  // RFC 6675 5, RFC 6582 3.2 step 3: full acknowledgment
        leave(c);
        if (!r.spares_window) congestion_on_recovered(k, c, true, d.now);
        return true;
    }
    // RFC 6582 3.2 step 3: partial; the next hole is lost too
    if (!c.sack && d.acked != 0) lose_first(k, c, d);
    return false;
}

void advance_timeout(core& k, connection& c, const delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    if (c.snd.una >= r.recover) {
        leave(c);
        // Others have been in slow start since the timeout.
        if (control_of(k, c).owns_recovery()) congestion_on_recovered(k, c, false, d.now);
        return;
    }
    check_forward(c, d);
}

// Where the window goes: by PRR in fast recovery, by the congestion control otherwise.
void steer_window(core& k, connection& c, const delivery& d, bool left) noexcept {
    const recovery_state& r = *c.recovery;
    const bool owned = control_of(k, c).owns_recovery();
    congestion_note_flight(c, d.una_before, d.in_flight_before);
    if (r.in == mode::fast && !owned && !r.spares_window) {
        const std::uint32_t flying = in_flight(c);
        const std::uint32_t count =
            c.recovery->reduction.allowance(d.delivered, flying, c.congestion.slow_start_threshold,
                                            c.snd.mss, d.acked != 0 && d.lost == 0);
        c.congestion.window = congestion_window::clamped(std::uint64_t{flying} + count, c.snd.mss);
        return;
    }
    // What SACK blocks told before was counted when it let new data go.
    const std::uint32_t bytes = std::min(d.acked, d.delivered);
    if (!owned && (left || bytes == 0)) return;
    acknowledged a;
    a.now = d.now;
    a.bytes = bytes;
    a.in_flight = d.in_flight_before;
    a.round_trip = c.rtt.smoothed();
    a.window_limited = is_window_limited(c.congestion);
    if (d.has_sample()) a.newest_round_trip = d.now - d.sent_at;
    a.una = c.snd.una;
    a.nxt = c.snd.nxt;
    a.delivered = d.delivered;
    a.lost = d.lost;
    a.in_flight_after = in_flight(c);
    a.in_recovery = r.in != mode::none;
    if (c.congestion.samples_rate) rate_on_acknowledged(k, c, a, d.newest);
    else congestion_on_acknowledged(k, c, a);
}

void rearm(core& k, connection& c, const delivery& d) noexcept {
    using namespace std::chrono_literals;
    recovery_state& r = *c.recovery;
    if (c.snd.una == c.snd.nxt) {
        core::clear_timer(c, timer::retransmission);  // RFC 6298 (5.2)
        // The state waits for a last D-SACK, no longer than a timeout.
        if (!r.is_idle())
            set_retransmission_timer(k, c, retransmission_cause::timeout,
                                     d.now + c.rtt.timeout().value());
        return;
    }
    if (c.flying.oldest().sacked) {  // RFC 2018 8: the receiver reneged; don't wait long
        r.reneged = true;
        set_retransmission_timer(k, c, retransmission_cause::timeout,
                                 d.now + std::max<duration>(c.rtt.smoothed() / 2, 10ms));
    } else if (d.wait > duration::zero()) {  // RFC 8985 6.2 step 5
        set_retransmission_timer(k, c, retransmission_cause::reordering, d.now + d.wait);
    } else if (d.acked != 0 ||
               (d.sacked != 0 && d.has_sample() && d.sent_at > c.flying.oldest().sent_at)) {
        arm_after_progress(k, c, d.now);
    } else if (c.timer_cause != retransmission_cause::timeout && !may_probe(k, c)) {
        arm_timeout_from_oldest(k, c, d.now);
    }
}

void find_losses(core& k, connection& c, delivery& d) noexcept {
    detect_losses(k, c, d);
    if (d.lost != 0) k.count.add(counted::lost_segments, (d.lost + c.snd.mss - 1U) / c.snd.mss);
    recovery_state& r = *c.recovery;
    if (r.due == 0) return;
    // A recovery that spared the window and finds a true loss begins anew.
    if (r.in == mode::none ||
        (r.in == mode::fast && r.spares_window && d.lost != 0 && !is_path_probe_loss(c)))
        enter_fast(k, c, d);
}

}  // namespace

recovery_state* recovery_open(core& k, connection& c) noexcept {
    if (c.recovery != nullptr) return c.recovery;
    if (c.flying.settle(k.flights, c.snd.una, c.snd.nxt))
        c.recovery = k.recoveries.create(c.snd.una);
    if (c.recovery == nullptr) k.count.add(counted::no_memory);
    return c.recovery;
}

void recovery_clear(core& k, connection& c) noexcept {
    c.flying.clear(k.flights);
    if (c.recovery != nullptr) close_recovery(k, c);
}

void recovery_on_acknowledged(core& k, connection& c, const incoming& in, delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    measure(k, c, in, d);
    rack_adapt(c, d);
    take_probe_answer(k, c, in, d);
    if (!c.sack) count_arrivals(k, c, d);
    if (c.congestion.samples_rate) rate_on_delivered(k, c, d.delivered, d.now);
    bool left = undo_if_spurious(k, c, in, d);
    if (r.in == mode::fast) left = advance_fast(k, c, d);
    else if (r.in == mode::timeout) advance_timeout(k, c, d);
    find_losses(k, c, d);
    steer_window(k, c, d, left);
    if (r.in == mode::none && r.undoable && c.snd.una > r.undo_limit) r.undoable = false;
    rearm(k, c, d);
    k.make_ready(c);
    // RACK's memory is what the reordering timer will judge by.
    if (r.is_idle() && d.wait == duration::zero()) close_recovery(k, c);
}

void recovery_on_reordering_timeout(core& k, connection& c, instant now) noexcept {
    if (c.flying.empty()) return;
    if (c.recovery == nullptr) {  // what it waited for is no longer in doubt
        arm_timeout_from_oldest(k, c, now);
        return;
    }
    delivery d;
    d.now = now;
    d.una_before = c.snd.una;
    find_losses(k, c, d);
    steer_window(k, c, d, false);
    if (d.wait > duration::zero())
        set_retransmission_timer(k, c, retransmission_cause::reordering, now + d.wait);
    else arm_timeout_from_oldest(k, c, now);
    k.make_ready(c);
}

// RFC 6298 (5.4), RFC 5681 3.1, RFC 8985 6.3
void recovery_on_timeout(core& k, connection& c, instant now) noexcept {
    recovery_state* const opened = recovery_open(k, c);
    if (opened == nullptr) {  // without memory: later
        set_retransmission_timer(k, c, retransmission_cause::timeout,
                                 now + retransmission_wait(k, c, now));
        return;
    }
    recovery_state& r = *opened;
    const std::uint32_t flying = in_flight(c);
    const bool fresh =
        r.in == mode::none || c.snd.una >= r.recover || (r.in == mode::fast && r.spares_window);
    if (fresh) undo_remember(c);
    congestion_on_timeout(k, c, flying, c.retries != 0, now);
    // RFC 5682 2.1 step 1: not again for the same data
    r.forward = k.config.forward_rto && fresh ? check::first : check::none;
    r.in = mode::timeout;
    r.recover = c.snd.nxt;
    r.guarded = !c.sack;
    r.probing = r.probe_new = r.probe_tail = r.new_data_first = false;
    r.duplicates = 0;
    r.counted = 0;
    r.must_resend = true;
    if (c.flying.oldest().sacked) {  // RFC 2018 8
        k.count.add(counted::sack_reneges);
        scoreboard_forget_sacks(c);
    }
    r.reneged = false;
    delivery d;
    d.now = now;
    lose_expired(k, c, d);
    // What was sent a moment ago may be under way beside the one segment of RFC 5681 3.1.
    if (const std::uint32_t left = in_flight(c); left != 0)
        c.congestion.window =
            congestion_window::clamped(std::uint64_t{left} + c.snd.mss, c.snd.mss);
    k.make_ready(c);
}

void recovery_resend_all(core& k, connection& c) noexcept {
    if (c.snd.una == c.snd.nxt || c.flying.empty()) return;
    recovery_state* const r = recovery_open(k, c);
    if (r == nullptr) return;  // the timeout will come to it
    if (r->in != mode::timeout) {
        r->in = mode::timeout;
        r->recover = c.snd.nxt;
        r->guarded = !c.sack;
        r->duplicates = 0;
    }
    r->forward = check::none;
    r->undoable = r->new_data_first = false;
    r->probing = r->probe_new = r->probe_tail = false;
    r->must_resend = true;
    scoreboard_lose_all(c);
    k.make_ready(c);
}

void recovery_on_sent(core& k, connection& c, std::uint32_t bytes) noexcept {
    recovery_state& r = *c.recovery;
    if (r.in == mode::fast) r.reduction.on_sent(bytes);
    if (r.probe_new) probe_sent(k, c, false);
}

}  // namespace coax::stack::tcp
