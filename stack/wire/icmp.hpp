// ICMP headers of both families as values: parse and emit (RFC 792, RFC 1191, RFC 4443). The two
// have the same shape: type, code, checksum and four bytes whose meaning the type decides.
// No state, no policy; the checksum is the ip layer's matter, since its data may lie in pieces.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/base/payload.hpp"

namespace coax::stack::wire {

inline constexpr std::size_t icmp_header_size = 8;

namespace icmpv4 {
inline constexpr std::uint8_t echo_reply = 0;
inline constexpr std::uint8_t destination_unreachable = 3;
inline constexpr std::uint8_t source_quench = 4;  // obsolete: RFC 6633
inline constexpr std::uint8_t redirect = 5;
inline constexpr std::uint8_t echo_request = 8;
inline constexpr std::uint8_t time_exceeded = 11;
inline constexpr std::uint8_t parameter_problem = 12;

// Codes of destination_unreachable (RFC 792, RFC 1122 3.2.2.1).
inline constexpr std::uint8_t net_unreachable = 0;
inline constexpr std::uint8_t host_unreachable = 1;
inline constexpr std::uint8_t protocol_unreachable = 2;
inline constexpr std::uint8_t port_unreachable = 3;
inline constexpr std::uint8_t fragmentation_needed = 4;
inline constexpr std::uint8_t unreachable_code_max = 15;

// Code of time_exceeded: fragments did not become whole in time (RFC 792).
inline constexpr std::uint8_t reassembly_time_exceeded = 1;

// An error message, which must not cause another (RFC 1122 3.2.2).
constexpr bool is_error(std::uint8_t type) noexcept {
    return type == destination_unreachable || type == source_quench || type == redirect ||
           type == time_exceeded || type == parameter_problem;
}
}  // namespace icmpv4

namespace icmpv6 {
inline constexpr std::uint8_t destination_unreachable = 1;
inline constexpr std::uint8_t packet_too_big = 2;
inline constexpr std::uint8_t time_exceeded = 3;
inline constexpr std::uint8_t parameter_problem = 4;
inline constexpr std::uint8_t echo_request = 128;
inline constexpr std::uint8_t echo_reply = 129;

constexpr bool is_error(std::uint8_t type) noexcept { return type < 128; }
}  // namespace icmpv6

struct icmp_header {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t rest = 0;  // echo: identifier and sequence; too big: MTU; else mostly zero

    // fragmentation_needed: MTU of the next hop, in the low half (RFC 1191 4); 0 from old routers.
    std::uint16_t next_hop_mtu() const noexcept { return static_cast<std::uint16_t>(rest); }
    friend bool operator==(const icmp_header&, const icmp_header&) noexcept = default;
};

// Nothing if `message` is shorter than a header. The checksum is not verified.
std::optional<icmp_header> parse_icmp(const_bytes message) noexcept;
// Writes icmp_header_size bytes with a zero checksum field.
void emit_icmp(const icmp_header& header, std::byte* target) noexcept;
inline constexpr std::size_t icmp_checksum_offset = 2;

}  // namespace coax::stack::wire
