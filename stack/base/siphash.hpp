// SipHash (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012) over 64-bit words, which
// is the form all keys of the stack have. Keyed, so that a stranger can't aim at a table.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace coax::stack {

struct siphash_key {
    std::uint64_t k0 = 0;
    std::uint64_t k1 = 0;
};

// SipHash-c-d: c rounds per word, d at the end. 2-4 for secrets that are seen on the wire, 1-3 for
// tables (the paper's section 7 and Linux alike).
template <int CompressionRounds, int FinalRounds>
class basic_siphash {
  public:
    explicit constexpr basic_siphash(const siphash_key& key) noexcept
        : v0_(0x736f6d6570736575U ^ key.k0),
          v1_(0x646f72616e646f6dU ^ key.k1),
          v2_(0x6c7967656e657261U ^ key.k0),
          v3_(0x7465646279746573U ^ key.k1) {}

    // One little-endian word of eight message bytes.
    constexpr void word(std::uint64_t m) noexcept {
        v3_ ^= m;
        for (int i = 0; i < CompressionRounds; ++i) round();
        v0_ ^= m;
        length_ += 8;
    }
    // `rest`: the remaining 0..7 bytes, first byte lowest; `count`: how many.
    constexpr std::uint64_t finish(std::uint64_t rest = 0, unsigned count = 0) noexcept {
        const std::uint64_t length = length_ + count;
        word(rest | (length << 56));
        v2_ ^= 0xff;
        for (int i = 0; i < FinalRounds; ++i) round();
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

  private:
    constexpr void round() noexcept {
        v0_ += v1_;
        v2_ += v3_;
        v1_ = std::rotl(v1_, 13) ^ v0_;
        v3_ = std::rotl(v3_, 16) ^ v2_;
        v0_ = std::rotl(v0_, 32);
        v2_ += v1_;
        v0_ += v3_;
        v1_ = std::rotl(v1_, 17) ^ v2_;
        v3_ = std::rotl(v3_, 21) ^ v0_;
        v2_ = std::rotl(v2_, 32);
    }
    std::uint64_t v0_, v1_, v2_, v3_;
    std::uint64_t length_ = 0;
};

using siphash_2_4 = basic_siphash<2, 4>;
using siphash_1_3 = basic_siphash<1, 3>;

}  // namespace coax::stack
