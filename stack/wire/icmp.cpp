// ICMP header of either family: bytes to value and back.
#include "stack/wire/icmp.hpp"

#include "stack/wire/bytes.hpp"

namespace coax::stack::wire {

std::optional<icmp_header> parse_icmp(const_bytes message) noexcept {
    if (message.size() < icmp_header_size) return {};
    return icmp_header{load_8(message.data()), load_8(message.data() + 1),
                       load_32(message.data() + 4)};
}

void emit_icmp(const icmp_header& header, std::byte* target) noexcept {
    store_8(target, header.type);
    store_8(target + 1, header.code);
    store_16(target + icmp_checksum_offset, 0);
    store_32(target + 4, header.rest);
}

}  // namespace coax::stack::wire
