// Addresses as values: MAC, IP of either family, prefix, endpoint.
// Text forms are made and parsed here; nothing here knows a packet or a route.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace coax::stack {

// IEEE 802 MAC-48 address.
struct mac_address {
    std::array<std::uint8_t, 6> octets{};

    constexpr bool is_multicast() const noexcept { return (octets[0] & 1U) != 0; }
    constexpr bool is_broadcast() const noexcept { return *this == broadcast(); }
    static constexpr mac_address broadcast() noexcept {
        return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    }
    static std::optional<mac_address> parse(std::string_view text) noexcept;  // "02:00:00:00:00:01"
    std::string to_string() const;
    friend constexpr bool operator==(const mac_address& a, const mac_address& b) noexcept {
        return a.number() == b.number();
    }

  private:
    // All octets as one number, in whatever order is quickest.
    constexpr std::uint64_t number() const noexcept {
        if (std::is_constant_evaluated()) {
            std::uint64_t n = 0;
            for (const auto octet : octets) n = n << 8 | octet;
            return n;
        }
        std::uint32_t first;
        std::uint16_t last;
        std::memcpy(&first, octets.data(), sizeof first);
        std::memcpy(&last, octets.data() + sizeof first, sizeof last);
        return std::uint64_t{first} << 16 | last;
    }
};

// An IPv4 or IPv6 address in 16 bytes, network order. IPv4 is held in its mapped form
// ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so both families share every table and key; a mapped address
// that arrives inside an IPv6 header is refused by the ip layer (RFC 4291: not for the wire).
class ip_address {
  public:
    constexpr ip_address() noexcept = default;  // ::, unspecified of IPv6
    static constexpr ip_address v4(std::uint32_t host_order) noexcept {
        if constexpr (std::endian::native == std::endian::little)
            return from_words(0, 0xffff'0000U | std::uint64_t{swapped(host_order)} << 32);
        else return from_words(0, 0xffff'0000'0000U | host_order);
    }
    static constexpr ip_address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c,
                                   std::uint8_t d) noexcept {
        return v4((std::uint32_t{a} << 24) | (std::uint32_t{b} << 16) | (std::uint32_t{c} << 8) |
                  d);
    }
    static constexpr ip_address v6(const std::array<std::uint8_t, 16>& octets) noexcept {
        ip_address a;
        a.octets_ = octets;
        return a;
    }
    static constexpr ip_address any_v4() noexcept { return v4(0); }
    // "198.18.0.2" (decimal, no leading zeros), "fd00::1", "::ffff:198.18.0.2". No zone.
    static std::optional<ip_address> parse(std::string_view text) noexcept;

    constexpr bool is_v4() const noexcept {
        const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(octets_);
        if constexpr (std::endian::native == std::endian::little)
            return words[0] == 0 && static_cast<std::uint32_t>(words[1]) == 0xffff'0000U;
        else return words[0] == 0 && words[1] >> 32 == 0xffffU;
    }
    constexpr bool is_v6() const noexcept { return !is_v4(); }
    // Host order. Only for is_v4().
    constexpr std::uint32_t to_v4() const noexcept {
        const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(octets_);
        if constexpr (std::endian::native == std::endian::little)
            return swapped(static_cast<std::uint32_t>(words[1] >> 32));
        else return static_cast<std::uint32_t>(words[1]);
    }
    constexpr const std::array<std::uint8_t, 16>& octets() const noexcept { return octets_; }
    bool is_unspecified() const noexcept;                   // 0.0.0.0 or ::
    bool is_loopback() const noexcept;                      // 127/8 or ::1
    bool is_multicast() const noexcept;                     // 224/4 or ff00::/8
    constexpr bool is_limited_broadcast() const noexcept {  // 255.255.255.255
        return *this == v4(0xffff'ffffU);
    }
    std::string to_string() const;  // IPv6 as RFC 5952 writes it

    // Two 64-bit words, for hashing and comparing.
    std::uint64_t high() const noexcept { return word(0); }
    std::uint64_t low() const noexcept { return word(8); }
    friend constexpr bool operator==(const ip_address& a, const ip_address& b) noexcept {
        const auto x = std::bit_cast<std::array<std::uint64_t, 2>>(a.octets_);
        const auto y = std::bit_cast<std::array<std::uint64_t, 2>>(b.octets_);
        return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
    }
    friend constexpr auto operator<=>(const ip_address&, const ip_address&) noexcept = default;

  private:
    static constexpr std::uint32_t swapped(std::uint32_t x) noexcept {
        return __builtin_bswap32(x);
    }
    static constexpr ip_address from_words(std::uint64_t high, std::uint64_t low) noexcept {
        ip_address a;
        a.octets_ = std::bit_cast<std::array<std::uint8_t, 16>>(std::array{high, low});
        return a;
    }
    std::uint64_t word(std::size_t at) const noexcept {
        std::uint64_t w;
        std::memcpy(&w, octets_.data() + at, sizeof w);
        return w;
    }
    // Not 8: an endpoint then has 20 bytes, not 24, and every connection has two.
    alignas(4) std::array<std::uint8_t, 16> octets_{};
};

// Where frames to a group go: 01-00-5e and 23 bits of IPv4's (RFC 1112 6.4), 33-33 and 32 bits of
// IPv6's (RFC 2464 7). Several groups share one.
constexpr mac_address group_mac(const ip_address& group) noexcept {
    const auto& at = group.octets();
    if (group.is_v4())
        return {{0x01, 0x00, 0x5e, static_cast<std::uint8_t>(at[13] & 0x7f), at[14], at[15]}};
    return {{0x33, 0x33, at[12], at[13], at[14], at[15]}};
}

// An address with a prefix length: an interface address ("198.18.0.2/24") or a route's target.
struct ip_prefix {
    ip_address address;
    std::uint8_t length = 0;  // bits of the own family: 0..32 or 0..128

    bool contains(const ip_address& other) const noexcept;  // same family and prefix
    // Directed broadcast of an IPv4 prefix shorter than /31 (RFC 922, RFC 3021).
    bool is_broadcast_of(const ip_address& other) const noexcept;
    static std::optional<ip_prefix> parse(std::string_view text) noexcept;  // "ADDRESS/LENGTH"
    std::string to_string() const;
    friend bool operator==(const ip_prefix&, const ip_prefix&) noexcept = default;
};

// Transport address. Port in host order.
struct endpoint {
    ip_address address;
    std::uint16_t port = 0;

    std::string to_string() const;  // "198.18.0.2:80", "[fd00::1]:80"
    friend bool operator==(const endpoint&, const endpoint&) noexcept = default;
};

}  // namespace coax::stack
