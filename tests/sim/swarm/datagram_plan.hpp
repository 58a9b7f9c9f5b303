// Which datagrams a simulation sends beside its streams. Data; knows nothing of sending.
#pragma once

#include <cstdint>
#include <vector>

#include "stack/base/time.hpp"
#include "tests/sim/network/random.hpp"

namespace coax::sim {

inline constexpr std::uint32_t datagram_head_bytes = 8;  // the least a datagram has
inline constexpr std::uint32_t datagram_bytes_max = 65507;

struct planned_datagrams {
    std::size_t from = 0;  // index of the host
    std::size_t to = 1;
    stack::duration begins{0};
    stack::duration apart{0};
    std::vector<std::uint32_t> sizes;  // bytes, one for each datagram
};

struct datagram_plan {
    std::vector<planned_datagrams> flows;
    // Share of fragments on the wire that are answered by a forged one of the same datagram.
    per_million forged = 0;
    std::uint64_t seed = 0;  // of the forger
};

}  // namespace coax::sim
