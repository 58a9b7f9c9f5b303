// What came to be drawn later: each from a sequence of its own, so that what was drawn before
// stays, and in some of the worlds only, so that the others are as they were.
#pragma once

#include "tests/sim/swarm/scenario.hpp"

namespace coax::sim {

void draw_circumstances(const seeded_random& root, scenario& s);

}  // namespace coax::sim
