// The table of connections: each has two buckets of eight places, and stands in the emptier one.
// With two to choose from, none overflows before the table is nearly full.
#include "backends/shards/directory.hpp"

#include <bit>
#include <cassert>
#include <cstdlib>
#include <new>

namespace coax::backends::shards {

namespace {

// Changed in their places by all shards.
std::atomic_ref<std::uint64_t> atom(std::uint64_t& entry) noexcept {
    return std::atomic_ref<std::uint64_t>(entry);
}

// Zeroed and cache-aligned, and not touched before it is used.
std::uint64_t* take_memory(std::uint64_t entries) {
    constexpr std::size_t line = 64;
    void* const memory = std::calloc(entries + line / sizeof(std::uint64_t), sizeof(std::uint64_t));
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<std::uint64_t*>(memory);
}

constexpr int attempts = 16;

}  // namespace

void directory::release::operator()(std::uint64_t* memory) const noexcept { std::free(memory); }

directory::directory(std::uint64_t flows, const stack::siphash_key& key)
    : key_(key), bucket_mask_(flows / places - 1), entries_(take_memory(flows)) {
    assert(std::has_single_bit(flows) && flows >= 2 * places);
    for (auto& until : cookies_until_) until.store(INT64_MIN, std::memory_order_relaxed);
}

std::uint64_t directory::hash_of(const stack::flow& ends) const noexcept {
    stack::siphash_1_3 hash(key_);
    hash.word(ends.local.address.high());
    hash.word(ends.local.address.low());
    hash.word(ends.remote.address.high());
    hash.word(ends.remote.address.low());
    hash.word(std::uint64_t{ends.local.port} << 16 | ends.remote.port);
    return hash.finish() & ~owner_bits;
}

directory::buckets directory::buckets_of(std::uint64_t hash) const noexcept {
    // calloc() does not promise the alignment of a cache line.
    const auto address = reinterpret_cast<std::uintptr_t>(entries_.get());
    std::uint64_t* const base = entries_.get() + ((64 - address % 64) % 64) / sizeof(std::uint64_t);
    return {base + ((hash >> 7) & bucket_mask_) * places,
            base + (std::rotr(hash, 36) & bucket_mask_) * places};
}

// Until visit(entry) answers true.
template <class Visit>
bool directory::any_entry(const buckets& where, Visit&& visit) noexcept {
    for (std::uint64_t* const bucket : {where.first, where.second})
        for (std::size_t i = 0; i != places; ++i)
            if (visit(bucket[i])) return true;
    return false;
}

directory::claim directory::claim_flow(const stack::flow& ends, unsigned shard) noexcept {
    const std::uint64_t hash = hash_of(ends);
    const std::uint64_t mine = hash | (shard + 1);
    const buckets where = buckets_of(hash);
    const auto is_taken = [&] {
        return any_entry(where, [&](std::uint64_t& entry) {
            const std::uint64_t there = atom(entry).load(std::memory_order_seq_cst);
            return there != 0 && there != mine && (there & ~owner_bits) == hash;
        });
    };
    if (is_taken()) return claim::taken;
    for (int attempt = 0; attempt != attempts; ++attempt) {
        std::uint64_t* best = nullptr;
        std::size_t most_free = 0;
        for (std::uint64_t* const bucket : {where.first, where.second}) {
            std::size_t free = 0;
            std::uint64_t* found = nullptr;
            for (std::size_t i = 0; i != places; ++i) {
                if (atom(bucket[i]).load(std::memory_order_relaxed) != 0) continue;
                ++free;
                if (found == nullptr) found = &bucket[i];
            }
            if (free > most_free) {
                most_free = free;
                best = found;
            }
        }
        if (best == nullptr) return claim::full;
        std::uint64_t expected = 0;
        if (!atom(*best).compare_exchange_strong(expected, mine, std::memory_order_seq_cst))
            continue;
        // Two may have done so at the same moment. At least one of them sees it here and withdraws;
        // perhaps both do: then the peer tries again.
        if (!is_taken()) return claim::done;
        atom(*best).store(0, std::memory_order_seq_cst);
        return claim::taken;
    }
    return claim::full;
}

void directory::release_flow(const stack::flow& ends, unsigned shard) noexcept {
    const std::uint64_t hash = hash_of(ends);
    const std::uint64_t mine = hash | (shard + 1);
    any_entry(buckets_of(hash), [mine](std::uint64_t& entry) {
        if (atom(entry).load(std::memory_order_relaxed) != mine) return false;
        atom(entry).store(0, std::memory_order_release);
        return true;
    });
}

directory::set directory::owner_of(const stack::flow& ends) const noexcept {
    const std::uint64_t hash = hash_of(ends);
    set owner = 0;
    any_entry(buckets_of(hash), [&](std::uint64_t& entry) {
        const std::uint64_t there = atom(entry).load(std::memory_order_acquire);
        if (there == 0 || (there & ~owner_bits) != hash) return false;
        owner = set{1} << ((there & owner_bits) - 1);
        return true;
    });
    return owner;
}

directory::set directory::port_sets::change(std::uint16_t port, unsigned shard, bool in) noexcept {
    const set mine = set{1} << shard;
    auto& at_port = sets_[port];
    return (in ? at_port.fetch_or(mine) : at_port.fetch_and(~mine)) & ~mine;
}

directory::set directory::cookie_senders(stack::instant now) const noexcept {
    set senders = 0;
    for (unsigned shard = 0; shard != shards_max; ++shard)
        if (cookies_until_[shard].load(std::memory_order_acquire) > now.time_since_epoch().count())
            senders |= set{1} << shard;
    return senders;
}

unsigned directory::assembler_of(const stack::ip_address& source,
                                 const stack::ip_address& destination, std::uint16_t identification,
                                 std::uint8_t protocol, unsigned shards) const noexcept {
    stack::siphash_1_3 hash(key_);
    hash.word(source.high());
    hash.word(source.low());
    hash.word(destination.high());
    hash.word(destination.low());
    hash.word(std::uint64_t{identification} << 8 | protocol);
    return static_cast<unsigned>(hash.finish() % shards);
}

}  // namespace coax::backends::shards
