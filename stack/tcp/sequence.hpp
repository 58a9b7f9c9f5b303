// Sequence numbers: 32 bits, compared on the circle (RFC 9293 3.4). Knows no connection.
#pragma once

#include <cstdint>

namespace coax::stack::tcp {

// Ordering holds between numbers less than 2^31 apart, which windows guarantee.
class seq {
  public:
    constexpr seq() noexcept = default;
    explicit constexpr seq(std::uint32_t value) noexcept : value_(value) {}
    constexpr std::uint32_t value() const noexcept { return value_; }

    constexpr seq& operator+=(std::uint32_t n) noexcept {
        value_ += n;
        return *this;
    }
    friend constexpr seq operator+(seq a, std::uint32_t n) noexcept { return seq(a.value_ + n); }
    friend constexpr seq operator-(seq a, std::uint32_t n) noexcept { return seq(a.value_ - n); }
    // Distance from b forward to a.
    friend constexpr std::uint32_t operator-(seq a, seq b) noexcept { return a.value_ - b.value_; }
    friend constexpr bool operator==(seq, seq) noexcept = default;
    friend constexpr bool operator<(seq a, seq b) noexcept { return order(a, b) < 0; }
    friend constexpr bool operator>(seq a, seq b) noexcept { return order(a, b) > 0; }
    friend constexpr bool operator<=(seq a, seq b) noexcept { return order(a, b) <= 0; }
    friend constexpr bool operator>=(seq a, seq b) noexcept { return order(a, b) >= 0; }

  private:
    static constexpr std::int32_t order(seq a, seq b) noexcept {
        return static_cast<std::int32_t>(a.value_ - b.value_);
    }
    std::uint32_t value_ = 0;
};

constexpr seq later_of(seq a, seq b) noexcept { return a < b ? b : a; }
constexpr seq earlier_of(seq a, seq b) noexcept { return a < b ? a : b; }

// A timestamp value is compared on the same circle (RFC 7323 5.2).
constexpr bool timestamp_before(std::uint32_t a, std::uint32_t b) noexcept {
    return static_cast<std::int32_t>(a - b) < 0;
}

}  // namespace coax::stack::tcp
