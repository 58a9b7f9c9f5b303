// Reads choices from an input: numbers, pieces, yes or no. Behind the end everything is zero, and
// is_empty() says so. Knows no protocol.
#pragma once

#include <algorithm>

#include "tests/fuzz/target.hpp"

namespace coax::fuzz {

class input {
  public:
    explicit input(const_bytes all) : rest_(all) {}

    bool is_empty() const { return rest_.empty(); }
    std::uint8_t u8() {
        if (rest_.empty()) return 0;
        const auto value = std::to_integer<std::uint8_t>(rest_.front());
        rest_ = rest_.subspan(1);
        return value;
    }
    std::uint16_t u16() {
        const std::uint32_t high = u8();
        return static_cast<std::uint16_t>(high << 8 | u8());
    }
    std::uint32_t u32() {
        const std::uint32_t high = u16();
        return high << 16 | u16();
    }
    bool yes() { return (u8() & 1U) != 0; }
    // 0..limit-1; limit is 1..256.
    std::uint32_t below(std::size_t limit) { return static_cast<std::uint32_t>(u8() % limit); }
    // At most `size` bytes.
    const_bytes piece(std::size_t size) {
        const const_bytes taken = rest_.first(std::min(size, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }
    const_bytes rest() const { return rest_; }

  private:
    const_bytes rest_;
};

// Writes the choices that input reads: seeds are made of them.
class script_writer {
  public:
    script_writer& u8(std::uint32_t value) {
        made_.push_back(static_cast<std::byte>(value));
        return *this;
    }
    script_writer& u16(std::uint32_t value) { return u8(value >> 8).u8(value); }
    script_writer& u32(std::uint32_t value) { return u16(value >> 16).u16(value); }
    script_writer& raw(const_bytes piece) {
        made_.insert(made_.end(), piece.begin(), piece.end());
        return *this;
    }
    script_writer& text(std::string_view piece) {
        return raw(std::as_bytes(std::span(piece.data(), piece.size())));
    }
    const bytes& made() const { return made_; }

  private:
    bytes made_;
};

}  // namespace coax::fuzz
