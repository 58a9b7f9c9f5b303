// Numbers in network byte order at unaligned places. Knows no header.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace coax::stack::wire {

constexpr std::uint16_t swap_bytes(std::uint16_t x) noexcept {
    return static_cast<std::uint16_t>(x << 8 | x >> 8);
}
constexpr std::uint32_t swap_bytes(std::uint32_t x) noexcept { return __builtin_bswap32(x); }
constexpr std::uint64_t swap_bytes(std::uint64_t x) noexcept { return __builtin_bswap64(x); }

// Host order to network order and back: the same function.
template <class Number>
constexpr Number network_order(Number x) noexcept {
    if constexpr (std::endian::native == std::endian::little) return swap_bytes(x);
    else return x;
}

// As it stands in memory, without a change of order.
template <class Number>
Number load_native(const std::byte* from) noexcept {
    Number x;
    std::memcpy(&x, from, sizeof x);
    return x;
}
template <class Number>
void store_native(std::byte* to, Number x) noexcept {
    std::memcpy(to, &x, sizeof x);
}

inline std::uint8_t load_8(const std::byte* from) noexcept {
    return std::to_integer<std::uint8_t>(*from);
}
inline std::uint16_t load_16(const std::byte* from) noexcept {
    return network_order(load_native<std::uint16_t>(from));
}
inline std::uint32_t load_32(const std::byte* from) noexcept {
    return network_order(load_native<std::uint32_t>(from));
}
inline void store_8(std::byte* to, std::uint8_t x) noexcept { *to = std::byte{x}; }
inline void store_16(std::byte* to, std::uint16_t x) noexcept {
    store_native(to, network_order(x));
}
inline void store_32(std::byte* to, std::uint32_t x) noexcept {
    store_native(to, network_order(x));
}

}  // namespace coax::stack::wire
