// Checksums and cutting, as a card does it.
#include "tests/sim/network/segmentation.hpp"

#include <algorithm>

#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/ipv4.hpp"
#include "stack/wire/tcp.hpp"

namespace coax::sim {

namespace {

namespace wire = stack::wire;

constexpr std::size_t ip_start = wire::ethernet_header_size;
constexpr std::size_t flags_offset = 13;
constexpr std::byte fin_and_psh{0x09};
constexpr std::byte cwr{0x80};

// Length, header checksum and the whole transport checksum of a TCP frame cut to its size.
void complete(frame& piece, std::size_t transport, std::uint16_t identification) noexcept {
    std::byte* const packet = piece.data() + ip_start;
    std::byte* const tcp = piece.data() + transport;
    const std::size_t length = piece.length - transport;
    wire::store_16(packet + 2, static_cast<std::uint16_t>(piece.length - ip_start));
    wire::store_16(packet + 4, identification);
    wire::store_16(packet + 10, 0);
    const std::size_t header = transport - ip_start;
    wire::store_native(packet + 10, wire::finish_checksum(wire::sum_bytes(0, packet, header)));
    const std::uint64_t pseudo =
        wire::pseudo_header_sum(stack::ip_address::v4(wire::load_32(packet + 12)),
                                stack::ip_address::v4(wire::load_32(packet + 16)),
                                wire::protocol_tcp, static_cast<std::uint32_t>(length));
    wire::store_16(tcp + wire::tcp_checksum_offset, 0);
    wire::store_native(tcp + wire::tcp_checksum_offset,
                       wire::finish_checksum(wire::sum_bytes(pseudo, tcp, length)));
}

}  // namespace

void finish_partial_checksum(frame& sent, std::size_t start, std::size_t offset) noexcept {
    std::byte* const from = sent.data() + start;
    const std::uint16_t sum = wire::finish_checksum(wire::sum_bytes(0, from, sent.length - start));
    wire::store_native(from + offset, sum);
}

std::vector<frame_ptr> cut_segments(frame_pool& frames, const frame& whole, std::uint16_t payload) {
    const std::byte* const from = whole.room.data();
    const std::size_t transport =
        ip_start + (wire::load_8(from + ip_start) & 0xfU) * std::size_t{4};
    const std::size_t tcp_header = (wire::load_8(from + transport + 12) >> 4) * std::size_t{4};
    const std::size_t headers = transport + tcp_header;
    const std::uint32_t sequence = wire::load_32(from + transport + 4);
    const std::uint16_t identification = wire::load_16(from + ip_start + 4);
    const std::size_t size = whole.length - headers;
    std::vector<frame_ptr> pieces;
    for (std::size_t at = 0; at < size || pieces.empty(); at += payload) {
        const std::size_t n = std::min<std::size_t>(payload, size - at);
        frame_ptr piece = frames.take(headers + n);
        piece->length = static_cast<std::uint32_t>(headers + n);
        std::copy(from, from + headers, piece->data());
        std::copy(from + headers + at, from + headers + at + n, piece->data() + headers);
        std::byte* const tcp = piece->data() + transport;
        wire::store_32(tcp + 4, sequence + static_cast<std::uint32_t>(at));
        if (at + n < size) tcp[flags_offset] &= ~fin_and_psh;
        if (at != 0) tcp[flags_offset] &= ~cwr;
        complete(*piece, transport, identification);
        pieces.push_back(std::move(piece));
    }
    return pieces;
}

}  // namespace coax::sim
