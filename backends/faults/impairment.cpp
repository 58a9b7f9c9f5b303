// Draws faults: independent ones, and runs of losses by the two-state model of Gilbert.
// Knows nothing of frames.

#include "backends/faults/impairment.hpp"

namespace coax::backends {

impairment::impairment(const fault_options& options, std::uint64_t direction) noexcept
    : options_(options), state_(options.seed * 0x9e3779b97f4a7c15U + direction) {}

// SplitMix64 (Steele, Lea, Flood 2014): any seed will do, and every draw costs the same.
std::uint64_t impairment::draw() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

bool impairment::chance(double share) noexcept {
    // 53 bits: 0 <= drawn < 1, so a share of 1 is certain and a share of 0 impossible.
    const double drawn = static_cast<double>(draw() >> 11) * 0x1.0p-53;
    return drawn < share;
}

bool impairment::lose() noexcept {
    if (options_.burst <= 1 || options_.loss >= 1) return chance(options_.loss);
    // Runs of mean length `burst` that make up `loss` of all frames: left with 1/burst, entered
    // with what balances that.
    if (in_burst_) in_burst_ = !chance(1 / options_.burst);
    else in_burst_ = chance(options_.loss / (options_.burst * (1 - options_.loss)));
    return in_burst_;
}

verdict impairment::next() noexcept {
    // Every frame takes the same number of draws, whatever becomes of it: one option changed
    // leaves the others' faults where they were.
    verdict what;
    what.lost = lose();
    what.corrupt = chance(options_.corrupt);
    what.corrupt_at = draw();
    what.duplicate = chance(options_.duplicate);
    const bool reorder = chance(options_.reorder);
    const std::uint64_t depth = draw();
    if (reorder) what.overtaken_by = 1 + static_cast<std::uint32_t>(depth % overtaken_by_max);
    const std::uint64_t jitter = draw();
    what.delay = options_.delay;
    if (options_.jitter > stack::duration{0})
        what.delay += stack::duration{static_cast<stack::duration::rep>(
            jitter % (static_cast<std::uint64_t>(options_.jitter.count()) + 1))};
    return what;
}

}  // namespace coax::backends
