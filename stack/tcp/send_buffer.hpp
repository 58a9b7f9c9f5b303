// What the user gave and the peer has not acknowledged: a chain of blocks, appended at the end,
// released at the front, and read at any offset for (re)transmission without copying.
// Knows no sequence numbers: offset 0 is the first byte not acknowledged.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <span>

#include "stack/base/payload.hpp"
#include "stack/tcp/block_pool.hpp"
#include "stack/tcp/coarse_time.hpp"

namespace coax::stack::tcp {

// Reads on in a send buffer, piece by piece, while nothing of it is released.
class send_reader {
  public:
    send_reader() = default;
    send_reader(const block* in, std::uint32_t at) noexcept : in_(in), at_(at) {}
    // The next bytes, at most `most`: as many as lie together. There are `most` of them.
    const_bytes next(std::uint32_t most) noexcept {
        if (at_ == block::capacity) [[unlikely]] {
            in_ = in_->next;
            at_ = 0;
        }
        const std::uint32_t n = std::min(most, block::capacity - at_);
        const const_bytes piece(in_->data + at_, n);
        at_ += n;
        return piece;
    }

  private:
    const block* in_ = nullptr;
    std::uint32_t at_ = 0;  // in data of *in_
};

class send_buffer {
  public:
    std::uint32_t size() const noexcept { return size_; }
    std::uint64_t released() const noexcept { return released_; }  // bytes, since it began

    // For how long there was something in it, in all.
    duration busy(instant now) const noexcept {
        return busy_.total(head_ != nullptr, coarse_instant(now));
    }

    // Copies as much as `limit` bytes in the buffer and the pool allow; returns how much.
    std::uint32_t append(block_pool& pool, const_bytes data, std::uint32_t limit,
                         instant now) noexcept {
        // A message into an empty buffer: that of a request or its answer.
        if (head_ != nullptr || data.empty() || data.size() > std::min(limit, block::capacity))
            return append_more(pool, data, limit, now);
        block* const b = pool.take();
        if (b == nullptr) return 0;
        b->next = nullptr;
        head_ = tail_ = cursor_ = b;
        head_offset_ = 0;
        cursor_blocks_ = 0;
        busy_.start(coarse_instant(now));
        std::memcpy(b->data, data.data(), data.size());
        tail_used_ = static_cast<std::uint16_t>(data.size());
        return size_ = static_cast<std::uint32_t>(data.size());
    }
    // Drops `count` bytes (at most size()) from the front.
    void release(block_pool& pool, std::uint32_t count, instant now) noexcept {
        assert(count <= size_);
        released_ += count;
        if (count != size_) {
            release_part(pool, count);
        } else if (head_ != nullptr) {
            busy_.stop(coarse_instant(now));
            if (head_ != tail_) [[unlikely]]
                return clear(pool);
            pool.give_back(head_);
            head_ = tail_ = cursor_ = nullptr;
            size_ = 0;
        }
    }
    // Points `pieces` at up to `length` bytes from `offset` on. Returns how many bytes they cover
    // (less than length when there are too few pieces); `used` tells how many pieces.
    std::uint32_t gather(std::uint32_t offset, std::uint32_t length, std::span<const_bytes> pieces,
                         std::uint8_t& used) noexcept;
    // The same to read on from `offset`, where there are bytes.
    send_reader read_from(std::uint32_t offset) noexcept {
        const std::uint32_t at = seek(offset);
        return {cursor_, at};
    }
    // All of it lies in one block, and where. Not of an empty buffer.
    bool is_one_piece() const noexcept { return head_ == tail_; }
    const_bytes one_piece() const noexcept { return {head_->data + head_offset_, size_}; }
    // At the end of the connection: for how long it was busy is not known any more.
    void clear(block_pool& pool) noexcept {
        while (head_ != nullptr) {
            block* const gone = head_;
            head_ = gone->next;
            pool.give_back(gone);
        }
        tail_ = cursor_ = nullptr;
        size_ = 0;  // the other members mean nothing without a block
    }

  private:
    // Sets the cursor to the block of `offset`; answers where in it.
    std::uint32_t seek(std::uint32_t offset) noexcept {
        const std::uint32_t at = head_offset_ + offset;  // from data[0] of *head_
        const std::uint32_t target = at / block::capacity;
        if (target < cursor_blocks_) {
            cursor_ = head_;
            cursor_blocks_ = 0;
        }
        for (; cursor_blocks_ < target; ++cursor_blocks_) cursor_ = cursor_->next;
        return at - target * block::capacity;
    }
    void release_part(block_pool& pool, std::uint32_t count) noexcept;
    std::uint32_t append_more(block_pool& pool, const_bytes data, std::uint32_t limit,
                              instant now) noexcept;

    block* head_ = nullptr;
    block* tail_ = nullptr;
    block* cursor_ = nullptr;  // block of the last gather(): sending goes forward
    std::uint64_t released_ = 0;
    std::uint32_t size_ = 0;           // bytes
    std::uint32_t cursor_blocks_ = 0;  // how many blocks *cursor_ lies behind *head_
    coarse_stopwatch busy_;            // runs while it is not empty
    std::uint16_t head_offset_ = 0;    // first byte in *head_
    std::uint16_t tail_used_ = 0;      // bytes written in *tail_
    static_assert(block::capacity <= 0xffff);
};

}  // namespace coax::stack::tcp
