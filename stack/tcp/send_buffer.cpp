// The send buffer's chain of blocks. All blocks but the last are full, so an offset is arithmetic.
#include "stack/tcp/send_buffer.hpp"

#include <algorithm>
#include <cassert>

namespace coax::stack::tcp {

std::uint32_t send_buffer::append_more(block_pool& pool, const_bytes data, std::uint32_t limit,
                                       instant now) noexcept {
    if (size_ >= limit) return 0;
    const auto wanted =
        static_cast<std::uint32_t>(std::min<std::size_t>(data.size(), limit - size_));
    std::uint32_t taken = 0;
    while (taken < wanted) {
        if (tail_ == nullptr || tail_used_ == block::capacity) {
            block* b = pool.take_leaving_reserve();
            if (b == nullptr) break;
            b->next = nullptr;
            if (tail_ == nullptr) {
                head_ = cursor_ = b;
                head_offset_ = 0;
                cursor_blocks_ = 0;
                busy_.start(coarse_instant(now));
            } else {
                tail_->next = b;
            }
            tail_ = b;
            tail_used_ = 0;
        }
        const std::uint32_t n =
            std::min<std::uint32_t>(wanted - taken, block::capacity - tail_used_);
        std::memcpy(tail_->data + tail_used_, data.data() + taken, n);
        tail_used_ = static_cast<std::uint16_t>(tail_used_ + n);
        taken += n;
    }
    size_ += taken;
    return taken;
}

void send_buffer::release_part(block_pool& pool, std::uint32_t count) noexcept {
    size_ -= count;
    std::uint32_t offset = head_offset_ + count;
    while (offset >= block::capacity) {
        offset -= block::capacity;
        block* gone = head_;
        head_ = gone->next;
        if (cursor_ == gone) cursor_ = head_;
        else --cursor_blocks_;
        pool.give_back(gone);
    }
    head_offset_ = static_cast<std::uint16_t>(offset);
}

std::uint32_t send_buffer::gather(std::uint32_t offset, std::uint32_t length,
                                  std::span<const_bytes> pieces, std::uint8_t& used) noexcept {
    assert(offset <= size_ && length <= size_ - offset);
    used = 0;
    if (length == 0) return 0;
    if (head_ == tail_ && !pieces.empty()) {  // the usual case of small messages
        used = 1;
        pieces[0] = const_bytes(head_->data + head_offset_ + offset, length);
        return length;
    }
    std::uint32_t at = seek(offset);
    std::uint32_t covered = 0;
    for (block* b = cursor_; covered < length && used < pieces.size(); b = b->next) {
        const std::uint32_t n = std::min(length - covered, block::capacity - at);
        pieces[used++] = const_bytes(b->data + at, n);
        covered += n;
        at = 0;
    }
    return covered;
}

}  // namespace coax::stack::tcp
