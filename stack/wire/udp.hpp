// UDP header as a value: parse and emit (RFC 768). No state, no policy.
#pragma once

#include <cstdint>

#include "stack/base/payload.hpp"

namespace coax::stack::wire {

inline constexpr std::size_t udp_header_size = 8;
inline constexpr std::size_t udp_checksum_offset = 6;

struct udp_header {
    std::uint16_t source_port = 0;  // 0: no reply wanted
    std::uint16_t destination_port = 0;
    std::uint16_t length = 0;  // header and data, bytes
    friend bool operator==(const udp_header&, const udp_header&) noexcept = default;
};

enum class udp_fault : std::uint8_t {
    none,
    truncated,
    bad_length,  // below the header, or beyond the bytes received
};

struct udp_parsed {
    udp_header header;
    bool has_checksum = false;  // false: field zero, "no checksum" (IPv4 only)
    udp_fault fault = udp_fault::none;
};

// `datagram` is the first piece, `size` the bytes in all pieces; what is beyond `length` is not
// part of the datagram. The checksum is not verified.
udp_parsed parse_udp(const_bytes datagram, std::size_t size) noexcept;
// Writes udp_header_size bytes with a zero checksum field.
void emit_udp(const udp_header& header, std::byte* target) noexcept;

}  // namespace coax::stack::wire
