// Which shard has which connection, and which listen and hear on which port: written by the shards
// for themselves when a connection or a socket begins and ends, read by the others when a frame
// finds nobody in its own shard. No lock, and nothing that a packet of an established connection
// touches. Knows no frame.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "stack/base/flow.hpp"
#include "stack/base/siblings.hpp"
#include "stack/base/siphash.hpp"
#include "stack/base/time.hpp"

namespace coax::backends::shards {

inline constexpr unsigned shards_max = 64;

class directory {
  public:
    using set = stack::siblings::set;
    using claim = stack::siblings::claim;

    // Connections that a shard can have at least, before one is refused for want of a place: more
    // than its stack takes (connections_max, half_open_max and time_wait_max of stack/config.hpp).
    static constexpr std::uint32_t flows_per_shard = 1U << 21;

    // `flows`: places in all, a power of two, at least 16. The memory is taken as it is used.
    directory(std::uint64_t flows, const stack::siphash_key& key);
    directory(const directory&) = delete;
    directory& operator=(const directory&) = delete;

    // --- connections; `shard` is the caller
    claim claim_flow(const stack::flow& ends, unsigned shard) noexcept;
    void release_flow(const stack::flow& ends, unsigned shard) noexcept;
    // The bit of its shard; 0: nobody has it.
    set owner_of(const stack::flow& ends) const noexcept;

    // --- ports: a set of shards for each
    class port_sets {
      public:
        // Answers who else is in it.
        set change(std::uint16_t port, unsigned shard, bool in) noexcept;
        set at(std::uint16_t port) const noexcept {
            return sets_[port].load(std::memory_order_acquire);
        }

      private:
        std::unique_ptr<std::atomic<set>[]> sets_{new std::atomic<set>[65536]{}};
    };
    port_sets listeners;
    port_sets hearers;

    // --- cookies: an acknowledgment may bring one back to this shard until then
    void set_cookies_until(unsigned shard, stack::instant when) noexcept {
        cookies_until_[shard].store(when.time_since_epoch().count(), std::memory_order_release);
    }
    set cookie_senders(stack::instant now) const noexcept;

    // --- the end
    void leave(unsigned shard) noexcept {
        gone_.fetch_or(set{1} << shard, std::memory_order_acq_rel);
    }
    // Whom nothing can be given any more.
    set gone() const noexcept { return gone_.load(std::memory_order_acquire); }

    // Which shard puts the fragments of a datagram together, of `shards`.
    unsigned assembler_of(const stack::ip_address& source, const stack::ip_address& destination,
                          std::uint16_t identification, std::uint8_t protocol,
                          unsigned shards) const noexcept;

  private:
    static constexpr std::size_t places = 8;  // of a bucket: a cache line
    // An entry: 57 bits of the flow's hash, and the shard's number plus one; 0: free.
    static constexpr std::uint64_t owner_bits = 0x7f;
    struct buckets {
        std::uint64_t* first;
        std::uint64_t* second;
    };
    struct release {
        void operator()(std::uint64_t* memory) const noexcept;
    };

    std::uint64_t hash_of(const stack::flow& ends) const noexcept;
    buckets buckets_of(std::uint64_t hash) const noexcept;
    template <class Visit>
    static bool any_entry(const buckets& where, Visit&& visit) noexcept;

    const stack::siphash_key key_;
    const std::uint64_t bucket_mask_;
    const std::unique_ptr<std::uint64_t[], release> entries_;
    std::array<std::atomic<std::int64_t>, shards_max> cookies_until_;
    std::atomic<set> gone_{0};
};

}  // namespace coax::backends::shards
