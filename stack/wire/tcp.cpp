// TCP header and options: bytes to value and back.
#include "stack/wire/tcp.hpp"

#include <algorithm>
#include <bit>

#include "stack/wire/bytes.hpp"

namespace coax::stack::wire {

namespace {

// IANA option kinds; RFC 9293 3.1 (MUST-4): the first three are the least.
enum : std::uint8_t {
    kind_end = 0,
    kind_no_operation = 1,
    kind_maximum_segment_size = 2,
    kind_window_scale = 3,
    kind_sack_permitted = 4,
    kind_sack = 5,
    kind_timestamps = 8,
    kind_user_timeout = 28,
};

using detail::aligned_timestamps;
using detail::aligned_timestamps_size;

// The flags stand in their octet from FIN, the lowest bit, on, as the members of tcp_flags do.
tcp_flags read_flags(std::uint8_t bits) noexcept {
    const auto bit = [bits](unsigned i) { return (bits >> i & 1U) != 0; };
    if constexpr (std::endian::native == std::endian::little) {
        // Seven copies of the lower seven bits, side by side, put bit i into octet i; the eighth
        // follows by itself.
        static_assert(sizeof(tcp_flags) == 8);
        const std::uint64_t spread =
            ((bits & 0x7fU) * 0x0002'0408'1020'4081U & 0x0101'0101'0101'0101U) |
            std::uint64_t{bits} >> 7 << 56;
        return std::bit_cast<tcp_flags>(spread);
    }
    return {bit(0), bit(1), bit(2), bit(3), bit(4), bit(5), bit(6), bit(7)};
}

// SACK blocks that fit beside the other options: a header has 40 bytes for them (RFC 2018 3).
std::size_t fitting_sack_blocks(const tcp_options& options) noexcept {
    return std::min<std::size_t>(options.sack_count, options.timestamps ? 3 : 4);
}

void read_sack(const_bytes option, tcp_options& options) noexcept {
    // RFC 2018 3: 8n+2 bytes. A fifth block does not fit the option space.
    if (option.size() % 8 != 2 || option.size() < 10) return;
    std::uint8_t count = 0;
    for (std::size_t at = 2; at + 8 <= option.size() && count < options.sack.size(); at += 8)
        options.sack[count++] = {load_32(option.data() + at), load_32(option.data() + at + 4)};
    options.sack_count = count;
}

// One option whose length byte was checked against the header.
void read_option(std::uint8_t kind, const_bytes option, tcp_options& options) noexcept {
    const std::byte* value = option.data() + 2;
    switch (kind) {
        case kind_maximum_segment_size:
            if (option.size() == 4) options.maximum_segment_size = load_16(value);
            break;
        case kind_window_scale:
            if (option.size() == 3) options.window_scale = load_8(value);
            break;
        case kind_sack_permitted:
            if (option.size() == 2) options.sack_permitted = true;
            break;
        case kind_sack: read_sack(option, options); break;
        case kind_timestamps:
            if (option.size() == 10)
                options.timestamps = tcp_timestamps{load_32(value), load_32(value + 4)};
            break;
        case kind_user_timeout:
            if (option.size() == 4) options.user_timeout = load_16(value);
            break;
        default: break;  // RFC 9293 3.1 (MUST-6): ignore an option that is not implemented
    }
}

// False if an option runs past the header (RFC 9293 3.1, MUST-7: an illegal length is no crash).
// In any segment (MUST-5), octet by octet (3.2, MUST-64: they may begin anywhere).
bool read_options(const_bytes text, tcp_options& options) noexcept {
    while (!text.empty()) {
        const std::uint8_t kind = load_8(text.data());
        if (kind == kind_end) return true;
        if (kind == kind_no_operation) {
            text = text.subspan(1);
            continue;
        }
        if (text.size() < 2) return false;
        const std::size_t length = load_8(text.data() + 1);
        if (length < 2 || length > text.size()) return false;
        read_option(kind, text.first(length), options);
        text = text.subspan(length);
    }
    return true;
}

// The 4-byte groups that a SYN's options come in, as Linux lays them out. RFC 9293 3.1: each has
// its length (MUST-68), and no-operations fill the header, so nothing follows an end of list
// (MUST-69). MSS stands here alone (3.7.1, MUST-65).
std::byte* write_syn_options(const tcp_options& options, std::byte* at) noexcept {
    if (options.maximum_segment_size) {
        store_32(at, std::uint32_t{kind_maximum_segment_size} << 24 | 4U << 16 |
                         *options.maximum_segment_size);
        at += 4;
    }
    if (options.timestamps) {
        // sackOK takes the place of the two nops before the timestamps.
        const std::uint32_t before = options.sack_permitted ? 0x0402'0000U : 0x0101'0000U;
        store_32(at, before | (aligned_timestamps & 0xffffU));
        store_32(at + 4, options.timestamps->value);
        store_32(at + 8, options.timestamps->echo);
        at += aligned_timestamps_size;
    } else if (options.sack_permitted) {
        store_32(at, 0x0101'0402U);
        at += 4;
    }
    if (options.window_scale) {
        store_32(at, 0x0103'0300U | *options.window_scale);
        at += 4;
    }
    if (options.user_timeout != 0) {
        store_32(at, std::uint32_t{kind_user_timeout} << 24 | 4U << 16 | options.user_timeout);
        at += 4;
    }
    return at;
}

std::byte* write_options(const tcp_options& options, std::byte* at) noexcept {
    if (options.timestamps) {
        store_32(at, aligned_timestamps);
        store_32(at + 4, options.timestamps->value);
        store_32(at + 8, options.timestamps->echo);
        at += aligned_timestamps_size;
    }
    if (const std::size_t blocks = fitting_sack_blocks(options); blocks != 0) {
        store_32(at, 0x0101'0502U + 8U * static_cast<std::uint32_t>(blocks));
        at += 4;
        for (std::size_t i = 0; i < blocks; ++i) {
            store_32(at, options.sack[i].left);
            store_32(at + 4, options.sack[i].right);
            at += 8;
        }
    }
    return at;
}

// A SYN's options as Linux lays them out, and write_syn_options(): MSS, sackOK, timestamps, nop,
// window scale. False: they are others.
bool read_usual_syn_options(const_bytes text, tcp_options& options) noexcept {
    constexpr std::size_t size = 20;
    const std::byte* const at = text.data();
    if (text.size() != size || (load_32(at) >> 16) != (kind_maximum_segment_size << 8 | 4U) ||
        load_32(at + 4) != (0x0402'0000U | (aligned_timestamps & 0xffffU)) ||
        (load_32(at + 16) & 0xffff'ff00U) != 0x0103'0300U)
        return false;
    options.maximum_segment_size = load_16(at + 2);
    options.sack_permitted = true;
    options.timestamps = tcp_timestamps{load_32(at + 8), load_32(at + 12)};
    options.window_scale = load_8(at + 19);
    return true;
}

}  // namespace

tcp_parsed parse_tcp(const_bytes segment) noexcept {
    tcp_parsed parsed;
    if (segment.size() < tcp_header_min) {
        parsed.fault = tcp_fault::truncated;
        return parsed;
    }
    const std::byte* at = segment.data();
    parsed.header_length = static_cast<std::size_t>(load_8(at + 12) >> 4) * 4;
    if (parsed.header_length < tcp_header_min || parsed.header_length > segment.size()) {
        parsed.fault = tcp_fault::bad_offset;
        return parsed;
    }
    tcp_header& header = parsed.header;
    header.source_port = load_16(at);
    header.destination_port = load_16(at + 2);
    header.sequence = load_32(at + 4);
    header.acknowledgment = load_32(at + 8);
    header.flags = read_flags(load_8(at + 13));
    header.window = load_16(at + 14);
    header.urgent_pointer = load_16(at + 18);
    const_bytes options = segment.subspan(tcp_header_min, parsed.header_length - tcp_header_min);
    if (options.size() >= aligned_timestamps_size &&
        load_32(options.data()) == aligned_timestamps) {
        header.options.timestamps =
            tcp_timestamps{load_32(options.data() + 4), load_32(options.data() + 8)};
        options = options.subspan(aligned_timestamps_size);
    }
    if (!options.empty() && !read_usual_syn_options(options, header.options) &&
        !read_options(options, header.options))
        parsed.fault = tcp_fault::bad_option_length;
    return parsed;
}

std::size_t tcp_header_length(const tcp_header& header) noexcept {
    const tcp_options& options = header.options;
    std::size_t length = tcp_header_min;
    if (options.timestamps) length += aligned_timestamps_size;
    if (header.flags.syn) {
        if (options.maximum_segment_size) length += 4;
        if (options.sack_permitted && !options.timestamps) length += 4;
        if (options.window_scale) length += 4;
        if (options.user_timeout != 0) length += 4;
    } else if (options.sack_count != 0) {
        length += 4 + 8 * fitting_sack_blocks(options);
    }
    return length;
}

void emit_tcp(const tcp_header& header, std::byte* target) noexcept {
    std::byte* at = target + tcp_header_min;
    at = header.flags.syn ? write_syn_options(header.options, at)
                          : write_options(header.options, at);
    const auto words = static_cast<std::uint32_t>(at - target) / 4;
    store_32(target,
             std::uint32_t{header.source_port} << 16 | std::uint32_t{header.destination_port});
    store_32(target + 4, header.sequence);
    store_32(target + 8, header.acknowledgment);
    store_32(target + 12, words << 28 | write_flags(header.flags) << 16 | header.window);
    store_32(target + 16, header.urgent_pointer);  // checksum zero
}

}  // namespace coax::stack::wire
