// IGMP messages: bytes to value and back.
#include "stack/wire/igmp.hpp"

#include "stack/wire/bytes.hpp"
#include "stack/wire/checksum.hpp"

namespace coax::stack::wire {

namespace {

constexpr std::uint32_t response_time_v1 = 100;  // RFC 2236 4: ten seconds
constexpr std::uint8_t first_float = 0x80;

// RFC 3376 4.1.1: a number below 128, or a float of four bits and three.
std::uint32_t response_time_of(std::uint8_t code) noexcept {
    if (code < first_float) return code;
    return ((code & 0x0fU) | 0x10U) << (((code >> 4) & 7U) + 3);
}

// RFC 3376 7.1: the version of a query is told by its length, and whether it has a response time.
bool read_query(const_bytes message, std::size_t size, std::uint8_t code,
                igmp_message& query) noexcept {
    if (size == igmp_message_min) {
        query.version = code == 0 ? 1 : 2;
        query.response_time = code == 0 ? response_time_v1 : code;
        return true;
    }
    if (size < igmp_query_v3_min || message.size() < igmp_query_v3_min) return false;
    const std::size_t sources = load_16(message.data() + 10);
    if (size < igmp_query_v3_min + 4 * sources) return false;
    query.version = 3;
    query.response_time = response_time_of(code);
    return true;
}

}  // namespace

std::optional<igmp_message> parse_igmp(const_bytes message, std::size_t size) noexcept {
    if (message.size() < igmp_message_min) return {};
    igmp_message parsed;
    parsed.type = load_8(message.data());
    if (parsed.type != igmp::report_v3) parsed.group = ip_address::v4(load_32(message.data() + 4));
    if (parsed.type == igmp::query &&
        !read_query(message, size, load_8(message.data() + 1), parsed))
        return {};
    return parsed;
}

void emit_igmp(std::uint8_t type, const ip_address& group, std::byte* target) noexcept {
    store_8(target, type);
    store_8(target + 1, 0);
    store_16(target + igmp_checksum_offset, 0);
    store_32(target + 4, group.to_v4());
    store_native(target + igmp_checksum_offset,
                 finish_checksum(sum_bytes(0, target, igmp_message_min)));
}

void emit_igmp_report(std::uint16_t records, std::byte* target) noexcept {
    store_8(target, igmp::report_v3);
    store_8(target + 1, 0);
    store_16(target + igmp_checksum_offset, 0);
    store_16(target + 4, 0);
    store_16(target + 6, records);
}

void emit_igmp_record(igmp::record what, const ip_address& group, std::byte* target) noexcept {
    store_8(target, static_cast<std::uint8_t>(what));
    store_8(target + 1, 0);
    store_16(target + 2, 0);
    store_32(target + 4, group.to_v4());
}

std::optional<igmp_record> parse_igmp_record(const_bytes record) noexcept {
    if (record.size() < igmp_record_size) return {};
    return igmp_record{load_8(record.data()), ip_address::v4(load_32(record.data() + 4))};
}

}  // namespace coax::stack::wire
