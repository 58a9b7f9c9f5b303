// pipeACK, the two phases, and what congestion and time do to a window that is not validated.
#include "stack/tcp/validation.hpp"

#include <algorithm>

namespace coax::stack::tcp {

namespace {

validation_state& state_of(core& k, const connection& c) noexcept {
    return *k.validations.at(k.pacings.at(c.congestion.pacing - 1)->validation - 1);
}

// RFC 7661 4.2: the pipeACK Sampling Period is max(3 * RTT, 1 s).
duration length_of_part(const connection& c) noexcept {
    return std::max<duration>(c.rtt.smoothed() * 3, 1s) /
           static_cast<std::int64_t>(validation_state::parts);
}

// RFC 7661 4.2: undefined at the start and after a recovery, and 4.3: so the window is validated.
void forget(const connection& c, validation_state& v, instant now) noexcept {
    v.defined = v.sampling = false;
    v.highest.fill(0);
    v.silent = 0;
    v.part_end = now + length_of_part(c);
    v.unvalidated_since = never;
    v.used = 0;
}

// RFC 7661 4.3: pipeACK >= cwnd / 2, or undefined.
bool is_enough(const connection& c, const validation_state& v) noexcept {
    return !v.defined || std::uint64_t{v.pipe_ack()} * 2 >= c.congestion.window.bytes();
}

// Samples become old. A sender that was silent for a whole sampling period had nothing acknowledged
// in it: so pipeACK is known, and it is zero. Otherwise who pauses after a recovery would keep the
// window for good.
void pass_time(core& k, connection& c, validation_state& v, instant now) noexcept {
    const duration length = length_of_part(c);
    if (v.part_end == instant{}) v.part_end = now + length;
    while (v.part_end <= now) {
        v.part = static_cast<std::uint8_t>((v.part + 1U) % validation_state::parts);
        v.highest[v.part] = 0;
        if (v.silent < validation_state::parts) ++v.silent;
        if (v.silent == validation_state::parts) v.defined = true;
        if (v.unvalidated_since == never && !is_enough(c, v)) {
            v.unvalidated_since = v.part_end;
            k.count.add(counted::non_validated_phases);
        }
        // All of them are empty: the rest of the pause changes nothing.
        if (v.silent == validation_state::parts) v.part_end = std::max(v.part_end, now);
        v.part_end += length;
    }
}

// RFC 7661 4.4.3, 4.5.2: one reduction for each period that has passed.
void end_periods(core& k, connection& c, validation_state& v, instant now) noexcept {
    if (v.unvalidated_since == never) return;
    congestion_state& s = c.congestion;
    const duration period = std::max<duration>(k.config.non_validated_period, 1ms);
    const std::int64_t periods = (now - v.unvalidated_since) / period;
    if (periods <= 0) return;
    v.unvalidated_since += period * periods;
    const std::uint32_t least = initial_window(c.snd.mss, k.config.congestion_window_initial);
    for (std::int64_t left = periods; left > 0; --left) {
        const std::uint32_t window = s.window.bytes();
        s.slow_start_threshold = std::max(s.slow_start_threshold, window / 4 * 3);
        const std::uint32_t next = std::min(window, std::max(window / 2, least));
        if (next == window) break;
        s.set_window(next);
    }
}

void settle_phase(core& k, connection& c, validation_state& v, instant now) noexcept {
    end_periods(k, c, v, now);
    if (is_enough(c, v)) {
        v.unvalidated_since = never;
    } else if (v.unvalidated_since == never) {
        v.unvalidated_since = now;
        k.count.add(counted::non_validated_phases);
    }
}

// RFC 7661 4.2: what was in flight when the sample began, once all of it is acknowledged, is what
// the network took in a round trip. Acknowledgments that come late and together count for no more.
void take_sample(validation_state& v, const acknowledged& a) noexcept {
    if (!v.sampling) {
        v.sampling = true;
        v.sample_from = a.una - a.bytes;
        v.sample_end = a.nxt;
    }
    if (a.una < v.sample_end) return;
    std::uint32_t& highest = v.highest[v.part];
    highest = std::max(highest, v.sample_end - v.sample_from);
    v.defined = true;
    v.silent = 0;
    v.sampling = a.una != a.nxt;
    v.sample_from = a.una;
    v.sample_end = a.nxt;
}

// Also the acknowledgment that ends the recovery from a timeout.
bool is_in_recovery(const connection& c, const acknowledged& a) noexcept {
    const recovery_state* const r = c.recovery;
    return a.in_recovery || (r != nullptr && r->undoable && a.una - a.bytes < r->recover);
}

// RFC 7661 4.4.1, R: what was lost and sent again in this recovery, each byte once.
std::uint32_t retransmitted(const connection& c) noexcept {
    const recovery_state* const r = c.recovery;
    if (r == nullptr) return 0;
    return r->undoable ? std::min(r->repaired, r->resent_bytes) : r->repaired;
}

}  // namespace

bool validation_start(core& k, connection& c) noexcept {
    if (c.congestion.validating) return true;
    validation_state* const v = k.validations.create();
    if (v == nullptr) {
        k.count.add(counted::no_memory);
        return false;
    }
    k.pacings.at(c.congestion.pacing - 1)->validation = v->index + 1;
    c.congestion.validating = true;  // RFC 7661 4.1: validated, and pipeACK undefined
    return true;
}

void validation_stop(core& k, connection& c) noexcept {
    if (!c.congestion.validating) return;
    k.validations.destroy(&state_of(k, c));
    k.pacings.at(c.congestion.pacing - 1)->validation = 0;
    c.congestion.validating = false;
}

bool is_window_validated(core& k, const connection& c) noexcept {
    return state_of(k, c).unvalidated_since == never;
}

std::uint32_t pipe_ack_of(core& k, const connection& c) noexcept {
    return state_of(k, c).pipe_ack();
}

acknowledged validation_on_acknowledged(core& k, connection& c, const acknowledged& a) noexcept {
    validation_state& v = state_of(k, c);
    acknowledged told = a;
    if (is_in_recovery(c, a)) {  // RFC 7661 4.2: nothing is measured
        forget(c, v, a.now);
        return told;
    }
    pass_time(k, c, v, a.now);
    take_sample(v, a);
    settle_phase(k, c, v, a.now);
    // RFC 7661 4.4, 4.5.3: then only who fills the window makes it grow; in slow start, half of it
    // was enough (is_window_limited).
    if (v.unvalidated_since != never && !c.congestion.flight_filled) told.window_limited = false;
    return told;
}

void validation_on_idle(core& k, connection& c, instant now) noexcept {
    validation_state& v = state_of(k, c);
    pass_time(k, c, v, now);
    settle_phase(k, c, v, now);
}

std::uint32_t validation_on_congestion(core& k, connection& c, std::uint32_t in_flight,
                                       congestion_sign sign, instant now) noexcept {
    validation_state& v = state_of(k, c);
    validation_on_idle(k, c, now);
    if (v.unvalidated_since == never) return 0;
    const std::uint32_t used = std::max({v.pipe_ack(), in_flight, 1U});
    if (sign == congestion_sign::ecn) {  // no recovery follows
        forget(c, v, now);
    } else {
        v.unvalidated_since = never;
        v.used = used;
    }
    c.congestion.set_window(std::min(c.congestion.window.bytes(), used));
    return used;
}

// RFC 7661 4.4.1: cwnd = max(pipeACK, LossFlightSize) / 2, not below one segment.
void validation_reduce(connection& c, std::uint32_t used) noexcept {
    congestion_state& s = c.congestion;
    s.set_window(used / 2);
    s.slow_start_threshold = std::max(used / 2, 2U * s.mss);  // RFC 5681 (4)
}

// RFC 7661 4.4.1: cwnd = (max(pipeACK, LossFlightSize) - R) / 2, ssthresh with it.
void validation_on_recovered(core& k, connection& c, instant now) noexcept {
    validation_state& v = state_of(k, c);
    if (v.used != 0) validation_reduce(c, v.used - std::min(v.used, retransmitted(c)));
    if (c.recovery != nullptr) c.recovery->repaired = 0;
    forget(c, v, now);
}

// RFC 7661 4.4: the phase is over, and the rest is RFC 5681's.
void validation_on_timeout(core& k, connection& c, instant now) noexcept {
    forget(c, state_of(k, c), now);
}

void validation_on_undo(core& k, connection& c) noexcept { state_of(k, c).used = 0; }

}  // namespace coax::stack::tcp
