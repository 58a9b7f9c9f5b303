// Which next hop leads to a destination: the longest matching prefix (RFC 1122 3.3.1, RFC 1812
// 5.2.4.3), both families in one table. One hash look-up per prefix length in use, longest first.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "stack/base/address.hpp"
#include "stack/base/flow.hpp"
#include "stack/base/hash.hpp"
#include "stack/base/result.hpp"
#include "stack/config.hpp"

namespace coax::stack::ip {

class routing_table {
  public:
    // The references must outlive the table. `seed`: secret of the hash.
    routing_table(const ip_config& config, std::uint64_t seed, path_epoch& epoch);

    // Bits of the destination behind its length do not matter. A route to the same destination is
    // replaced. gateway unspecified: the destination is on the link.
    status add(const ip_prefix& destination, const ip_address& gateway);

    // Address of the next hop: the gateway, or the destination itself when it is on the link.
    std::optional<ip_address> next_hop(const ip_address& destination) const;

    std::size_t size() const noexcept { return routes_.size(); }

  private:
    // Prefix in the 128-bit space, where IPv4 lies below ::ffff:0:0/96.
    struct key {
        ip_address network;
        std::uint8_t length = 0;
        friend bool operator==(const key&, const key&) noexcept = default;
    };
    struct key_hash {
        using is_avalanching = void;
        address_hash addresses;
        std::size_t operator()(const key& k) const noexcept {
            return address_hash::mix(addresses(k.network), k.length + 0x8ebc'6af0'9c88'c6e3U);
        }
    };
    // The bits of an address that a prefix of this length compares.
    struct mask {
        std::array<std::uint64_t, 2> words{};
        std::uint8_t length = 0;
        explicit mask(unsigned bits) noexcept;
        ip_address network_of(const ip_address& address) const noexcept;
    };

    const ip_config& config_;
    path_epoch& epoch_;
    boost::unordered_flat_map<key, ip_address, key_hash> routes_;
    std::vector<mask> masks_;  // for the length of each route, each once, longest first
};

}  // namespace coax::stack::ip
