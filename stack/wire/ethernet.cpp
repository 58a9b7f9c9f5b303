// Ethernet II header: bytes to value and back.
#include "stack/wire/ethernet.hpp"

#include "stack/wire/bytes.hpp"

namespace coax::stack::wire {

std::optional<ethernet_header> parse_ethernet(const_bytes frame) noexcept {
    if (frame.size() < ethernet_header_size) return {};
    ethernet_header header;
    std::memcpy(header.destination.octets.data(), frame.data(), 6);
    std::memcpy(header.source.octets.data(), frame.data() + 6, 6);
    header.type = load_16(frame.data() + 12);
    return header;
}

void emit_ethernet(const ethernet_header& header, std::byte* target) noexcept {
    std::memcpy(target, header.destination.octets.data(), 6);
    std::memcpy(target + 6, header.source.octets.data(), 6);
    store_16(target + 12, header.type);
}

}  // namespace coax::stack::wire
