// SipHash (Aumasson and Bernstein, 2012): a hash that strangers cannot steer, as they do not know
// the key. Tables of names that come from outside use the 1-3 variant.
#pragma once

#include <cstdint>
#include <string_view>

namespace coax::services::kv {

struct hash_key {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    // From the system's randomness.
    static hash_key random();
};

// SipHash-C-D: C rounds for each 8 bytes, D at the end. There are 1-3 and 2-4.
template <int C, int D>
std::uint64_t siphash(const hash_key& key, std::string_view text) noexcept;

inline std::uint64_t keyed_hash(const hash_key& key, std::string_view text) noexcept {
    return siphash<1, 3>(key, text);
}

}  // namespace coax::services::kv
