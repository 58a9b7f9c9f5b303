// One seed, from the first frame to the last, with all oracles watching. The same seed gives the
// same run on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/swarm/fault.hpp"

namespace coax::sim {

struct run_options {
    std::string capture;           // a pcapng file of what one host sends and takes; empty: none
    std::size_t capture_host = 1;  // which, from 1 on
    bool counters = false;         // fill run_result::counters
};

struct run_result {
    std::uint64_t seed = 0;
    std::uint64_t digest = 0;  // of all frames with their moments, as sent
    std::uint64_t frames = 0;  // sent by hosts
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;    // read by the users
    stack::duration lasted{0};  // virtual time until the last dialogue was over
    std::string scenario;
    std::vector<std::string> counters;  // one line for each host, if asked for
    fault_list faults;
};

run_result run_seed(std::uint64_t seed, const run_options& options = {});

}  // namespace coax::sim
