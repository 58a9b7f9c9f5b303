// TCP header as a value: parse and emit (RFC 9293 3.1, options of RFC 7323 and RFC 2018).
// No state, no policy; sequence arithmetic lives with the protocol.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "stack/base/payload.hpp"

namespace coax::stack::wire {

struct tcp_flags {
    bool fin = false, syn = false, rst = false, psh = false, ack = false, urg = false, ece = false,
         cwr = false;
    friend bool operator==(const tcp_flags&, const tcp_flags&) noexcept = default;
};

struct sack_block {
    std::uint32_t left = 0;   // first sequence number held
    std::uint32_t right = 0;  // one past the last
    friend bool operator==(const sack_block&, const sack_block&) noexcept = default;
};

struct tcp_timestamps {
    std::uint32_t value = 0;  // TSval
    std::uint32_t echo = 0;   // TSecr
    friend bool operator==(const tcp_timestamps&, const tcp_timestamps&) noexcept = default;
};

struct tcp_options {
    std::optional<std::uint16_t> maximum_segment_size;  // SYN only
    std::optional<std::uint8_t> window_scale;           // SYN only, as sent (may exceed 14)
    bool sack_permitted = false;                        // SYN only
    // RFC 5482 3, as on the wire: bit 15 says minutes, else seconds. Written in a SYN only; 0:
    // none.
    std::uint16_t user_timeout = 0;
    std::optional<tcp_timestamps> timestamps;
    std::array<sack_block, 4> sack{};
    std::uint8_t sack_count = 0;
    friend bool operator==(const tcp_options&, const tcp_options&) noexcept = default;
};

// All numbers in host order.
struct tcp_header {
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgment = 0;
    std::uint16_t window = 0;  // as on the wire, unscaled (RFC 9293 3.1, MUST-1: unsigned)
    std::uint16_t urgent_pointer = 0;
    tcp_flags flags;
    tcp_options options;
    friend bool operator==(const tcp_header&, const tcp_header&) noexcept = default;
};

// The octet of the flags. They stand in it from FIN, the lowest bit, on, as the members do.
inline std::uint32_t write_flags(const tcp_flags& flags) noexcept {
    if constexpr (std::endian::native == std::endian::little) {
        // Octet i is shifted to bit 56 + i; what else the product holds stays clear of that octet.
        return static_cast<std::uint32_t>(
            std::bit_cast<std::uint64_t>(flags) * 0x0102'0408'1020'4080U >> 56);
    }
    const auto bit = [](bool flag, unsigned i) { return flag ? 1U << i : 0U; };
    return bit(flags.fin, 0) | bit(flags.syn, 1) | bit(flags.rst, 2) | bit(flags.psh, 3) |
           bit(flags.ack, 4) | bit(flags.urg, 5) | bit(flags.ece, 6) | bit(flags.cwr, 7);
}

inline constexpr std::size_t tcp_header_min = 20;
inline constexpr std::size_t tcp_header_max = 60;
inline constexpr std::size_t tcp_checksum_offset = 16;

namespace detail {
// nop, nop, TS, length 10: how nearly every segment's options begin (RFC 7323 appendix A).
inline constexpr std::uint32_t aligned_timestamps = 0x0101'080aU;
inline constexpr std::size_t aligned_timestamps_size = 12;
}  // namespace detail

enum class tcp_fault : std::uint8_t { none, truncated, bad_offset, bad_option_length };

// Parses the header at the start of `segment` (first piece of it: a device keeps headers whole).
// On success `header_length` is the data offset in bytes. Unknown options are skipped
// (RFC 9293 3.1 MUST-6); an option that runs past the header is a fault; a known option of a wrong
// length is ignored.
struct tcp_parsed {
    tcp_header header;
    std::size_t header_length = 0;
    tcp_fault fault = tcp_fault::none;
};
tcp_parsed parse_tcp(const_bytes segment) noexcept;

// Length emit_tcp() will write: 20..60, options padded as Linux lays them out (SYN: mss, sackOK,
// TS, nop, wscale; otherwise nop, nop, TS, nop, nop, SACK). Beside timestamps only three SACK
// blocks fit: the first three are written.
std::size_t tcp_header_length(const tcp_header& header) noexcept;
// Writes header and options with a zero checksum field; `target` holds tcp_header_length() bytes.
void emit_tcp(const tcp_header& header, std::byte* target) noexcept;

}  // namespace coax::stack::wire
