// Destinations whose path carries less than the link (RFC 1191, RFC 8201): a bounded cache whose
// entries expire, so that a path that became wider is found again.
#pragma once

#include <cstdint>

#include <boost/unordered/unordered_flat_map.hpp>

#include "stack/base/address.hpp"
#include "stack/base/flow.hpp"
#include "stack/base/hash.hpp"
#include "stack/base/time.hpp"
#include "stack/config.hpp"

namespace coax::stack::ip {

// What a router that did not say its MTU must mean (RFC 1191 7.1): the next plateau below the
// length of the packet it dropped.
std::uint16_t plateau_below(std::uint16_t packet_length) noexcept;

class path_mtu_cache {
  public:
    // The references must outlive the cache. `seed`: secret of the hash.
    path_mtu_cache(const ip_config& config, std::uint64_t seed, path_epoch& epoch);

    // A router said so. Raised to path_mtu_min; never raises what is known (RFC 1191 3).
    void lower(const ip_address& destination, std::uint16_t mtu, instant now);
    // The smaller of `link_mtu` and what is known.
    std::uint16_t towards(const ip_address& destination, std::uint16_t link_mtu, instant now) const;
    std::size_t size() const noexcept { return entries_.size(); }

  private:
    struct entry {
        std::uint16_t mtu = 0;
        instant expires{};
    };
    const ip_config& config_;
    path_epoch& epoch_;
    boost::unordered_flat_map<ip_address, entry, address_hash> entries_;
};

}  // namespace coax::stack::ip
