// What to do with a received Ethernet frame: is it for this host, and whose protocol is it?
#pragma once

#include <cstdint>

#include "stack/ethernet/counters.hpp"
#include "stack/wire/ethernet.hpp"

namespace coax::stack::ethernet {

enum class verdict : std::uint8_t { ipv4, ipv6, arp, drop };

// RFC 1112 6.4.
inline bool is_group_of_ipv4(const mac_address& address) noexcept {
    const auto& at = address.octets;
    return at[0] == 0x01 && at[1] == 0x00 && at[2] == 0x5e && at[3] < 0x80;
}

// A drop is counted here.
inline verdict judge(const wire::ethernet_header& header, const mac_address& own,
                     link_counters& counters) noexcept {
    if (header.destination != own && !header.destination.is_broadcast()) {
        // Several groups share one address: which one it is, and whether this host is in it, is for
        // ip to tell.
        if (!is_group_of_ipv4(header.destination) || header.type != wire::ethernet_type_ipv4) {
            ++(header.destination.is_multicast() ? counters.multicast : counters.not_for_us);
            return verdict::drop;
        }
    }
    if (header.source.is_multicast()) {
        ++counters.bad_source;
        return verdict::drop;
    }
    if (header.source == own) {
        ++counters.own_source;
        return verdict::drop;
    }
    switch (header.type) {
        case wire::ethernet_type_ipv4: return verdict::ipv4;
        case wire::ethernet_type_arp: return verdict::arp;
        case wire::ethernet_type_ipv6: return verdict::ipv6;
        default: ++counters.unknown_type; return verdict::drop;
    }
}

}  // namespace coax::stack::ethernet
