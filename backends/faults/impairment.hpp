// What happens to the next frame of one direction, drawn from a seed. Knows no device, no frame
// bytes and no clock: the same seed and the same questions give the same answers.
#pragma once

#include <cstdint>

#include "backends/faults/options.hpp"
#include "stack/base/time.hpp"

namespace coax::backends {

// The order of the fields is the order of effect: a lost frame is nothing else.
struct verdict {
    bool lost = false;
    bool corrupt = false;
    std::uint64_t corrupt_at = 0;  // random; the bit is this modulo the bits there are
    bool duplicate = false;
    std::uint32_t overtaken_by = 0;  // 0: not reordered
    stack::duration delay{0};
};

class impairment {
  public:
    static constexpr std::uint32_t overtaken_by_max = 8;

    // `direction` tells apart the sequences of one seed.
    impairment(const fault_options& options, std::uint64_t direction) noexcept;

    verdict next() noexcept;

  private:
    std::uint64_t draw() noexcept;
    bool chance(double share) noexcept;
    bool lose() noexcept;

    fault_options options_;
    std::uint64_t state_;
    bool in_burst_ = false;
};

}  // namespace coax::backends
