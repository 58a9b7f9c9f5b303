// IPv4 header as a value: parse and emit (RFC 791, RFC 2474, RFC 6864). No state, no policy: what
// is refused beyond a malformed header is the ip layer's matter.
#pragma once

#include <cstdint>

#include "stack/base/address.hpp"
#include "stack/base/payload.hpp"
#include "stack/wire/checksum.hpp"

namespace coax::stack::wire {

inline constexpr std::size_t ipv4_header_size = 20;  // without options
inline constexpr std::size_t ipv4_header_max = 60;
inline constexpr std::size_t router_alert_header_size = 24;  // with that option and no other

// IANA protocol numbers.
inline constexpr std::uint8_t protocol_icmpv4 = 1;
inline constexpr std::uint8_t protocol_tcp = 6;
inline constexpr std::uint8_t protocol_udp = 17;
inline constexpr std::uint8_t protocol_icmpv6 = 58;

// All numbers in host order; options are not held (has_source_route tells of the refused ones).
struct ipv4_header {
    ip_address source = ip_address::any_v4();
    ip_address destination = ip_address::any_v4();
    std::uint16_t total_length = 0;     // bytes, header included
    std::uint16_t identification = 0;   // RFC 6864: any value when atomic
    std::uint16_t fragment_offset = 0;  // bytes, a multiple of 8
    bool dont_fragment = false;
    bool more_fragments = false;
    std::uint8_t traffic_class = 0;  // DSCP and ECN
    std::uint8_t time_to_live = 0;
    std::uint8_t protocol = 0;

    bool is_fragment() const noexcept { return more_fragments || fragment_offset != 0; }
    friend bool operator==(const ipv4_header&, const ipv4_header&) noexcept = default;
};

enum class ipv4_fault : std::uint8_t {
    none,
    truncated,          // shorter than its header
    bad_version,        // not 4
    bad_header_length,  // IHL below 5
    bad_total_length,   // below the header, or beyond the bytes received
    bad_checksum,
};

struct ipv4_parsed {
    ipv4_header header;
    std::uint8_t header_length = 0;  // bytes, options included
    bool has_source_route = false;   // LSRR or SSRR among the options
    bool has_bad_option = false;     // an option runs past the header
    bool has_router_alert = false;   // RFC 2113
    ipv4_fault fault = ipv4_fault::none;
};

// A header quoted in an ICMP error: its data is cut off, so the total length may exceed what is
// there, and routers on the way may have changed it, so the checksum is not looked at (RFC 792).
ipv4_parsed parse_quoted_ipv4(const_bytes packet) noexcept;

namespace detail {
inline constexpr std::uint16_t flag_dont_fragment = 0x4000;
inline constexpr std::uint16_t flag_more_fragments = 0x2000;
inline constexpr std::uint16_t fragment_offset_mask = 0x1fff;
inline constexpr std::uint8_t version_4_without_options = 0x45;

// The fixed fields, all twenty bytes of which are there.
inline void read_ipv4_fields(const std::byte* at, ipv4_header& header) noexcept {
    header.traffic_class = load_8(at + 1);
    header.total_length = load_16(at + 2);
    header.identification = load_16(at + 4);
    const std::uint16_t fragment = load_16(at + 6);
    header.dont_fragment = (fragment & flag_dont_fragment) != 0;
    header.more_fragments = (fragment & flag_more_fragments) != 0;
    header.fragment_offset = static_cast<std::uint16_t>((fragment & fragment_offset_mask) * 8);
    header.time_to_live = load_8(at + 8);
    header.protocol = load_8(at + 9);
    header.source = ip_address::v4(load_32(at + 12));
    header.destination = ip_address::v4(load_32(at + 16));
}

// parse_ipv4() of what has options or a fault.
ipv4_parsed parse_unusual_ipv4(const_bytes packet, std::size_t size) noexcept;
}  // namespace detail

// Sum of the fixed header, for its checksum.
inline std::uint64_t sum_ipv4_header(const std::byte* at) noexcept {
    return add_carry(add_carry(load_native<std::uint64_t>(at), load_native<std::uint64_t>(at + 8)),
                     load_native<std::uint32_t>(at + 16));
}

// `packet` is the first piece, which holds the header; `size` the bytes in all pieces (at least
// packet.size()); bytes beyond the total length are link padding.
inline ipv4_parsed parse_ipv4(const_bytes packet, std::size_t size) noexcept {
    ipv4_parsed parsed;
    if (packet.size() >= ipv4_header_size &&
        load_8(packet.data()) == detail::version_4_without_options) [[likely]] {
        detail::read_ipv4_fields(packet.data(), parsed.header);
        parsed.header_length = ipv4_header_size;
        if (parsed.header.total_length < ipv4_header_size || parsed.header.total_length > size)
            parsed.fault = ipv4_fault::bad_total_length;
        else if (fold_sum(sum_ipv4_header(packet.data())) != 0xffff)
            parsed.fault = ipv4_fault::bad_checksum;  // RFC 1122 3.2.1.2: on every datagram
        return parsed;
    }
    return detail::parse_unusual_ipv4(packet, size);
}

// Writes ipv4_header_size bytes, checksum included. Inline: most fields are constants of the
// caller.
inline void emit_ipv4(const ipv4_header& header, std::byte* target) noexcept {
    const std::uint32_t fragment =
        (header.dont_fragment ? std::uint32_t{detail::flag_dont_fragment} : 0U) |
        (header.more_fragments ? std::uint32_t{detail::flag_more_fragments} : 0U) |
        header.fragment_offset / 8U;
    const std::uint32_t first = network_order(
        0x4500'0000U | std::uint32_t{header.traffic_class} << 16 | header.total_length);
    const std::uint32_t second =
        network_order(std::uint32_t{header.identification} << 16 | fragment);
    const std::uint32_t third = network_order(std::uint32_t{header.time_to_live} << 24 |
                                              std::uint32_t{header.protocol} << 16);
    const std::uint32_t source = network_order(header.source.to_v4());
    const std::uint32_t destination = network_order(header.destination.to_v4());
    const std::uint64_t sum =
        std::uint64_t{first} + second + third + source + destination;  // five words of 32 bits
    store_native(target, first);
    store_native(target + 4, second);
    store_native(target + 8, third);
    store_native(target + 12, source);
    store_native(target + 16, destination);
    store_native(target + 10, finish_checksum(sum));
}

// The same with the Router Alert option (RFC 2113): router_alert_header_size bytes, which
// total_length counts.
void emit_ipv4_router_alert(const ipv4_header& header, std::byte* target) noexcept;

}  // namespace coax::stack::wire
