// Round-trip time estimation and the retransmission timeout (RFC 9293 3.8.1, MUST-18: RFC 6298).
// Knows no segments: the caller measures, and obeys Karn's rule.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "stack/base/time.hpp"
#include "stack/config.hpp"

namespace coax::stack::tcp {

// The limits of timeouts, as often as they are needed: microseconds, rounded up.
struct timeout_limits {
    explicit timeout_limits(const tcp_config& config) noexcept
        : margin(whole(std::max(granularity, config.rto_min))), longest(whole(config.rto_max)) {}
    static constexpr duration granularity = std::chrono::milliseconds(1);  // G of RFC 6298 (2)
    std::uint32_t margin;   // by which a timeout is longer than the smoothed round trip, at least
    std::uint32_t longest;  // rto_max

  private:
    static std::uint32_t whole(duration d) noexcept {
        return static_cast<std::uint32_t>((static_cast<std::uint64_t>(d.count()) + 999) / 1000);
    }
};

// A retransmission timeout that was clamped: RFC 6298 (2.4), (2.5). Can't be made otherwise.
class retransmission_timeout {
  public:
    static retransmission_timeout clamped(duration wanted, const tcp_config& config) noexcept {
        return retransmission_timeout(std::clamp(wanted, config.rto_min, config.rto_max));
    }
    // The same of microseconds that are not below rto_min.
    static retransmission_timeout limited(std::uint32_t wanted,
                                          const timeout_limits& limits) noexcept {
        return retransmission_timeout(std::min(wanted, limits.longest));
    }
    // RFC 6298 (5.5): doubled `times` times, at most rto_max.
    duration backed_off(std::uint8_t times, const tcp_config& config) const noexcept {
        if (times >= 20) return config.rto_max;
        return std::min(value() * (std::int64_t{1} << times), config.rto_max);
    }
    duration value() const noexcept { return std::chrono::microseconds(microseconds_); }
    bool is_less_than(std::uint32_t milliseconds) const noexcept {
        return microseconds_ < std::uint64_t{milliseconds} * 1000;
    }

  private:
    explicit retransmission_timeout(std::uint32_t microseconds) noexcept
        : microseconds_(microseconds) {}
    explicit retransmission_timeout(duration d) noexcept
        : microseconds_(
              static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::microseconds>(d).count())) {
    }
    std::uint32_t microseconds_;
};

class round_trip {
  public:
    // RFC 6298 (2.1)
    explicit round_trip(const tcp_config& config) noexcept
        : rto_(retransmission_timeout::clamped(config.rto_initial, config)) {}

    // `measured` is not negative: time moves forward. Answers it in microseconds, in the limits of
    // what is a measurement.
    std::uint32_t sample(duration measured, const timeout_limits& limits) noexcept {
        const auto r = static_cast<std::int32_t>(std::clamp<std::uint64_t>(
            static_cast<std::uint64_t>(measured.count()) / 1000, 1, longest));
        if (smoothed_ == 0) [[unlikely]] {  // RFC 6298 (2.2)
            smoothed_ = static_cast<std::uint32_t>(r);
            variation_ = static_cast<std::uint32_t>(r / 2);
        } else {  // RFC 6298 (2.3): beta 1/4, alpha 1/8
            const std::int32_t error = r - static_cast<std::int32_t>(smoothed_);
            const std::int32_t deviation = std::abs(error) - static_cast<std::int32_t>(variation_);
            variation_ += static_cast<std::uint32_t>(deviation / 4);
            smoothed_ = static_cast<std::uint32_t>(
                std::max(static_cast<std::int32_t>(smoothed_) + error / 8, 1));
        }
        // RFC 6298 (2.3). The least timeout is granted to the variation alone, as on Linux: a
        // steady path of 100 ms would otherwise time out at a delayed acknowledgment.
        rto_ = retransmission_timeout::limited(smoothed_ + std::max(variation_ * 4, limits.margin),
                                               limits);
        take_least(static_cast<std::uint32_t>(r));
        return static_cast<std::uint32_t>(r);
    }
    bool measured() const noexcept { return smoothed_ != 0; }
    duration smoothed() const noexcept { return std::chrono::microseconds(smoothed_); }
    duration variation() const noexcept { return std::chrono::microseconds(variation_); }
    // The smallest sample of the last minutes (RFC 8985 6.2 step 1: a windowed minimum). It is
    // `longest` before the first.
    duration least() const noexcept { return std::chrono::microseconds(least_); }
    const retransmission_timeout& timeout() const noexcept { return rto_; }
    // RFC 6298 (5.7): the SYN was retransmitted, so data starts with at least 3 s.
    void distrust(const tcp_config& config) noexcept {
        rto_ = retransmission_timeout::clamped(std::max(rto_.value(), duration(3s)), config);
    }

  private:
    static constexpr std::uint64_t longest = 600000000;  // microseconds; more is no measurement
    static constexpr std::uint16_t samples_max = 4096;

    // Begun anew after a run of samples, so that a path that became longer is not measured by what
    // it was. A sample above the true minimum does no harm until the next smaller one.
    void take_least(std::uint32_t r) noexcept {
        if (r < least_ || --samples_left_ == 0) [[unlikely]] {
            least_ = r;
            samples_left_ = samples_max;
        }
    }

    std::uint32_t smoothed_ = 0;  // microseconds; 0: not measured
    std::uint32_t variation_ = 0;
    std::uint32_t least_ = static_cast<std::uint32_t>(longest);
    std::uint16_t samples_left_ = samples_max;
    retransmission_timeout rto_;
};

}  // namespace coax::stack::tcp
