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
    // An own address or the broadcast address of an own subnet: no peer can have it.
    bool is_own_or_broadcast(const ip_address& address) const noexcept {
        for (const ends& e : ends_)
            if (e.own == address || e.broadcast == address) return true;
        return address.is_limited_broadcast();
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
    // Of the same addresses: what the check of every packet compares with.
    struct ends {
        ip_address own;
        ip_address broadcast;  // the own address again where there is none
    };
    std::vector<ends> ends_;
};

}  // namespace coax::stack::ip
