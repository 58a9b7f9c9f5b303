// Numbers from a seed, the same on every machine: whole numbers only, and none of the library's
// distributions. Knows nothing of what is drawn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "stack/base/random.hpp"
#include "stack/base/time.hpp"

namespace coax::sim {

// A share of a million: 0 never, 1'000'000 always.
using per_million = std::uint32_t;

class seeded_random final : public stack::random_source {
  public:
    explicit seeded_random(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept override {  // SplitMix64 (Steele, Lea, Flood 2014)
        state_ += 0x9e37'79b9'7f4a'7c15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9U;
        z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11ebU;
        return z ^ (z >> 31);
    }
    // 0..count-1; count is not 0. The unevenness of a remainder does not matter to a simulation.
    std::uint64_t below(std::uint64_t count) noexcept { return next() % count; }
    // least..most, both included.
    std::uint64_t between(std::uint64_t least, std::uint64_t most) noexcept {
        return least + below(most - least + 1);
    }
    stack::duration between(stack::duration least, stack::duration most) noexcept {
        return stack::duration(static_cast<stack::duration::rep>(between(
            static_cast<std::uint64_t>(least.count()), static_cast<std::uint64_t>(most.count()))));
    }
    // Between 1 and `most`, each power of two as likely as the next: small numbers are not rare.
    std::uint64_t spread(std::uint64_t most) noexcept {
        unsigned bits = 0;
        while (bits < 63 && (most >> bits) > 1) ++bits;
        const std::uint64_t top = std::uint64_t{1} << below(bits + 1);
        const std::uint64_t drawn = top + below(top);
        return drawn < most ? drawn : most;
    }
    bool chance(per_million share) noexcept { return below(1'000'000) < share; }
    bool one_in(std::uint64_t count) noexcept { return below(count) == 0; }
    template <class T, std::size_t N>
    const T& pick(const std::array<T, N>& from) noexcept {
        return from[below(N)];
    }
    // A sequence of its own for one part of the world: what that part draws moves no other part.
    seeded_random fork(std::uint64_t purpose) const noexcept {
        seeded_random other(state_ ^ (purpose + 1) * 0xd6e8'feb8'6659'fd93U);
        return seeded_random(other.next());
    }

  private:
    std::uint64_t state_;
};

}  // namespace coax::sim
