// IPv6 header as a value: parse and emit (RFC 8200 3). Extension headers are the ip layer's matter.
// No state, no policy.
#pragma once

#include <cstdint>

#include "stack/base/address.hpp"
#include "stack/base/payload.hpp"

namespace coax::stack::wire {

inline constexpr std::size_t ipv6_header_size = 40;

// All numbers in host order. The addresses stand as they came: whether a mapped one is refused
// (RFC 4291 2.5.5.2: not for the wire) is said by `fault`.
struct ipv6_header {
    ip_address source;
    ip_address destination;
    std::uint32_t flow_label = 0;      // 20 bits
    std::uint16_t payload_length = 0;  // bytes behind this header
    std::uint8_t traffic_class = 0;    // DSCP and ECN
    std::uint8_t next_header = 0;      // protocol number
    std::uint8_t hop_limit = 0;
    friend bool operator==(const ipv6_header&, const ipv6_header&) noexcept = default;
};

enum class ipv6_fault : std::uint8_t {
    none,
    truncated,
    bad_version,
    bad_payload_length,  // beyond the bytes received
    mapped_address,      // ::ffff:a.b.c.d, which would be taken for IPv4
};

struct ipv6_parsed {
    ipv6_header header;
    ipv6_fault fault = ipv6_fault::none;
};

// `packet` is the first piece; `size` the bytes in all pieces.
ipv6_parsed parse_ipv6(const_bytes packet, std::size_t size) noexcept;
// Writes ipv6_header_size bytes.
void emit_ipv6(const ipv6_header& header, std::byte* target) noexcept;

}  // namespace coax::stack::wire
