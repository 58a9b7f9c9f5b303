// The demux key of a connection, and the resolved way its segments leave by.
#pragma once

#include <array>
#include <cstdint>

#include "stack/base/address.hpp"

namespace coax::stack {

// Both ends, seen from this host. remote is all zero in a listener's key.
struct flow {
    endpoint local;
    endpoint remote;

    friend bool operator==(const flow&, const flow&) noexcept = default;
};

// Result of routing and neighbour resolution, cached with whoever sends much. `epoch` tells whether
// the tables changed since: the egress compares it with its own and resolves anew when it differs.
struct path {
    std::array<std::byte, 14> ethernet_header{};  // destination, source, type: copied as it stands
    std::uint16_t mtu = 0;                        // bytes of IP packet; 0: never resolved
    std::uint32_t epoch = 0;                      // 0: not resolved
};

}  // namespace coax::stack
