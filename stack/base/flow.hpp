// The demux key of a connection, and the resolved way its segments leave by.
// Knows nothing of how a way is found.
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
    // Destination, source, type: copied as it stands. All zero on the way to an own address.
    std::array<std::byte, 14> ethernet_header{};
    std::uint16_t mtu = 0;    // bytes of IP packet; 0: never resolved
    std::uint32_t epoch = 0;  // 0: not resolved

    // To an own address: it never reaches the device. Also while nothing was resolved.
    bool is_loopback() const noexcept { return ethernet_header[12] == std::byte{0}; }
};

// Counts the changes after which a path may lead elsewhere: routes, addresses, neighbours. One for
// the whole stack: changes are rare, and comparing with one number is all the steady way costs.
class path_epoch {
  public:
    std::uint32_t current() const noexcept { return current_; }
    void advance() noexcept {
        if (++current_ == 0) current_ = 1;  // 0 means "not resolved"
    }

  private:
    std::uint32_t current_ = 1;
};

}  // namespace coax::stack
