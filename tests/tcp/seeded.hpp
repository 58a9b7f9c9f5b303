// Randomness for tests: the same seed, the same numbers, on any machine.
#pragma once

#include <cstdint>

#include "stack/base/random.hpp"

namespace coax::tests {

// SplitMix64 (Steele, Lea, Flood 2014).
class seeded final : public stack::random_source {
  public:
    explicit seeded(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() noexcept override {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }
    bool chance(double probability) {
        return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
    }

  private:
    std::uint64_t state_;
};

}  // namespace coax::tests
