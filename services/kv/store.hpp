// The keys and what they hold: expiry, memory limit, eviction. Knows no client, no protocol and no
// clock: whoever calls says what time it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "services/kv/dictionary.hpp"
#include "services/kv/values.hpp"

namespace coax::services::kv {

enum class eviction_policy {
    allkeys_lru,  // the least recently used of a few random keys makes room
    noeviction,   // what needs memory is refused
};

struct store_limits {
    std::size_t memory = std::size_t{256} << 20;  // bytes of keys and values
    eviction_policy eviction = eviction_policy::allkeys_lru;
};

// Since the start.
struct store_counts {
    std::uint64_t hits = 0;  // look-ups of readers that found their key
    std::uint64_t misses = 0;
    std::uint64_t expired = 0;
    std::uint64_t evicted = 0;
};

inline constexpr std::int64_t no_expiry = std::numeric_limits<std::int64_t>::max();

struct entry {
    any_value held;
    std::int64_t expires = no_expiry;  // Unix time in milliseconds
    std::uint64_t used = 0;            // larger: more recently
    std::size_t charged = 0;           // bytes of `held` that are in the account
};

class store {
  public:
    using place = dictionary<entry>::node;

    // `key` steers the hash, `seed` which keys are looked at for eviction.
    store(store_limits limits, const hash_key& key, std::uint64_t seed);
    store(const store&) = delete;
    store& operator=(const store&) = delete;

    // Unix time in milliseconds of all that is done until the next call. It must not go back.
    void set_now(std::int64_t now) noexcept { now_ = now; }
    std::int64_t now() const noexcept { return now_; }

    // Null: there is none, or its time is over. A place stays valid until its key goes.
    place* find(std::string_view key);
    // As find(), and counts a hit or a miss.
    place* read(std::string_view key);
    // The key's place and whether it is new, which an empty string is then put into.
    std::pair<place*, bool> find_or_make(std::string_view key);
    // Puts a value in place of whatever there was; the expiry goes, unless it is to be kept.
    place* assign(std::string_view key, any_value v, bool keep_expiry = false);
    // To be called after every change of a value, before anything else. Containers that have
    // become empty go, and their key with them.
    void changed(place* p);
    bool erase(std::string_view key);
    // no_expiry: none. One that is over takes the key away.
    void set_expiry(place* p, std::int64_t when);
    // `from` must be there; `to` goes if it is.
    void rename(std::string_view from, std::string_view to);
    void clear();

    // Removes what has expired, at most so many keys; true: there is more of it.
    bool expire_some(std::size_t most);
    // Makes room for so many bytes more; false: there is none.
    bool make_room(std::size_t bytes);

    std::size_t size() const noexcept { return keys_.size(); }
    std::size_t expiring() const noexcept { return expiries_.size(); }
    // Bytes, as they are counted: nodes, keys, values, tables, with the allocator's overhead.
    std::size_t memory() const noexcept;
    const store_limits& limits() const noexcept { return limits_; }
    const store_counts& counts() const noexcept { return counts_; }
    const hash_key& key() const noexcept { return key_; }
    random_sequence& chance() noexcept { return chance_; }
    bool is_over(const entry& e) const noexcept { return e.expires <= now_; }

    // Null: there are no keys.
    place* random();
    // See dictionary; what has expired is still met.
    template <class F>
    void for_each(F f) const {
        keys_.for_each(f);
    }
    template <class F>
    std::uint64_t scan(std::uint64_t cursor, F f) const {
        return keys_.scan(cursor, f);
    }

  private:
    void forget(const place* p);
    void evict_one();

    store_limits limits_;
    hash_key key_;
    random_sequence chance_;
    dictionary<entry> keys_;
    std::set<std::pair<std::int64_t, const place*>> expiries_;
    std::size_t value_bytes_ = 0;
    std::uint64_t uses_ = 0;
    std::int64_t now_ = 0;
    store_counts counts_;
};

}  // namespace coax::services::kv
