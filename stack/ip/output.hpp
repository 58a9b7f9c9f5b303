// The header of a packet this host sends.
#pragma once

#include "stack/config.hpp"
#include "stack/wire/ipv4.hpp"

namespace coax::stack::ip {

// `length`: bytes behind the header. `traffic_class`: DSCP and ECN as the transport wants them.
// Not to be fragmented on its way, so the identification may be anything and is zero, which tells
// nobody how much this host sends (RFC 6864 4.1: an atomic datagram). What is cut here gets another
// header (fragmentation.hpp).
inline wire::ipv4_header outgoing_header(const ip_config& config, const ip_address& source,
                                         const ip_address& destination, std::uint8_t protocol,
                                         std::size_t length,
                                         std::uint8_t traffic_class = 0) noexcept {
    wire::ipv4_header header;
    header.source = source;
    header.destination = destination;
    header.total_length = static_cast<std::uint16_t>(wire::ipv4_header_size + length);
    header.dont_fragment = true;  // RFC 1191 3
    header.traffic_class = traffic_class;
    header.time_to_live = config.time_to_live;
    header.protocol = protocol;
    return header;
}

}  // namespace coax::stack::ip
