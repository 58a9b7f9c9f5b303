// What a seed stands for: hosts, links, faults and dialogues, all drawn before anything happens.
// Data, and how it is drawn; knows nothing of running it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/network/host.hpp"
#include "tests/sim/network/lane.hpp"
#include "tests/sim/swarm/datagram_plan.hpp"
#include "tests/sim/swarm/dialogue.hpp"

namespace coax::sim {

struct planned_link {  // of host i: to the router, or (host 0) to host 1
    lane_options out;
    lane_options in;
    std::uint16_t router_mtu = 1500;
    bool tells_mtu = true;
};

struct planned_dialogue {
    stack::duration begins{0};
    std::size_t client = 0;  // index of the host
    std::size_t server = 1;
    std::uint16_t port = 0;
    bool crossing = false;          // both ends open, at the same moment
    std::uint16_t client_port = 0;  // of a crossing; else an ephemeral one
    script client_script;
    script server_script;
};

struct scenario {
    std::uint64_t seed = 0;
    std::vector<host_options> hosts;
    bool routed = false;              // a router with all hosts; else a cable between two
    std::vector<planned_link> links;  // one for each host; of a cable: one
    std::uint32_t backlog = 128;
    std::vector<planned_dialogue> dialogues;
    datagram_plan datagrams;
    // Nothing in it explains an error: whoever sees one has found a fault.
    bool gentle = false;
    std::string workload;  // its name, for reports
};

// The ports servers listen on.
inline constexpr std::array<std::uint16_t, 3> server_ports{echo_port, 9, 80};

scenario draw_scenario(std::uint64_t seed);

// One line: what is special about it.
std::string describe(const scenario& s);

}  // namespace coax::sim
