// A table from names to values with what std::unordered_map lacks: a walk in steps that survives
// growing and shrinking (SCAN), a fair random element, memory that is known, places that stay where
// they are. Chains in buckets, their number a power of two; the hash is keyed. Values' own heap
// memory is their owner's to count.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/kv/keyed_hash.hpp"

namespace coax::services::kv {

// What an allocation costs beyond its size, and what a string has on the heap.
inline constexpr std::size_t allocation_overhead = 16;
inline std::size_t heap_bytes(const std::string& text) noexcept {
    constexpr std::size_t within = 15;  // libstdc++ keeps as much in the object
    return text.capacity() <= within ? 0 : text.capacity() + 1 + allocation_overhead;
}

// xorshift64*: which element is looked at is no secret.
class random_sequence {
  public:
    explicit random_sequence(std::uint64_t seed = 1) noexcept : state_(seed | 1U) {}
    std::uint64_t next() noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1dU;
    }
    // 0..limit-1; limit is not 0.
    std::size_t below(std::size_t limit) noexcept { return (next() >> 16) % limit; }

  private:
    std::uint64_t state_;
};

template <class Value>
class dictionary {
  public:
    struct node {
        std::unique_ptr<node> next;
        std::uint64_t hash = 0;
        std::string key;
        Value value;
    };

    // The key must live as long.
    explicit dictionary(const hash_key& key) : key_(&key) {}
    dictionary(dictionary&&) noexcept = default;
    dictionary& operator=(dictionary&&) noexcept = default;
    dictionary(const dictionary&) = delete;
    dictionary& operator=(const dictionary&) = delete;
    ~dictionary() { clear(); }

    std::size_t size() const noexcept { return size_; }
    // Nodes, keys and buckets.
    std::size_t bytes() const noexcept {
        return bytes_ + buckets_.capacity() * sizeof(std::unique_ptr<node>);
    }

    node* find(std::string_view key) const {
        if (size_ == 0) return nullptr;
        const std::uint64_t hash = keyed_hash(*key_, key);
        for (node* n = buckets_[index(hash)].get(); n != nullptr; n = n->next.get())
            if (n->hash == hash && n->key == key) return n;
        return nullptr;
    }
    // The key's node, and whether it is new: its value is then made of `arguments`.
    template <class... Arguments>
    std::pair<node*, bool> emplace(std::string_view key, Arguments&&... arguments) {
        if (node* known = find(key)) return {known, false};
        if (size_ >= buckets_.size()) resize(buckets_.empty() ? least : buckets_.size() * 2);
        const std::uint64_t hash = keyed_hash(*key_, key);
        std::unique_ptr<node> made(new node{nullptr, hash, std::string(key),
                                            Value(std::forward<Arguments>(arguments)...)});
        node* const n = made.get();
        bytes_ += cost(*n);
        put(std::move(made));
        ++size_;
        return {n, true};
    }
    // Out of the table, into the caller's hands. The node must be in it.
    std::unique_ptr<node> take(const node* wanted) {
        std::unique_ptr<node>* at = &buckets_[index(wanted->hash)];
        while (at->get() != wanted) at = &(*at)->next;
        std::unique_ptr<node> taken = std::move(*at);
        *at = std::move(taken->next);
        bytes_ -= cost(*taken);
        --size_;
        if (buckets_.size() > least && size_ < buckets_.size() / 8) resize(buckets_.size() / 4);
        return taken;
    }
    bool erase(std::string_view key) {
        node* const n = find(key);
        if (n != nullptr) take(n);
        return n != nullptr;
    }
    // Not recursive, however long a chain may be.
    void clear() noexcept {
        for (std::unique_ptr<node>& bucket : buckets_)
            while (bucket) bucket = std::move(bucket->next);
        std::vector<std::unique_ptr<node>>().swap(buckets_);
        size_ = 0;
        bytes_ = 0;
    }

    // `f(node&)`, which must not change the table.
    template <class F>
    void for_each(F f) const {
        for (const std::unique_ptr<node>& bucket : buckets_)
            for (node* n = bucket.get(); n != nullptr; n = n->next.get()) f(*n);
    }
    // One step of a walk that begins and ends with cursor 0. What is in the table during the whole
    // walk is met at least once: the cursor counts with its bits reversed, so that the buckets
    // which were visited are visited also in a table of another size.
    template <class F>
    std::uint64_t scan(std::uint64_t cursor, F f) const {
        if (size_ == 0) return 0;
        const std::uint64_t mask = buckets_.size() - 1;
        for (node* n = buckets_[cursor & mask].get(); n != nullptr; n = n->next.get()) f(*n);
        return reversed(reversed(cursor | ~mask) + 1);
    }
    // Null if the table is empty.
    node* random(random_sequence& sequence) const {
        if (size_ == 0) return nullptr;
        std::size_t at = sequence.below(buckets_.size());
        // At least one bucket in eight has something, or nearly: then the next one that has.
        for (int i = 0; i < 64 && !buckets_[at]; ++i) at = sequence.below(buckets_.size());
        while (!buckets_[at]) at = (at + 1) % buckets_.size();
        std::size_t length = 0;
        for (node* n = buckets_[at].get(); n != nullptr; n = n->next.get()) ++length;
        node* n = buckets_[at].get();
        for (std::size_t skip = sequence.below(length); skip > 0; --skip) n = n->next.get();
        return n;
    }

  private:
    static constexpr std::size_t least = 4;

    static std::size_t cost(const node& n) noexcept {
        return sizeof(node) + allocation_overhead + heap_bytes(n.key);
    }
    static std::uint64_t reversed(std::uint64_t v) noexcept {
        v = (v >> 1 & 0x5555555555555555U) | (v & 0x5555555555555555U) << 1;
        v = (v >> 2 & 0x3333333333333333U) | (v & 0x3333333333333333U) << 2;
        v = (v >> 4 & 0x0f0f0f0f0f0f0f0fU) | (v & 0x0f0f0f0f0f0f0f0fU) << 4;
        v = (v >> 8 & 0x00ff00ff00ff00ffU) | (v & 0x00ff00ff00ff00ffU) << 8;
        v = (v >> 16 & 0x0000ffff0000ffffU) | (v & 0x0000ffff0000ffffU) << 16;
        return std::rotl(v, 32);
    }
    std::size_t index(std::uint64_t hash) const noexcept { return hash & (buckets_.size() - 1); }
    void put(std::unique_ptr<node> n) noexcept {
        std::unique_ptr<node>& bucket = buckets_[index(n->hash)];
        n->next = std::move(bucket);
        bucket = std::move(n);
    }
    void resize(std::size_t count) {
        std::vector<std::unique_ptr<node>> old(count < least ? least : count);
        old.swap(buckets_);
        for (std::unique_ptr<node>& bucket : old)
            while (bucket) {
                std::unique_ptr<node> n = std::move(bucket);
                bucket = std::move(n->next);
                put(std::move(n));
            }
    }

    const hash_key* key_;
    std::vector<std::unique_ptr<node>> buckets_;
    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace coax::services::kv
