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

// Its TCP header as far as it differs between plain segments, and where its bytes lie. All numbers
// in host order.
struct plain_segment {
    ipv4_key key;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgment = 0;
    std::uint16_t window = 0;  // as on the wire, unscaled
    bool push = false;
    bool has_timestamps = false;
    tcp_timestamps timestamps;         // where it has them
    const std::byte* start = nullptr;  // of the TCP header
    std::uint32_t header_length = 0;   // bytes
    std::uint32_t payload_size = 0;    // bytes, link padding cut off

    const_bytes segment() const noexcept { return {start, header_length + payload_size}; }
    const_bytes payload() const noexcept { return {start + header_length, payload_size}; }
    // The whole header, without ports (those are in the key).
    tcp_header header() const noexcept {
        tcp_header h;
        h.sequence = sequence;
        h.acknowledgment = acknowledgment;
        h.window = window;
        h.flags.ack = true;
        h.flags.psh = push;
        if (has_timestamps) h.options.timestamps = timestamps;
        return h;
    }
};

namespace detail {
// As it stands in memory. Written so that compilers see a constant.
constexpr std::uint32_t in_memory(std::uint32_t x) noexcept { return network_order(x); }
constexpr std::uint16_t in_memory_16(std::uint16_t x) noexcept { return network_order(x); }
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

// The addresses of a frame that is at least a header long, as mac_number() has them: from eight
// bytes at once, of which two are the neighbours'.
inline std::uint64_t destination_number(const std::byte* frame) noexcept {
    return detail::first_six(load_native<std::uint64_t>(frame));
}
inline std::uint64_t source_number(const std::byte* frame) noexcept {
    return detail::last_six(load_native<std::uint64_t>(frame + 4));
}

// Ethernet, IPv4 and the fixed part of TCP: what a plain segment has at least.
inline constexpr std::size_t plain_frame_min =
    ethernet_header_size + ipv4_header_size + tcp_header_min;

// Is it Ethernet II and IPv4 with TCP, without options, not a fragment, with a good header checksum
// and no report of congestion (RFC 3168 5: CE)? `frame` has plain_frame_min bytes. What its length
// field says is not looked at.
inline bool has_plain_headers(const std::byte* frame) noexcept {
    const std::byte* const ip = frame + ethernet_header_size;
    // The type stands beside the first two bytes of the IP header.
    const std::uint32_t type_and_version = load_32(ip - 2);
    if ((type_and_version & 0xffff'ff00U) != 0x0800'4500U || (type_and_version & 3U) == 3)
        return false;
    // Offset and the flag "more fragments", all but "don't fragment"; then TCP.
    if ((load_native<std::uint32_t>(ip + 6) & detail::in_memory(0xbfff'00ffU)) !=
        detail::in_memory(protocol_tcp))
        return false;
    return fold_sum(sum_ipv4_header(ip)) == 0xffff;
}

// The headers of Ethernet and IPv4 of a frame that had plain ones, by which those of the next frame
// are known to be plain too with a few compares. What comes from one peer differs in three words
// alone: length, identification and checksum. The header's sum is that of the known one if these
// three have the sum that they had there, so the checksum is as good as summed.
class plain_headers {
  public:
    void learn(const std::byte* frame) noexcept {
        first_ = load_native<std::uint64_t>(frame);
        second_ = load_native<std::uint64_t>(frame + 8);
        flags_to_protocol_ = load_native<std::uint32_t>(frame + 20);
        addresses_ = load_native<std::uint64_t>(frame + 26);
        changing_ = sum_of_changing(frame);
    }
    // `frame` has plain_frame_min bytes.
    bool fit(const std::byte* frame) const noexcept {
        const std::uint64_t others = (load_native<std::uint64_t>(frame) ^ first_) |
                                     (load_native<std::uint64_t>(frame + 8) ^ second_) |
                                     (load_native<std::uint32_t>(frame + 20) ^ flags_to_protocol_) |
                                     (load_native<std::uint64_t>(frame + 26) ^ addresses_);
        return others == 0 && sum_of_changing(frame) == changing_;
    }
    ip_address source() const noexcept {
        return ip_address::v4(static_cast<std::uint32_t>(network_order(addresses_) >> 32));
    }
    ip_address destination() const noexcept {
        return ip_address::v4(static_cast<std::uint32_t>(network_order(addresses_)));
    }

  private:
    static std::uint16_t sum_of_changing(const std::byte* frame) noexcept {
        const auto add = [](std::uint16_t a, std::uint16_t b) noexcept {
            std::uint16_t sum = 0;
            return static_cast<std::uint16_t>(__builtin_add_overflow(a, b, &sum) ? sum + 1 : sum);
        };
        return add(
            add(load_native<std::uint16_t>(frame + 16), load_native<std::uint16_t>(frame + 18)),
            load_native<std::uint16_t>(frame + 24));
    }
    std::uint64_t first_ = 0;  // no frame has all zero where its type stands
    std::uint64_t second_ = 0;
    std::uint64_t addresses_ = 0;
    std::uint32_t flags_to_protocol_ = 0;
    std::uint16_t changing_ = 0;  // one's-complement sum; a length is never zero, so this is not
};

// Of a frame with plain headers and plain_frame_min bytes at least, the rest. False: it is not
// plain, or not whole; what is in `out` means nothing then. Its checksum is not verified.
inline bool parse_plain_tcp(const_bytes frame, plain_segment& out) noexcept {
    const std::byte* const ip = frame.data() + ethernet_header_size;
    const std::byte* const tcp = ip + ipv4_header_size;
    const std::uint32_t total = load_16(ip + 2);
    if (total > frame.size() - ethernet_header_size) [[unlikely]]
        return false;
    // Data offset and flags; PSH may be there or not.
    const std::uint32_t offset_and_flags =
        load_native<std::uint16_t>(tcp + 12) & detail::in_memory_16(0xfff7U);
    out.start = tcp;
    if (offset_and_flags == detail::in_memory_16(0x8010U)) [[likely]] {
        if (total < ipv4_header_size + tcp_header_min + detail::aligned_timestamps_size ||
            load_native<std::uint32_t>(tcp + 20) != detail::in_memory(detail::aligned_timestamps))
            [[unlikely]]
            return false;
        out.has_timestamps = true;
        out.timestamps = {load_32(tcp + 24), load_32(tcp + 28)};
        out.header_length = tcp_header_min + detail::aligned_timestamps_size;
    } else {
        if (offset_and_flags != detail::in_memory_16(0x5010U) ||
            total < ipv4_header_size + tcp_header_min)
            return false;
        out.has_timestamps = false;
        out.header_length = tcp_header_min;
    }
    out.payload_size = total - static_cast<std::uint32_t>(ipv4_header_size) - out.header_length;
    out.key = {load_native<std::uint64_t>(ip + 12), load_native<std::uint32_t>(tcp)};
    out.sequence = load_32(tcp + 4);
    out.acknowledgment = load_32(tcp + 8);
    out.push = (load_native<std::uint16_t>(tcp + 12) & detail::in_memory_16(8)) != 0;
    out.window = load_16(tcp + 14);
    return true;
}

// `sum` and that of its TCP header, in words of eight bytes.
inline std::uint64_t sum_plain_header(std::uint64_t sum, const plain_segment& s) noexcept {
    sum = add_carry(sum, load_native<std::uint64_t>(s.start));
    sum = add_carry(sum, load_native<std::uint64_t>(s.start + 8));
    if (!s.has_timestamps) [[unlikely]]
        return add_carry(sum, load_native<std::uint32_t>(s.start + 16));
    sum = add_carry(sum, load_native<std::uint64_t>(s.start + 16));
    return add_carry(sum, load_native<std::uint64_t>(s.start + 24));
}

// Both at once. The IPv4 header's checksum was verified; that of TCP was not.
inline bool parse_plain_segment(const_bytes frame, plain_segment& out) noexcept {
    return frame.size() >= plain_frame_min && has_plain_headers(frame.data()) &&
           parse_plain_tcp(frame, out);
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

// What a plain segment says: its TCP header in host order.
struct plain_header {
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgment = 0;
    std::uint32_t flags = 0;  // the octet (write_flags())
    std::uint16_t window = 0;
    std::uint16_t urgent_pointer = 0;
    bool has_timestamps = false;
    tcp_timestamps timestamps;
};

// Writes the headers of IPv4 (DF set, identification zero: RFC 6864 4.1) and TCP in one go; the
// TCP checksum field is zero. Answers the sum of the pseudo-header and the TCP header, of which
// every word was at hand: the payload's is to be added. `length`: of the TCP header and payload.
// Two numbers of 32 bits are turned, stored and summed as one of 64.
inline std::uint64_t emit_plain_segment(const ip_address& source, const ip_address& destination,
                                        const plain_header& tcp, ipv4_manner manner,
                                        std::uint32_t length, std::byte* packet) noexcept {
    const auto put = [](std::byte* at, std::uint32_t x) noexcept -> std::uint64_t {
        const std::uint32_t word = network_order(x);
        store_native(at, word);
        return word;
    };
    const auto put_two = [](std::byte* at, std::uint32_t x, std::uint32_t y) noexcept {
        const std::uint64_t words = network_order(std::uint64_t{x} << 32 | y);
        store_native(at, words);
        return words;
    };
    // 64-bit sums of a few words of 32 bits: nothing is carried out.
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
    const std::uint32_t words = tcp.has_timestamps ? 8 : 5;
    std::uint64_t sum =
        addresses + network_order(length) + network_order(static_cast<std::uint16_t>(protocol_tcp));
    sum = add_carry(sum, put_two(at, std::uint32_t{tcp.source_port} << 16 | tcp.destination_port,
                                 tcp.sequence));
    sum = add_carry(
        sum, put_two(at + 8, tcp.acknowledgment, words << 28 | tcp.flags << 16 | tcp.window));
    if (!tcp.has_timestamps) return add_carry(sum, put(at + 16, tcp.urgent_pointer));
    sum = add_carry(sum, put_two(at + 16, tcp.urgent_pointer, detail::aligned_timestamps));
    return add_carry(sum, put_two(at + 24, tcp.timestamps.value, tcp.timestamps.echo));
}
// The same from the value that every header has. Only if it is plain.
inline std::uint64_t emit_plain_segment(const ip_address& source, const ip_address& destination,
                                        const tcp_header& tcp, ipv4_manner manner,
                                        std::uint32_t length, std::byte* packet) noexcept {
    plain_header plain{tcp.source_port,        tcp.destination_port,
                       tcp.sequence,           tcp.acknowledgment,
                       write_flags(tcp.flags), tcp.window,
                       tcp.urgent_pointer,     tcp.options.timestamps.has_value(),
                       tcp_timestamps{}};
    if (plain.has_timestamps) plain.timestamps = *tcp.options.timestamps;
    return emit_plain_segment(source, destination, plain, manner, length, packet);
}

}  // namespace coax::stack::wire
