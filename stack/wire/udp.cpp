// UDP header: bytes to value and back.
#include "stack/wire/udp.hpp"

#include "stack/wire/bytes.hpp"

namespace coax::stack::wire {

udp_parsed parse_udp(const_bytes datagram, std::size_t size) noexcept {
    udp_parsed parsed;
    if (datagram.size() < udp_header_size) {
        parsed.fault = udp_fault::truncated;
        return parsed;
    }
    const std::byte* at = datagram.data();
    parsed.header = {load_16(at), load_16(at + 2), load_16(at + 4)};
    parsed.has_checksum = load_native<std::uint16_t>(at + udp_checksum_offset) != 0;
    if (parsed.header.length < udp_header_size || parsed.header.length > size)
        parsed.fault = udp_fault::bad_length;
    return parsed;
}

void emit_udp(const udp_header& header, std::byte* target) noexcept {
    store_16(target, header.source_port);
    store_16(target + 2, header.destination_port);
    store_16(target + 4, header.length);
    store_16(target + udp_checksum_offset, 0);
}

}  // namespace coax::stack::wire
