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

    std::uint64_t destination = 0;  // as mac_number() has it
    std::uint64_t source = 0;
    ipv4_key key;
    tcp_header header;
    const_bytes segment;  // TCP header and payload, link padding cut off
    const_bytes payload;
};

namespace detail {
// As it stands in memory. Written so that compilers see a constant.
constexpr std::uint32_t in_memory(std::uint32_t x) noexcept { return network_order(x); }
// Of eight octets as they stand in memory, the first or the last six, as one number: the same for
// the same octets.
constexpr std::uint64_t first_six(std::uint64_t eight) noexcept {
    return std::endian::native == std::endian::little ? eight << 16 : eight & ~0xffffULL;
}
constexpr std::uint64_t last_six(std::uint64_t eight) noexcept {
    return std::endian::native == std::endian::little ? eight & ~0xffffULL : eight << 16;
}
}  // namespace detail

// An Ethernet address as one number, for comparing.
inline std::uint64_t mac_number(const mac_address& address) noexcept {
    std::array<std::uint8_t, 8> eight{};
    std::memcpy(eight.data(), address.octets.data(), address.octets.size());
    return detail::first_six(std::bit_cast<std::uint64_t>(eight));
}
// The lowest bit of the first octet.
constexpr bool is_multicast(std::uint64_t number) noexcept {
    return (number >> (std::endian::native == std::endian::little ? 16 : 56) & 1U) != 0;
}

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
    // Eight bytes at once, of which two are the neighbours'.
    out.destination = detail::first_six(load_native<std::uint64_t>(frame.data()));
    out.source = detail::last_six(load_native<std::uint64_t>(frame.data() + 4));
    out.key = {load_native<std::uint64_t>(ip + 12), load_native<std::uint32_t>(tcp)};
    out.header.sequence = load_32(tcp + 4);
    out.header.acknowledgment = load_32(tcp + 8);
    out.header.flags.psh = (offset_and_flags & 8U) != 0;
    out.header.window = load_16(tcp + 14);
    out.segment = const_bytes(tcp, total - ipv4_header_size);
    out.payload = out.segment.subspan(header_length);
    return true;
}

// True if emit_plain_segment() can write it: no SYN and no SACK, between IPv4 addresses.
inline bool is_plain(const tcp_header& tcp, const ip_address& source) noexcept {
    return !tcp.flags.syn && tcp.options.sack_count == 0 && source.is_v4();
}

// tcp_header_length() of such a one.
inline std::size_t plain_header_length(const tcp_header& tcp) noexcept {
    return tcp_header_min + (tcp.options.timestamps ? detail::aligned_timestamps_size : 0);
}

// What of the IPv4 header a sender chooses.
struct ipv4_manner {
    std::uint8_t traffic_class = 0;
    std::uint8_t time_to_live = 0;
};

// Writes the headers of IPv4 (DF set, identification zero: RFC 6864 4.1) and TCP in one go; the
// TCP checksum field is zero. Answers the sum of the pseudo-header and the TCP header, of which
// every word was at hand: the payload's is to be added. `length`: of the TCP header and payload.
inline std::uint64_t emit_plain_segment(const ip_address& source, const ip_address& destination,
                                        const tcp_header& tcp, ipv4_manner manner,
                                        std::uint32_t length, std::byte* packet) noexcept {
    const auto put = [](std::byte* at, std::uint32_t x) noexcept -> std::uint64_t {
        const std::uint32_t word = network_order(x);
        store_native(at, word);
        return word;
    };
    // 64-bit sums of a dozen words of 32 bits: nothing is carried out.
    const std::uint64_t addresses =
        put(packet + 12, source.to_v4()) + put(packet + 16, destination.to_v4());
    const std::uint64_t ip =
        addresses +
        put(packet, 0x4500'0000U | std::uint32_t{manner.traffic_class} << 16 |
                        static_cast<std::uint16_t>(ipv4_header_size + length)) +
        put(packet + 4, detail::flag_dont_fragment) +
        put(packet + 8, std::uint32_t{manner.time_to_live} << 24 | protocol_tcp << 16);
    store_native(packet + 10, finish_checksum(ip));
    std::byte* const at = packet + ipv4_header_size;
    const std::uint32_t words = tcp.options.timestamps ? 8 : 5;
    std::uint64_t sum =
        addresses + network_order(length) + network_order(static_cast<std::uint16_t>(protocol_tcp));
    sum += put(at, std::uint32_t{tcp.source_port} << 16 | std::uint32_t{tcp.destination_port});
    sum += put(at + 4, tcp.sequence);
    sum += put(at + 8, tcp.acknowledgment);
    sum += put(at + 12, words << 28 | write_flags(tcp.flags) << 16 | tcp.window);
    sum += put(at + 16, tcp.urgent_pointer);
    if (tcp.options.timestamps) {
        sum += put(at + 20, detail::aligned_timestamps);
        sum += put(at + 24, tcp.options.timestamps->value);
        sum += put(at + 28, tcp.options.timestamps->echo);
    }
    return sum;
}

}  // namespace coax::stack::wire
