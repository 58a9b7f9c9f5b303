// Whether a received IPv4 packet is passed on: what a host must check (RFC 1122 3.2.1) and what no
// honest packet looks like. Counts every refusal by its reason.
#pragma once

#include "stack/ip/addresses.hpp"
#include "stack/ip/counters.hpp"
#include "stack/ip/membership.hpp"
#include "stack/wire/ipv4.hpp"

namespace coax::stack::ip {

// How the packet came.
struct arrival {
    bool link_broadcast = false;  // its frame went to all, or to a group
    bool loopback = false;        // from this host itself
};

enum class acceptance : std::uint8_t {
    refused,
    unicast,    // to an own address
    broadcast,  // to all on the link, or to a group that we are in: for datagrams only
    fragment,   // of a packet to an own address
    broadcast_fragment,
};

// Every check, in order; the first that fails is counted.
acceptance examine(const wire::ipv4_parsed& parsed, const arrival& how,
                   const address_table& addresses, const membership& groups,
                   ip_counters& counters) noexcept;

// RFC 1122 3.2.1.3, RFC 6890: 0/8, 127/8, 224/4 and 240/4 are no hosts of this link or beyond.
inline bool is_impossible_source(const ip_address& source) noexcept {
    const std::uint32_t first = source.to_v4() >> 24;
    return first == 0 || first == 127 || first >= 224;
}

// One peer speaks to one of our addresses, and nobody who can't be one. Only the address table says
// otherwise later.
inline bool is_between_hosts(const ip_address& source, const ip_address& destination,
                             const address_table& addresses) noexcept {
    return addresses.is_own(destination) && !is_impossible_source(source) &&
           !addresses.is_own_or_broadcast(source);
}

inline acceptance accept(const wire::ipv4_parsed& parsed, const arrival& how,
                         const address_table& addresses, const membership& groups,
                         ip_counters& counters) noexcept {
    const wire::ipv4_header& header = parsed.header;
    // What nearly every packet is; any doubt is for examine() to settle.
    if (parsed.fault == wire::ipv4_fault::none && parsed.header_length == wire::ipv4_header_size &&
        !header.is_fragment() && !how.link_broadcast && !how.loopback &&
        is_between_hosts(header.source, header.destination, addresses))
        return acceptance::unicast;
    return examine(parsed, how, addresses, groups, counters);
}

}  // namespace coax::stack::ip
