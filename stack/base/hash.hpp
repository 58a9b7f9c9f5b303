// Hashing of addresses for the tables whose size is bounded by configuration. Seeded, so that
// nobody outside can aim at one bucket; the bound does the rest. Not for unbounded tables.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stack/base/flow.hpp"

namespace coax::stack {

struct address_hash {
    using is_avalanching = void;  // boost::unordered: no further mixing needed
    std::uint64_t seed = 0;

    static constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
        std::uint64_t x = (a * 0xff51'afd7'ed55'8ccdU) ^ (b << 32 | b >> 32);
        x = (x ^ x >> 32) * 0xc4ce'b9fe'1a85'ec53U;
        return x ^ x >> 29;
    }
    std::uint64_t words(std::uint64_t high, std::uint64_t low) const noexcept {
        return mix(high ^ seed ^ 0x9e37'79b9'7f4a'7c15U,
                   low ^ (seed << 32 | seed >> 32) ^ 0xc2b2'ae3d'27d4'eb4fU);
    }
    std::size_t operator()(const ip_address& a) const noexcept { return words(a.high(), a.low()); }
    std::size_t operator()(const endpoint& e) const noexcept {
        return mix(words(e.address.high(), e.address.low()), e.port ^ 0xd6e8'feb8'6659'fd93U);
    }
    std::size_t operator()(const flow& f) const noexcept {
        return mix((*this)(f.local), (*this)(f.remote) ^ 0xa076'1d64'78bd'642fU);
    }
};

}  // namespace coax::stack
