// Moments and sums of durations in 32 bits, for what a connection tells of itself: writing one
// costs a shift. Steps of 2^20 ns (1.05 ms), so both wrap after 52 days.
#pragma once

#include <cstdint>

#include "stack/base/time.hpp"

namespace coax::stack::tcp {

inline constexpr int coarse_bits = 20;

class coarse_instant {
  public:
    coarse_instant() noexcept = default;
    explicit coarse_instant(instant now) noexcept
        : steps_(static_cast<std::uint32_t>(
              static_cast<std::uint64_t>(now.time_since_epoch().count()) >> coarse_bits)) {}
    std::uint32_t steps() const noexcept { return steps_; }
    // From here to `now`.
    duration until(instant now) const noexcept {
        return duration(std::int64_t{coarse_instant(now).steps_ - steps_} << coarse_bits);
    }

  private:
    std::uint32_t steps_ = 0;
};

// How long something lasted in all. Each time begins and ends on a step, so that a short one counts
// as none or as a whole step, and many of them as long as they were. It doesn't know whether it
// runs: whoever starts it stops it.
class coarse_stopwatch {
  public:
    void start(coarse_instant now) noexcept { sum_ -= now.steps(); }
    void stop(coarse_instant now) noexcept { sum_ += now.steps(); }
    duration total(bool runs, coarse_instant now) const noexcept {
        return duration(std::int64_t{runs ? sum_ + now.steps() : sum_} << coarse_bits);
    }

  private:
    std::uint32_t sum_ = 0;  // steps: of all ends, less those of all beginnings
};

}  // namespace coax::stack::tcp
