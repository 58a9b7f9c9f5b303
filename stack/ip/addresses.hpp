// The own addresses of the host and what follows from them: what is ours, what is a broadcast,
// which source to use. Both families.
#pragma once

#include <optional>
#include <vector>

#include "stack/base/address.hpp"
#include "stack/base/result.hpp"
#include "stack/config.hpp"

namespace coax::stack::ip {

class address_table {
  public:
    explicit address_table(const ip_config& config) : config_(config) {}

    // address_in_use: it is there already; invalid_argument: no host can have it.
    status add(const ip_prefix& address);
    const std::vector<ip_prefix>& all() const noexcept { return addresses_; }

    // One of the interface's addresses.
    bool is_own(const ip_address& address) const noexcept {
        for (const ip_prefix& own : addresses_)
            if (own.address == address) return true;
        return false;
    }
    // Reached inside the host: an own address, or one of the loopback network.
    bool is_local(const ip_address& address) const noexcept {
        return is_own(address) || address.is_loopback();
    }
    // 255.255.255.255 or the broadcast address of an own subnet (RFC 1122 3.3.6).
    bool is_broadcast(const ip_address& address) const noexcept;
    // A unicast address of an own subnet, our own not excepted.
    bool is_on_link(const ip_address& address) const noexcept;
    // RFC 1122 3.3.4.3: the address on the next hop's subnet, or else the first of its family.
    std::optional<ip_address> source_towards(const ip_address& next_hop) const noexcept;

  private:
    const ip_config& config_;
    std::vector<ip_prefix> addresses_;
};

}  // namespace coax::stack::ip
