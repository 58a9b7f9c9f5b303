// The segment that nearly every frame of a connection is, parsed in one pass: Ethernet II, IPv4
// without options and not a fragment, TCP with ACK and perhaps PSH, and no option but timestamps in
// the usual place. Anything else is left to the parsers of each header, which say what is wrong.
// No state, no policy.
#pragma once

#include <cstdint>

#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/ipv4.hpp"
#include "stack/wire/tcp.hpp"

namespace coax::stack::wire {

// What tells connections apart in an IPv4 segment, in the order of bytes it has on the wire: two
// numbers to compare. As the receiver sees it: the source is the remote end.
struct ipv4_key {
    std::uint64_t addresses = 0;  // source, destination
    std::uint32_t ports = 0;      // source, destination
    friend bool operator==(const ipv4_key&, const ipv4_key&) noexcept = default;
};

// One object may serve all frames: parse_plain_segment() writes what differs between them, and the
// other members of `header` keep the values they have in every plain segment.
struct plain_segment {
    plain_segment() noexcept { header.flags.ack = true; }

    mac_address destination;
    mac_address source;
    ipv4_key key;
    tcp_header header;
    const_bytes segment;  // TCP header and payload, link padding cut off
    const_bytes payload;
};

namespace detail {
// As it stands in memory. Written so that compilers see a constant.
constexpr std::uint32_t in_memory(std::uint32_t x) noexcept { return network_order(x); }
inline constexpr std::uint32_t aligned_timestamps = 0x0101'080aU;  // nop, nop, TS, length 10
}  // namespace detail

// False: it is not plain (or not whole); what is in `out` means nothing then. The IPv4 header's
// checksum was verified; that of TCP was not.
inline bool parse_plain_segment(const_bytes frame, plain_segment& out) noexcept {
    constexpr std::size_t ip_start = ethernet_header_size;
    constexpr std::size_t tcp_start = ip_start + ipv4_header_size;
    constexpr std::size_t stamps_start = tcp_start + tcp_header_min;
    if (frame.size() < stamps_start) return false;
    const std::byte* const ip = frame.data() + ip_start;
    const std::byte* const tcp = frame.data() + tcp_start;

    // The type stands beside the first two bytes of the IP header; of the traffic class nothing is
    // asked but that no router reports congestion (RFC 3168 5: CE).
    const std::uint32_t type_and_version = load_32(ip - 2);
    if ((type_and_version & 0xffff'ff00U) != 0x0800'4500U || (type_and_version & 3U) == 3)
        return false;
    const std::size_t total = load_16(ip + 2);
    if (total > frame.size() - ip_start) return false;
    // Offset and the flag "more fragments", all but "don't fragment"; then TCP.
    if ((load_native<std::uint32_t>(ip + 6) & detail::in_memory(0xbfff'00ffU)) !=
        detail::in_memory(protocol_tcp))
        return false;
    if (fold_sum(sum_ipv4_header(ip)) != 0xffff) return false;

    // Data offset and flags; PSH may be there or not.
    const std::uint32_t offset_and_flags = load_16(tcp + 12);
    std::size_t header_length = tcp_header_min;
    if ((offset_and_flags & 0xfff7U) == 0x8010U) {
        header_length += 12;
        if (total < ipv4_header_size + tcp_header_min + 12 ||
            load_native<std::uint32_t>(tcp + 20) != detail::in_memory(detail::aligned_timestamps))
            return false;
        out.header.options.timestamps = tcp_timestamps{load_32(tcp + 24), load_32(tcp + 28)};
    } else {
        if ((offset_and_flags & 0xfff7U) != 0x5010U || total < ipv4_header_size + tcp_header_min)
            return false;
        out.header.options.timestamps.reset();
    }
    std::memcpy(out.destination.octets.data(), frame.data(), 6);
    std::memcpy(out.source.octets.data(), frame.data() + 6, 6);
    out.key = {load_native<std::uint64_t>(ip + 12), load_native<std::uint32_t>(tcp)};
    out.header.sequence = load_32(tcp + 4);
    out.header.acknowledgment = load_32(tcp + 8);
    out.header.flags.psh = (offset_and_flags & 8U) != 0;
    out.header.window = load_16(tcp + 14);
    out.segment = const_bytes(tcp, total - ipv4_header_size);
    out.payload = out.segment.subspan(header_length);
    return true;
}

}  // namespace coax::stack::wire
