// Headers and sums of forged packets.
#include "tests/sim/network/forgery.hpp"

#include <algorithm>
#include <array>

#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"

namespace coax::sim {

namespace {

constexpr std::size_t forged_segment_max = 1480;  // bytes

}  // namespace

frame_ptr forge_ipv4(frame_pool& frames, stack::wire::ipv4_header header, stack::const_bytes body) {
    const std::size_t size = stack::wire::ipv4_header_size + body.size();
    frame_ptr made = frames.take(stack::wire::ethernet_header_size + size);
    made->length = static_cast<std::uint32_t>(stack::wire::ethernet_header_size + size);
    header.total_length = static_cast<std::uint16_t>(size);
    std::byte* const packet = made->data() + stack::wire::ethernet_header_size;
    stack::wire::emit_ipv4(header, packet);
    std::copy(body.begin(), body.end(), packet + stack::wire::ipv4_header_size);
    return made;
}

frame_ptr forge_tcp(frame_pool& frames, stack::wire::ipv4_header ip,
                    const stack::wire::tcp_header& header, stack::const_bytes payload) {
    std::array<std::byte, forged_segment_max> segment;
    const std::size_t head = stack::wire::tcp_header_length(header);
    const std::size_t size = head + std::min(payload.size(), segment.size() - head);
    stack::wire::emit_tcp(header, segment.data());
    std::copy_n(payload.begin(), size - head, segment.begin() + static_cast<std::ptrdiff_t>(head));
    const std::uint64_t pseudo = stack::wire::pseudo_header_sum(
        ip.source, ip.destination, stack::wire::protocol_tcp, static_cast<std::uint32_t>(size));
    stack::wire::store_native(
        segment.data() + stack::wire::tcp_checksum_offset,
        stack::wire::finish_checksum(stack::wire::sum_bytes(pseudo, segment.data(), size)));
    ip.protocol = stack::wire::protocol_tcp;
    ip.time_to_live = 64;
    ip.dont_fragment = true;
    return forge_ipv4(frames, ip, std::span(segment).first(size));
}

}  // namespace coax::sim
