// What may go wrong on a medium, as numbers. Knows neither a device nor how the numbers are drawn.
#pragma once

#include <cstdint>

#include "stack/base/time.hpp"

namespace coax::backends {

// Shares are probabilities per frame, 0..1, drawn independently for each direction of the device
// that is wrapped: with loss = 0.02 two of a hundred received and two of a hundred sent frames are
// lost. The same seed and the same frames give the same faults.
struct fault_options {
    double loss = 0;            // loss=: share of frames lost
    double burst = 1;           // burst=: mean length of a run of losses, in frames; 1: no runs
    double duplicate = 0;       // duplicate=: share of frames delivered twice
    double reorder = 0;         // reorder=: share of frames overtaken by 1..8 later ones
    double corrupt = 0;         // corrupt=: share of frames with one bit flipped
    stack::duration delay{0};   // delay=: added to every frame
    stack::duration jitter{0};  // jitter=: 0..jitter more, drawn per frame; frames may overtake
    std::uint64_t seed = 1;     // seed=

    bool any() const noexcept {
        return loss > 0 || duplicate > 0 || reorder > 0 || corrupt > 0 ||
               delay > stack::duration{0} || jitter > stack::duration{0};
    }
    friend bool operator==(const fault_options&, const fault_options&) noexcept = default;
};

}  // namespace coax::backends
