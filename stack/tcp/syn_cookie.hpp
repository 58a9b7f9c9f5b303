// SYN cookies (RFC 4987 3.6): the state of a half-open connection in the numbers of its SYN,ACK, so
// that none is kept. What a cookie holds and how it is checked; when one is used stands in
// input_listen.cpp. Knows no queue and no segment.
//
// The initial sequence number is 30 bits of a keyed hash over the flow, the peer's initial sequence
// number, a count of periods and the class of its MSS, and two bits that are this class. The
// options that a sequence number has no room for are the low six bits of the timestamp, which comes
// back as the echo.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "stack/tcp/secrets.hpp"

namespace coax::stack::tcp {

// What a timestamp carries.
struct cookie_options {
    static constexpr std::uint8_t no_scale = 15;
    std::uint8_t peer_scale = no_scale;  // 0..14
    bool sack = false;
    bool ecn = false;
    friend bool operator==(const cookie_options&, const cookie_options&) noexcept = default;
};

inline constexpr std::uint32_t cookie_option_bits = 6;

// The timestamp at or before `clock`, which never is ahead of what later segments carry.
constexpr std::uint32_t cookie_timestamp(std::uint32_t clock, const cookie_options& o) noexcept {
    constexpr std::uint32_t mask = (1U << cookie_option_bits) - 1;
    const std::uint32_t bits =
        std::uint32_t{o.peer_scale} | (o.sack ? 1U << 4 : 0U) | (o.ecn ? 1U << 5 : 0U);
    const std::uint32_t value = (clock & ~mask) | bits;
    return bits > (clock & mask) ? value - (1U << cookie_option_bits) : value;
}

constexpr cookie_options options_of(std::uint32_t echoed) noexcept {
    return {static_cast<std::uint8_t>(echoed & 15U), (echoed >> 4 & 1U) != 0,
            (echoed >> 5 & 1U) != 0};
}

// An offer counts as the next smaller one; below the second as the smallest of all, mss_min.
inline constexpr std::array<std::uint16_t, 4> cookie_mss{0, 536, 1300, 1460};

class syn_cookie {
  public:
    // `period`: which one it is now.
    static seq make(const secrets& keys, const flow& ends, seq peer_iss, std::uint32_t period,
                    std::uint16_t peer_mss) noexcept {
        std::uint32_t mss_class = cookie_mss.size() - 1;
        while (mss_class != 0 && cookie_mss[mss_class] > peer_mss) --mss_class;
        return seq(value_of(keys, ends, peer_iss, period, mss_class));
    }
    // The MSS, if `cookie` was made in this period or the last one for this flow; not below
    // `mss_min`. One number of 2^29 passes.
    static std::optional<std::uint16_t> check(const secrets& keys, const flow& ends, seq peer_iss,
                                              std::uint32_t period, seq cookie,
                                              std::uint16_t mss_min) noexcept {
        const std::uint32_t mss_class = cookie.value() & 3U;
        for (const std::uint32_t p : {period, period - 1}) {
            if (value_of(keys, ends, peer_iss, p, mss_class) != cookie.value()) continue;
            return std::max(cookie_mss[mss_class], mss_min);
        }
        return {};
    }

  private:
    static std::uint32_t value_of(const secrets& keys, const flow& ends, seq peer_iss,
                                  std::uint32_t period, std::uint32_t mss_class) noexcept {
        return (keys.cookie(ends, peer_iss, period, mss_class) & ~3U) | mss_class;
    }
};

}  // namespace coax::stack::tcp
