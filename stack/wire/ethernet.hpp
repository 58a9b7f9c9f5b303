// Ethernet II header as a value: parse and emit (RFC 894). No state, no policy.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/base/address.hpp"
#include "stack/base/payload.hpp"
#include "stack/wire/bytes.hpp"

namespace coax::stack::wire {

inline constexpr std::size_t ethernet_header_size = 14;

// Values below 0x0600 in the type field are IEEE 802.3 lengths, which this host does not speak.
inline constexpr std::uint16_t ethernet_type_ipv4 = 0x0800;
inline constexpr std::uint16_t ethernet_type_arp = 0x0806;
inline constexpr std::uint16_t ethernet_type_ipv6 = 0x86dd;

struct ethernet_header {
    mac_address destination;
    mac_address source;
    std::uint16_t type = 0;
    friend bool operator==(const ethernet_header&, const ethernet_header&) noexcept = default;
};

// Nothing if `frame` is shorter than a header.
inline std::optional<ethernet_header> parse_ethernet(const_bytes frame) noexcept {
    if (frame.size() < ethernet_header_size) return {};
    ethernet_header header;
    std::memcpy(header.destination.octets.data(), frame.data(), 6);
    std::memcpy(header.source.octets.data(), frame.data() + 6, 6);
    header.type = load_16(frame.data() + 12);
    return header;
}

// Writes ethernet_header_size bytes.
inline void emit_ethernet(const ethernet_header& header, std::byte* target) noexcept {
    std::memcpy(target, header.destination.octets.data(), 6);
    std::memcpy(target + 6, header.source.octets.data(), 6);
    store_16(target + 12, header.type);
}

}  // namespace coax::stack::wire
