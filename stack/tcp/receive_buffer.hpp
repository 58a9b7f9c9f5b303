// What arrived and the user has not read, with the out-of-order ranges behind it: every byte is
// written once, at its final place in a chain of blocks; a filled gap moves an edge, no bytes
// (RFC 9293 3.10.7.4, SHLD-31: out-of-order segments are kept).
// It remembers which ranges are news, for selective acknowledgments (RFC 2018, RFC 2883).
// Knows no window: the caller trims to it first.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "stack/base/payload.hpp"
#include "stack/tcp/block_pool.hpp"
#include "stack/tcp/sequence.hpp"

namespace coax::stack::tcp {

// Sequence numbers held out of order: [left, right).
struct range {
    seq left;
    seq right;
    friend bool operator==(const range&, const range&) noexcept = default;
};

class receive_buffer {
  public:
    // The first byte that will ever be stored.
    void start(seq first) noexcept {
        read_ = end_ = first;
        mark_ = first + first_mark;
        before_mark_ = first_mark;
    }

    std::uint32_t readable() const noexcept { return end_ - read_; }
    // Bytes that came in order, since it began. It is counted at the marks alone, which lie less
    // than 2^31 apart and from where data arrives.
    std::uint64_t received() const noexcept {
        return before_mark_ + static_cast<std::uint64_t>(static_cast<std::int64_t>(
                                  static_cast<std::int32_t>(end_ - mark_)));
    }
    seq end() const noexcept { return end_; }  // RCV.NXT as far as data goes
    bool has_gaps() const noexcept { return range_count() != 0; }
    // A place in the stream where the owner wants to look again, once the user has read up to it;
    // at first where it is worth to look at all.
    static constexpr std::uint32_t first_mark = 16384;
    void set_mark(seq at) noexcept {
        before_mark_ += at - mark_;
        mark_ = at;
    }
    bool is_past_mark() const noexcept { return read_ >= mark_; }
    seq read_position() const noexcept { return read_; }

    // Ordered by sequence number.
    std::span<const range> ranges() const noexcept;

    // There are ranges, or a duplicate, that an acknowledgment should tell.
    bool has_report() const noexcept { return list_ != nullptr; }
    // [first, last) came again: the next report begins with it. Without memory it is forgotten.
    void note_duplicate(block_pool& pool, range again) noexcept;
    // The first part of [first, last) that is held out of order already.
    std::optional<range> held(seq first, seq last) const noexcept;
    // How many blocks report() would give, of at most `most`.
    std::uint8_t report_size(std::uint8_t most) const noexcept;
    // What an acknowledgment tells: a duplicate if there was one since the last report (RFC 2883
    // 4), with the range around it, then the ranges stored into most recently (RFC 2018 4), then
    // the others from the left. Returns how many blocks were written.
    std::uint8_t report(block_pool& pool, std::span<range> blocks) noexcept;

    // Stores data that begins at end(); swallows ranges it reaches. Returns false when the pool is
    // empty: then nothing changed.
    bool append(block_pool& pool, const payload_view& data) noexcept;
    // Where the next `size` bytes in order go, with no range behind them; nullptr: not in one
    // piece, or there is no memory. Whoever has written them there calls fill().
    std::byte* place_for(block_pool& pool, std::uint32_t size) const noexcept {
        if (head_ == nullptr) [[likely]] {
            block* const next = size <= block::capacity ? pool.next() : nullptr;
            return next == nullptr ? nullptr : next->data;
        }
        if (recent_ == nullptr || recent_->start > end_) [[unlikely]]
            return nullptr;
        const std::uint32_t used = end_ - recent_->start;
        return used + size <= block::capacity ? recent_->data + used : nullptr;
    }
    // The same where place_for() has none, in two pieces: as many as still fit the last block, the
    // others in a new one. Answers how many fit, and where; neither place: not so either.
    std::uint32_t places_for(block_pool& pool, std::uint32_t size, std::byte*& first,
                             std::byte*& second) const noexcept {
        if (recent_ == nullptr || recent_->next != nullptr || recent_->start > end_) return 0;
        const std::uint32_t used = end_ - recent_->start;
        if (used > block::capacity || size > block::capacity) return 0;
        block* const next = pool.next();
        if (next == nullptr) return 0;
        first = recent_->data + used;
        second = next->data;
        return block::capacity - used;
    }
    void fill(block_pool& pool, std::uint32_t size) noexcept {
        if (head_ == nullptr) [[likely]] {
            block* const b = pool.take_next();
            b->start = end_;
            b->next = nullptr;
            head_ = recent_ = b;
        } else if (end_ - recent_->start + size > block::capacity) {
            block* const b = pool.take_next();
            b->start = recent_->start + block::capacity;
            b->next = nullptr;
            recent_ = recent_->next = b;
        }
        end_ += size;
    }
    // Stores data behind a gap (first > end()). Returns false when there would be more than
    // `ranges_max` ranges or the pool is short: then nothing changed.
    bool store(block_pool& pool, seq first, const payload_view& data,
               std::uint16_t ranges_max) noexcept;
    // Forgets what is held out of order, to have room for what is in order; it may do so whatever
    // was told of it (RFC 2018 8). False: nothing was held.
    bool prune(block_pool& pool) noexcept;
    // The owner wants to be asked before each read: read_all() refuses.
    void watch_reading(bool on) noexcept {
        special_ = (special_ & range_bits) | (on ? range_bits + 1 : 0);
    }
    // The usual case: all that waits lies in one block and fits the first target. Copies it there,
    // and returns how many bytes; 0: it is not so, take read().
    std::uint32_t read_all(block_pool& pool, std::span<const mutable_bytes> target) noexcept {
        const std::uint32_t waiting = readable();
        if (head_ == nullptr || head_->next != nullptr || special_ != 0 || target.empty() ||
            target.front().size() < waiting)
            return 0;
        std::memcpy(target.front().data(), head_->data + (read_ - head_->start), waiting);
        read_ = end_;
        pool.give_back(head_);
        head_ = recent_ = nullptr;
        return waiting;
    }
    // Moves the front: copies at most `most` of the readable bytes, returns how many.
    std::uint32_t read(block_pool& pool, std::span<const mutable_bytes> target,
                       std::uint32_t most) noexcept;
    // The same without moving it, `from` bytes behind it.
    std::uint32_t peek(std::span<const mutable_bytes> target, std::uint32_t from,
                       std::uint32_t most) const noexcept;
    std::byte byte_at(std::uint32_t offset) const noexcept;  // a readable one
    void skip(block_pool& pool, std::uint32_t count) noexcept;
    // Drops what is readable; ranges stay.
    void discard(block_pool& pool) noexcept;
    void clear(block_pool& pool) noexcept;

  private:
    // Lies in a block of the pool while there is something out of order or twice.
    struct reassembly_list {
        range duplicate;
        bool has_duplicate = false;
        std::uint8_t recent_count = 0;
        std::array<seq, 4> recent;  // a byte of each range stored into, the last one first
    };
    static constexpr std::size_t ranges_per_block =
        (block::capacity - sizeof(reassembly_list)) / sizeof(range);

    std::uint16_t range_count() const noexcept { return static_cast<std::uint16_t>(special_); }
    void set_range_count(std::uint32_t count) noexcept {
        special_ = (special_ & ~range_bits) | count;
    }
    block* locate(block_pool& pool, seq at) noexcept;
    [[gnu::noinline]] bool write(block_pool& pool, seq at, const payload_view& data) noexcept;
    void drop_read_blocks(block_pool& pool) noexcept;
    void swallow_ranges(block_pool& pool) noexcept;
    bool take_list(block_pool& pool) noexcept;
    void drop_unused_list(block_pool& pool) noexcept;
    reassembly_list& list() const noexcept;
    range* first_range() const noexcept;
    const range* range_around(seq at) const noexcept;
    void remember(seq stored, const range& merged) noexcept;

    block* head_ = nullptr;          // sorted by start, on one grid of block::capacity
    block* recent_ = nullptr;        // last block written: arrivals go forward
    block* list_ = nullptr;          // reassembly_list, and the ranges behind it
    std::uint64_t before_mark_ = 0;  // bytes of the stream
    seq read_;                       // first byte not read by the user
    seq end_;                        // one past the last byte in order
    seq mark_;
    // How many ranges, and above that number whether reading is watched: one question for both.
    static constexpr std::uint32_t range_bits = 0xffff;
    std::uint32_t special_ = 0;
};

}  // namespace coax::stack::tcp
