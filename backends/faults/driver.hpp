// Faults around a whole backend: for `loss=`, `delay=` and their kin in a specification. Knows
// nothing of the medium inside.
#pragma once

#include <memory>

#include "backends/driver.hpp"
#include "backends/faults/options.hpp"

namespace coax::backends {

// `inner` with faults in both directions, its time taken from CLOCK_MONOTONIC. Says so in the
// description's notes. Returns `inner` itself when the options ask for nothing.
std::unique_ptr<driver> add_faults(std::unique_ptr<driver> inner, const fault_options& faults);

}  // namespace coax::backends
