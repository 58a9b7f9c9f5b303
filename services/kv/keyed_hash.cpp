// SipHash, after its paper.
#include "services/kv/keyed_hash.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <random>

namespace coax::services::kv {
namespace {

struct state {
    std::array<std::uint64_t, 4> v;

    void round() noexcept {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = std::rotl(v[1], 13) ^ v[0];
        v[3] = std::rotl(v[3], 16) ^ v[2];
        v[0] = std::rotl(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = std::rotl(v[1], 17) ^ v[2];
        v[3] = std::rotl(v[3], 21) ^ v[0];
        v[2] = std::rotl(v[2], 32);
    }
    template <int Rounds>
    void absorb(std::uint64_t word) noexcept {
        v[3] ^= word;
        for (int i = 0; i < Rounds; ++i) round();
        v[0] ^= word;
    }
};

// Up to eight bytes, the first lowest.
std::uint64_t word_of(std::string_view piece) noexcept {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < piece.size(); ++i)
        word |= std::uint64_t{static_cast<unsigned char>(piece[i])} << (8 * i);
    return word;
}

}  // namespace

hash_key hash_key::random() {
    std::random_device source;
    const auto word = [&] { return std::uint64_t{source()} << 32 | source(); };
    return {word(), word()};
}

template <int C, int D>
std::uint64_t siphash(const hash_key& key, std::string_view text) noexcept {
    state s{{key.low ^ 0x736f6d6570736575U, key.high ^ 0x646f72616e646f6dU,
             key.low ^ 0x6c7967656e657261U, key.high ^ 0x7465646279746573U}};
    const std::uint64_t length = std::uint64_t{text.size()} << 56;
    for (; text.size() >= 8; text.remove_prefix(8)) s.absorb<C>(word_of(text.substr(0, 8)));
    s.absorb<C>(length | word_of(text));
    s.v[2] ^= 0xff;
    for (int i = 0; i < D; ++i) s.round();
    return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

template std::uint64_t siphash<1, 3>(const hash_key&, std::string_view) noexcept;
template std::uint64_t siphash<2, 4>(const hash_key&, std::string_view) noexcept;

}  // namespace coax::services::kv
