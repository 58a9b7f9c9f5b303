// The transmissions of one connection that are not acknowledged, in order of sequence and without
// holes: an unrolled list, so that the usual ends cost a few instructions, a record in the middle
// is found by a look at each block, and nothing grows but by what was sent.
// Knows no state of recovery: who marks records keeps the sums.
// One segment by itself, as a request or its answer is, needs no record while nothing happens to
// it: what it covers are the sequence numbers in flight, and when it was sent fits in the place of
// the pointer to the list. Whoever wants its record calls settle() first.
#pragma once

#include <bit>
#include <cassert>
#include <cstdint>

#include "stack/tcp/transmission.hpp"

namespace coax::stack::tcp {

class flight {
  public:
    // A record's place. Good until the flight changes otherwise than by the calls that take it.
    struct position {
        flight_block* block = nullptr;  // nullptr: behind the last
        std::uint8_t index = 0;
        explicit operator bool() const noexcept { return block != nullptr; }
        transmission& operator*() const noexcept { return block->records[index]; }
        transmission* operator->() const noexcept { return &block->records[index]; }
    };

    bool empty() const noexcept { return oldest_ == nullptr; }
    // Of a flight that is not empty.
    transmission& oldest() const noexcept {
        assert(!is_lone());
        return oldest_->records[oldest_->begin];
    }
    transmission& newest() const noexcept {
        assert(!is_lone());
        flight_block& b = *oldest_->previous;
        return b.records[b.end - 1U];
    }

    // One segment is in flight, never sent again, and there is no record of it.
    bool is_lone() const noexcept { return (word() & 1) != 0; }
    // Sent now, with nothing else in flight.
    void begin_lone(instant now) noexcept {
        assert(empty());
        oldest_ = std::bit_cast<flight_block*>(now.time_since_epoch().count() << 1 | 1);
    }
    instant lone_sent_at() const noexcept { return instant(duration(word() >> 1)); }
    void end_lone() noexcept {
        assert(is_lone());
        oldest_ = nullptr;
    }
    // A record for the lone segment [first, last), if it is one. False: no memory, nothing changed.
    bool settle(flight_pool& pool, seq first, seq last) noexcept {
        return !is_lone() || record_lone(pool, first, last);
    }
    // Of a flight that is not empty, settled or not.
    instant oldest_sent_at() const noexcept {
        return is_lone() ? lone_sent_at() : oldest().sent_at;
    }

    // Sent now, behind all others, of which the oldest begins at `una`. Without memory the newest
    // record grows, if it may; nullptr: it could not be recorded, so it must not be sent.
    transmission* append(flight_pool& pool, seq una, seq first, seq last, std::uint16_t segment,
                         std::uint32_t blocks_max, instant now) noexcept {
        if (is_lone() && !record_lone(pool, una, first)) [[unlikely]]
            return nullptr;
        flight_block* b = oldest_ == nullptr ? nullptr : oldest_->previous;
        if (b == nullptr || b->end == flight_block::capacity) [[unlikely]] {
            b = append_block(pool, blocks_max);
            if (b == nullptr) return grow_newest(last);
        }
        transmission& t = b->records[b->end++];
        t.begin(first, last, segment, now);
        if (b->oldest == never) b->oldest = now;
        return &t;
    }
    // Everything below `una` is acknowledged: calls visit(const transmission&, bytes) for each
    // record, oldest first, whole or as far as it goes, and drops it.
    template <class Visit>
    void acknowledge(flight_pool& pool, seq una, Visit&& visit) noexcept {
        assert(!is_lone());
        while (oldest_ != nullptr) {
            flight_block& b = *oldest_;
            while (b.begin != b.end) {
                transmission& t = b.records[b.begin];
                if (t.last > una) {
                    if (t.first < una) {
                        visit(t, una - t.first);
                        t.first = una;
                    }
                    return;
                }
                visit(t, t.size());
                ++b.begin;
            }
            drop_block(pool, oldest_);
        }
    }
    void clear(flight_pool& pool) noexcept {
        if (is_lone()) return end_lone();
        if (oldest_ != nullptr && oldest_->next == oldest_) [[likely]] {  // one block
            pool.give_back(oldest_);
            oldest_ = nullptr;
            return;
        }
        while (oldest_ != nullptr) drop_block(pool, oldest_);
    }

    position first() const noexcept {
        assert(!is_lone());
        if (oldest_ == nullptr) return {};
        return {oldest_, oldest_->begin};
    }
    position last() const noexcept {
        assert(!is_lone());
        if (oldest_ == nullptr) return {};
        return {oldest_->previous, static_cast<std::uint8_t>(oldest_->previous->end - 1)};
    }
    position next(position p) const noexcept {
        if (++p.index < p.block->end) return p;
        return next_block(p);
    }
    position previous(position p) const noexcept {
        if (p.index > p.block->begin) return {p.block, static_cast<std::uint8_t>(p.index - 1)};
        if (p.block == oldest_) return {};
        return {p.block->previous, static_cast<std::uint8_t>(p.block->previous->end - 1)};
    }
    // The first record of the block behind p's.
    position next_block(position p) const noexcept {
        flight_block* b = p.block->next;
        if (b == oldest_) return {};
        return {b, b->begin};
    }
    // The record that holds `at`; none when it is not in flight. `from`: not behind it, where
    // known.
    position find(seq at) const noexcept { return find(at, first()); }
    position find(seq at, position from) const noexcept;

    // Cuts the record in two at `at`, inside it. Answers the first part's place; none: no memory,
    // nothing changed. Other positions in the block are void.
    position split(flight_pool& pool, position p, seq at, std::uint32_t blocks_max) noexcept;
    // The record and the one behind it in the same block become one: [first of p, last of next).
    void merge_next(position p) noexcept;
    bool has_next_in_block(position p) const noexcept { return p.index + 1 < p.block->end; }

  private:
    // As a number: zero, the address of a block, or twice the moment a lone segment was sent, plus
    // one, which no address is.
    static_assert(sizeof(flight_block*) == sizeof(std::int64_t) && alignof(flight_block) > 1);
    std::int64_t word() const noexcept { return std::bit_cast<std::int64_t>(oldest_); }
    [[gnu::noinline]] bool record_lone(flight_pool& pool, seq first, seq last) noexcept;
    flight_block* append_block(flight_pool& pool, std::uint32_t blocks_max) noexcept;
    flight_block* insert_block(flight_pool& pool, flight_block* after,
                               std::uint32_t blocks_max) noexcept;
    transmission* grow_newest(seq last) noexcept;
    void drop_block(flight_pool& pool, flight_block* b) noexcept {
        flight_block* next = b->next;
        if (next == b) {
            oldest_ = nullptr;
        } else {
            next->blocks = b->blocks - 1;
            b->previous->next = next;
            next->previous = b->previous;
            oldest_ = next;
        }
        pool.give_back(b);
    }

    flight_block* oldest_ = nullptr;  // of a ring: the newest is before it; or see word()
};

}  // namespace coax::stack::tcp
