// IGMP messages as values: parse and emit (RFC 1112 appendix I, RFC 2236, RFC 3376 4). No state,
// no policy; the checksum is the ip layer's matter, since a long list of sources may lie in pieces.
#pragma once

#include <cstdint>
#include <optional>

#include "stack/base/address.hpp"
#include "stack/base/payload.hpp"

namespace coax::stack::wire {

inline constexpr std::uint8_t protocol_igmp = 2;
inline constexpr std::size_t igmp_message_min = 8;
inline constexpr std::size_t igmp_query_v3_min = 12;
inline constexpr std::size_t igmp_checksum_offset = 2;
inline constexpr std::size_t igmp_record_size = 8;  // of a group without sources

namespace igmp {
inline constexpr std::uint8_t query = 0x11;
inline constexpr std::uint8_t report_v1 = 0x12;
inline constexpr std::uint8_t report_v2 = 0x16;
inline constexpr std::uint8_t leave = 0x17;  // of version 2
inline constexpr std::uint8_t report_v3 = 0x22;

// What a record of a version 3 report says of its group (RFC 3376 4.2.12); the list of sources is
// empty, so "exclude" is all of them and "include" none.
enum class record : std::uint8_t { is_exclude = 2, to_include = 3, to_exclude = 4 };
}  // namespace igmp

struct igmp_message {
    std::uint8_t type = 0;
    std::uint8_t version = 0;         // of a query: 1, 2, 3 (RFC 3376 7.1)
    std::uint32_t response_time = 0;  // of a query: within what time to answer, tenths of a second
    ip_address group = ip_address::any_v4();  // of a query: any_v4 asks for all groups
    friend bool operator==(const igmp_message&, const igmp_message&) noexcept = default;
};

// `message` is the first piece, `size` the bytes in all pieces. Nothing if it is shorter than any
// message, or a query of a length that no version has.
std::optional<igmp_message> parse_igmp(const_bytes message, std::size_t size) noexcept;

// A report or a leave of version 1 or 2: igmp_message_min bytes, checksum included.
void emit_igmp(std::uint8_t type, const ip_address& group, std::byte* target) noexcept;
// The first igmp_message_min bytes of a version 3 report, checksum zero; records follow.
void emit_igmp_report(std::uint16_t records, std::byte* target) noexcept;
// One of them: igmp_record_size bytes.
void emit_igmp_record(igmp::record what, const ip_address& group, std::byte* target) noexcept;
// The type of an emitted or received record and its group; nothing if it is not all there.
struct igmp_record {
    std::uint8_t type = 0;
    ip_address group = ip_address::any_v4();
};
std::optional<igmp_record> parse_igmp_record(const_bytes record) noexcept;

}  // namespace coax::stack::wire
