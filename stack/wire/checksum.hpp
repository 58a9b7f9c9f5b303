// The Internet checksum (RFC 1071, RFC 1624), in parts: sum what comes, fold at the end.
//
// Sums are held in native byte order and 64 bits wide: one's-complement addition does not care
// about byte order (RFC 1071 2(B)) nor about where the carries are put back (2(A)). A folded value
// is therefore stored and compared with store_native()/load_native(), never swapped.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stack/base/address.hpp"
#include "stack/base/payload.hpp"
#include "stack/wire/bytes.hpp"

namespace coax::stack::wire {

// Addition with end-around carry.
constexpr std::uint64_t add_carry(std::uint64_t a, std::uint64_t b) noexcept {
    std::uint64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? sum + 1 : sum;
}

// To 16 bits, not complemented. Zero only if everything summed was zero.
constexpr std::uint16_t fold_sum(std::uint64_t sum) noexcept {
    std::uint32_t half = 0;
    if (__builtin_add_overflow(static_cast<std::uint32_t>(sum),
                               static_cast<std::uint32_t>(sum >> 32), &half))
        ++half;
    std::uint16_t quarter = 0;
    if (__builtin_add_overflow(static_cast<std::uint16_t>(half),
                               static_cast<std::uint16_t>(half >> 16), &quarter))
        ++quarter;
    return quarter;
}

// Is it what fold_sum() makes 0xffff of, the sum of data with a good checksum in it? All that is
// folded away are multiples of 0xffff, so one multiplication tells. Not of a sum of zeros alone.
constexpr bool is_good_sum(std::uint64_t sum) noexcept { return sum % 0xffff == 0; }

// The field's value for a sum that was taken with the field as zero.
constexpr std::uint16_t finish_checksum(std::uint64_t sum) noexcept {
    return static_cast<std::uint16_t>(~fold_sum(sum));
}

// `sum` plus `size` bytes from an even place of the data; an odd last byte counts as if a zero byte
// followed (RFC 1071 4.1).
std::uint64_t sum_bytes(std::uint64_t sum, const std::byte* data, std::size_t size) noexcept;

// The same while copying: each byte is read once. The ranges must not overlap.
std::uint64_t copy_and_sum(std::uint64_t sum, std::byte* target, const std::byte* source,
                           std::size_t size) noexcept;

// A sum whose data comes in pieces of any length, odd ones too: a piece that starts at an odd place
// is summed as if it started at an even one, and its two byte columns are swapped (RFC 1071 2(B)).
class checksum_sum {
  public:
    checksum_sum() = default;
    explicit checksum_sum(std::uint64_t start) noexcept : sum_(start) {}

    void add(const_bytes piece) noexcept {
        place(sum_bytes(0, piece.data(), piece.size()), piece.size());
    }
    void add(const payload_view& pieces) noexcept {
        if (pieces.is_one_piece()) return add(pieces.head());
        pieces.for_each([this](const_bytes piece) { add(piece); });
    }
    void add_copying(std::byte* target, const_bytes piece) noexcept {
        place(copy_and_sum(0, target, piece.data(), piece.size()), piece.size());
    }
    std::uint64_t value() const noexcept { return sum_; }

  private:
    void place(std::uint64_t sum, std::size_t size) noexcept {
        sum_ = add_carry(sum_, odd_ ? swap_bytes(fold_sum(sum)) : sum);
        odd_ = odd_ != ((size & 1U) != 0);
    }
    std::uint64_t sum_ = 0;
    bool odd_ = false;
};

// Pseudo-header of TCP, UDP (RFC 9293 3.1, RFC 768) and of IPv6 (RFC 8200 8.1); `length` is that of
// the transport header and data. Both families take the same way: the mapped prefix ::ffff of an
// IPv4 address adds 0xffff, which is zero in one's complement.
inline std::uint64_t pseudo_header_sum(const ip_address& source, const ip_address& destination,
                                       std::uint8_t protocol, std::uint32_t length) noexcept {
    std::uint64_t sum = add_carry(source.low(), destination.low());
    sum = add_carry(add_carry(sum, source.high()), destination.high());
    return add_carry(sum, std::uint64_t{network_order(length)} +
                              network_order(static_cast<std::uint16_t>(protocol)));
}
// The same where both IPv4 addresses are at hand as they stand on the wire.
inline std::uint64_t pseudo_header_sum(std::uint64_t addresses, std::uint8_t protocol,
                                       std::uint32_t length) noexcept {
    return add_carry(addresses, std::uint64_t{network_order(length)} +
                                    network_order(static_cast<std::uint16_t>(protocol)));
}

// Checksum field, in native order as loaded, after a 16-bit word of the data changed from `before`
// to `after` (native too): RFC 1624 3, equation 3.
constexpr std::uint16_t update_checksum(std::uint16_t field, std::uint16_t before,
                                        std::uint16_t after) noexcept {
    const std::uint64_t sum = std::uint64_t{static_cast<std::uint16_t>(~field)} +
                              static_cast<std::uint16_t>(~before) + after;
    return finish_checksum(sum);
}

}  // namespace coax::stack::wire
