// What must be true when all is over: the stacks are empty, the numbers add up, and no frame is
// missing. Knows no dialogue.
#pragma once

#include "tests/sim/network/network.hpp"
#include "tests/sim/swarm/fault.hpp"
#include "tests/sim/swarm/flow_watch.hpp"

namespace coax::sim {

// The longest that anything of this host may last when its users are gone and the links work.
stack::duration longest_afterlife(const stack::stack_config& c);

// The listeners are closed, all timers had their time: nothing is held any more.
void check_emptiness(const host& h, fault_list& faults);
// Counters against what was seen at the card.
void check_counters(const host& h, const flow_watch& flows, fault_list& faults);
// Ends all hosts: every frame is back in its pool, every lane has delivered or lost what it took.
void check_frames(network& net, fault_list& faults);

// "name=value" of all that is not zero.
std::string nonzero(const std::vector<stack::counter>& numbers);

}  // namespace coax::sim
