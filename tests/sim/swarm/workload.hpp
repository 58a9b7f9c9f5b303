// What the hosts of a scenario do with each other: one kind of workload for each seed.
#pragma once

#include "tests/sim/network/random.hpp"
#include "tests/sim/swarm/scenario.hpp"

namespace coax::sim {

// Fills s.dialogues and s.workload; s.hosts and s.gentle are there.
void draw_workload(seeded_random& r, scenario& s);

// Datagrams beside the dialogues, in a third of the worlds: from a sequence of its own.
void draw_datagrams(seeded_random r, scenario& s);

}  // namespace coax::sim
