// IPv4 header: bytes to value and back.
#include "stack/wire/ipv4.hpp"

#include "stack/wire/checksum.hpp"

namespace coax::stack::wire {

namespace {

constexpr std::uint8_t option_end = 0;
constexpr std::uint8_t option_no_operation = 1;
constexpr std::uint8_t option_loose_source_route = 131;
constexpr std::uint8_t option_strict_source_route = 137;
constexpr std::uint8_t option_router_alert = 148;
constexpr std::uint32_t router_alert = 0x9404'0000;  // whole: every router shall look

// RFC 9293 3.9.2 (MUST-50): what is not known is stepped over.
void scan_options(const_bytes options, ipv4_parsed& parsed) noexcept {
    while (!options.empty()) {
        const std::uint8_t kind = load_8(options.data());
        if (kind == option_end) return;
        if (kind == option_no_operation) {
            options = options.subspan(1);
            continue;
        }
        const std::size_t length = options.size() < 2 ? 0 : load_8(options.data() + 1);
        if (length < 2 || length > options.size()) {
            parsed.has_bad_option = true;
            return;
        }
        if (kind == option_loose_source_route || kind == option_strict_source_route)
            parsed.has_source_route = true;
        if (kind == option_router_alert) parsed.has_router_alert = true;
        options = options.subspan(length);
    }
}

// Fills the fixed fields; sets a fault if even they are not there.
void read_header(const_bytes packet, ipv4_parsed& parsed) noexcept {
    if (packet.size() < ipv4_header_size) {
        parsed.fault = ipv4_fault::truncated;
        return;
    }
    const std::byte* at = packet.data();
    const std::uint8_t first = load_8(at);
    if (first >> 4 != 4) {
        parsed.fault = ipv4_fault::bad_version;
        return;
    }
    parsed.header_length = static_cast<std::uint8_t>((first & 15U) * 4);
    if (parsed.header_length < ipv4_header_size) {
        parsed.fault = ipv4_fault::bad_header_length;
        return;
    }
    if (parsed.header_length > packet.size()) {
        parsed.fault = ipv4_fault::truncated;
        return;
    }
    detail::read_ipv4_fields(at, parsed.header);
    if (parsed.header_length > ipv4_header_size)
        scan_options(packet.subspan(ipv4_header_size, parsed.header_length - ipv4_header_size),
                     parsed);
}

}  // namespace

ipv4_parsed detail::parse_unusual_ipv4(const_bytes packet, std::size_t size) noexcept {
    ipv4_parsed parsed;
    read_header(packet, parsed);
    if (parsed.fault != ipv4_fault::none) return parsed;
    const std::uint16_t total = parsed.header.total_length;
    if (total < parsed.header_length || total > size) {
        parsed.fault = ipv4_fault::bad_total_length;
        return parsed;
    }
    // RFC 1122 3.2.1.2: verify the header checksum on every received datagram.
    std::uint64_t sum = sum_ipv4_header(packet.data());
    if (parsed.header_length > ipv4_header_size)
        sum = sum_bytes(sum, packet.data() + ipv4_header_size,
                        parsed.header_length - ipv4_header_size);
    if (fold_sum(sum) != 0xffff) parsed.fault = ipv4_fault::bad_checksum;
    return parsed;
}

void emit_ipv4_router_alert(const ipv4_header& header, std::byte* target) noexcept {
    emit_ipv4(header, target);
    store_8(target, 4 << 4 | router_alert_header_size / 4);
    store_32(target + ipv4_header_size, router_alert);
    store_16(target + 10, 0);
    store_native(target + 10, finish_checksum(sum_bytes(0, target, router_alert_header_size)));
}

ipv4_parsed parse_quoted_ipv4(const_bytes packet) noexcept {
    ipv4_parsed parsed;
    read_header(packet, parsed);
    if (parsed.fault == ipv4_fault::none && parsed.header.total_length < parsed.header_length)
        parsed.fault = ipv4_fault::bad_total_length;
    return parsed;
}

}  // namespace coax::stack::wire
