// Making the rings: as large as a burst that goes astray as a whole, and bounded for all together.
#include "backends/shards/exchange.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>

namespace coax::backends::shards {

namespace {

constexpr std::uint32_t ring_bytes_max = 1U << 20;   // some 600 full frames of Ethernet
constexpr std::uint32_t ring_bytes_min = 1U << 18;   // holds two super-frames at least
constexpr std::uint32_t all_rings_bytes = 1U << 26;  // unless the smallest are more than that

std::uint32_t ring_bytes(unsigned shards) noexcept {
    const std::uint32_t share = all_rings_bytes / (shards * (shards - 1));
    return std::clamp(std::bit_floor(share), ring_bytes_min, ring_bytes_max);
}

}  // namespace

exchange::exchange(unsigned shards, const stack::siphash_key& key, std::uint64_t flows_per_shard)
    : shards_(shards),
      directory_(flows_per_shard * std::bit_ceil(shards), key),
      ways_(std::size_t{shards} * shards),
      bells_(std::make_unique<wire::doorbell[]>(shards)) {
    for (unsigned from = 0; from != shards; ++from)
        for (unsigned to = 0; to != shards; ++to)
            if (from != to)
                ways_[from * shards + to] = std::make_unique<frame_ring>(ring_bytes(shards));
}

std::error_code exchange::open_bells() noexcept {
    for (unsigned i = 0; i != shards_; ++i)
        if (!bells_[i].open()) return {errno, std::system_category()};
    return {};
}

}  // namespace coax::backends::shards
