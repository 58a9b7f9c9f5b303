// Fills messages with a mixed counter.
#include "services/load/message_pattern.hpp"

#include <cstring>

namespace coax::services {
namespace {

// An invertible mix of 64 bits: different inputs give different, well spread outputs.
std::uint64_t mix(std::uint64_t x) noexcept {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93U;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93U;
    x ^= x >> 32;
    return x;
}

}  // namespace

void fill_message(std::span<char> message, std::uint64_t connection,
                  std::uint64_t sequence) noexcept {
    const std::uint64_t base = mix(connection * 0x9e3779b97f4a7c15U + mix(sequence + 1));
    constexpr std::uint64_t step = 0xa0761d6478bd642fU;  // odd: no word repeats within a message
    const std::size_t words = message.size() / sizeof(std::uint64_t);
    for (std::size_t i = 0; i < words; ++i) {
        const std::uint64_t word = base + i * step;
        std::memcpy(message.data() + i * sizeof word, &word, sizeof word);
    }
    const std::uint64_t last = base + words * step;
    const std::size_t rest = message.size() - words * sizeof(std::uint64_t);
    std::memcpy(message.data() + words * sizeof last, &last, rest);
}

}  // namespace coax::services
