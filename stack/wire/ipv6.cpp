// IPv6 header: bytes to value and back.
#include "stack/wire/ipv6.hpp"

#include "stack/wire/bytes.hpp"

namespace coax::stack::wire {

namespace {
ip_address load_address(const std::byte* from) noexcept {
    std::array<std::uint8_t, 16> octets;
    std::memcpy(octets.data(), from, octets.size());
    return ip_address::v6(octets);
}
}  // namespace

ipv6_parsed parse_ipv6(const_bytes packet, std::size_t size) noexcept {
    ipv6_parsed parsed;
    if (packet.size() < ipv6_header_size) {
        parsed.fault = ipv6_fault::truncated;
        return parsed;
    }
    const std::byte* at = packet.data();
    const std::uint32_t first = load_32(at);
    if (first >> 28 != 6) {
        parsed.fault = ipv6_fault::bad_version;
        return parsed;
    }
    ipv6_header& header = parsed.header;
    header.traffic_class = static_cast<std::uint8_t>(first >> 20);
    header.flow_label = first & 0xf'ffffU;
    header.payload_length = load_16(at + 4);
    header.next_header = load_8(at + 6);
    header.hop_limit = load_8(at + 7);
    header.source = load_address(at + 8);
    header.destination = load_address(at + 24);
    if (header.payload_length > size - ipv6_header_size)
        parsed.fault = ipv6_fault::bad_payload_length;
    else if (header.source.is_v4() || header.destination.is_v4())
        parsed.fault = ipv6_fault::mapped_address;
    return parsed;
}

void emit_ipv6(const ipv6_header& header, std::byte* target) noexcept {
    store_32(target, 0x6000'0000U | std::uint32_t{header.traffic_class} << 20 |
                         (header.flow_label & 0xf'ffffU));
    store_16(target + 4, header.payload_length);
    store_8(target + 6, header.next_header);
    store_8(target + 7, header.hop_limit);
    std::memcpy(target + 8, header.source.octets().data(), 16);
    std::memcpy(target + 24, header.destination.octets().data(), 16);
}

}  // namespace coax::stack::wire
