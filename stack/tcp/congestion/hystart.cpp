// HyStart++: rounds, their smallest round trips, and what these say (RFC 9406 4.2).
#include "stack/tcp/congestion/hystart.hpp"

#include <algorithm>

namespace coax::stack::tcp {

bool hystart::on_acknowledged(seq una, seq nxt, duration round_trip) noexcept {
    if (in == phase::unused) {
        in = phase::slow_start;
        round_end = nxt;
    }
    if (round_trip > duration::zero()) {
        const std::int64_t us = std::clamp<std::int64_t>(round_trip.count() / 1000, 1, unknown - 1);
        current_min = std::min(current_min, static_cast<std::uint32_t>(us));
        if (samples < hystart_samples_min) ++samples;
        judge();
    }
    if (una < round_end) return false;
    // The round is over; the next one ends when what is out now is acknowledged.
    round_end = nxt;
    last_min = current_min;
    current_min = unknown;
    samples = 0;
    return in == phase::conservative && ++rounds >= hystart_css_rounds;
}

void hystart::judge() noexcept {
    if (samples < hystart_samples_min) return;
    if (in == phase::conservative) {
        // The delay was a passing one: slow start goes on, as if nothing had been.
        if (current_min < baseline) {
            baseline = unknown;
            in = phase::slow_start;
        }
        return;
    }
    if (last_min == unknown) return;
    const std::uint32_t threshold = std::clamp(
        last_min / hystart_rtt_divisor, hystart_rtt_threshold_min, hystart_rtt_threshold_max);
    if (current_min - last_min < threshold || current_min < last_min) return;
    baseline = current_min;
    rounds = 0;
    in = phase::conservative;
}

}  // namespace coax::stack::tcp
