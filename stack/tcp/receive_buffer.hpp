// What arrived and the user has not read, with the out-of-order ranges behind it: every byte is
// written once, at its final place in a chain of blocks; a filled gap moves an edge, no bytes
// (RFC 9293 3.10.7.4, SHLD-31: out-of-order segments are kept).
// Knows no window: the caller trims to it first.
#pragma once

#include <cstdint>
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
    void start(seq first) noexcept { read_ = end_ = first; }

    std::uint32_t readable() const noexcept { return end_ - read_; }
    seq end() const noexcept { return end_; }  // RCV.NXT as far as data goes
    bool has_gaps() const noexcept { return range_count_ != 0; }
    // Ordered by sequence number. The last one stored into is latest_range(): SACK reports it first
    // (RFC 2018 4).
    std::span<const range> ranges() const noexcept;
    std::uint16_t latest_range() const noexcept { return latest_; }

    // Stores data that begins at end(); swallows ranges it reaches. Returns false when the pool is
    // empty: then nothing changed.
    bool append(block_pool& pool, const payload_view& data) noexcept;
    // Stores data behind a gap (first > end()). Returns false when there would be more than
    // `ranges_max` ranges or the pool is short: then nothing changed.
    bool store(block_pool& pool, seq first, const payload_view& data,
               std::uint16_t ranges_max) noexcept;
    // Moves the front: copies into `target`, returns how many bytes.
    std::uint32_t read(block_pool& pool, std::span<const mutable_bytes> target) noexcept;
    std::uint32_t peek(std::span<const mutable_bytes> target) const noexcept;
    // Drops what is readable; ranges stay.
    void discard(block_pool& pool) noexcept;
    void clear(block_pool& pool) noexcept;

  private:
    block* locate(block_pool& pool, seq at) noexcept;
    bool write(block_pool& pool, seq at, const payload_view& data) noexcept;
    void drop_read_blocks(block_pool& pool) noexcept;
    void swallow_ranges(block_pool& pool) noexcept;
    range* first_range() const noexcept;

    block* head_ = nullptr;    // sorted by start, on one grid of block::capacity
    block* recent_ = nullptr;  // last block written: arrivals go forward
    block* range_block_ = nullptr;
    seq read_;  // first byte not read by the user
    seq end_;   // one past the last byte in order
    std::uint16_t range_count_ = 0;
    std::uint16_t latest_ = 0;
};

}  // namespace coax::stack::tcp
