// The receive buffer's chain of blocks and its sorted list of out-of-order ranges.
#include "stack/tcp/receive_buffer.hpp"

#include <algorithm>
#include <cassert>
#include <new>

namespace coax::stack::tcp {

namespace {
constexpr std::size_t ranges_per_block = block::capacity / sizeof(range);
}

range* receive_buffer::first_range() const noexcept {
    return std::launder(reinterpret_cast<range*>(range_block_->data));
}

std::span<const range> receive_buffer::ranges() const noexcept {
    if (range_count_ == 0) return {};
    return {first_range(), range_count_};
}

// The block that holds sequence number `at`; made where it is missing. nullptr: the pool is empty.
block* receive_buffer::locate(block_pool& pool, seq at) noexcept {
    block* before = nullptr;
    seq start = end_;
    if (head_ != nullptr) {
        if (at < head_->start) {
            const std::uint32_t back = head_->start - at;
            start = head_->start - (back + block::capacity - 1) / block::capacity * block::capacity;
        } else {
            before = recent_ != nullptr && recent_->start <= at ? recent_ : head_;
            while (before->next != nullptr && before->next->start <= at) before = before->next;
            const std::uint32_t distance = at - before->start;
            if (distance < block::capacity) return recent_ = before;
            start = before->start + distance / block::capacity * block::capacity;
        }
    } else {
        start = end_ + (at - end_) / block::capacity * block::capacity;
    }
    block* made = pool.take();
    if (made == nullptr) return nullptr;
    made->start = start;
    made->next = before != nullptr ? before->next : head_;
    (before != nullptr ? before->next : head_) = made;
    return recent_ = made;
}

bool receive_buffer::write(block_pool& pool, seq at, const payload_view& data) noexcept {
    bool enough = true;
    data.for_each([&](const_bytes piece) {
        while (enough && !piece.empty()) {
            block* b = locate(pool, at);
            if (b == nullptr) {
                enough = false;
                return;
            }
            const std::uint32_t offset = at - b->start;
            const auto n = static_cast<std::uint32_t>(
                std::min<std::size_t>(piece.size(), block::capacity - offset));
            std::memcpy(b->data + offset, piece.data(), n);
            piece = piece.subspan(n);
            at += n;
        }
    });
    return enough;
}

bool receive_buffer::append(block_pool& pool, const payload_view& data) noexcept {
    const const_bytes piece = data.head();
    // The usual case: one piece, and it fits the block that is being filled, or an empty buffer.
    if (piece.size() == data.size() && range_count_ == 0) {
        if (head_ == nullptr && piece.size() <= block::capacity) {
            block* b = pool.take();
            if (b == nullptr) return false;
            b->start = end_;
            b->next = nullptr;
            head_ = recent_ = b;
        }
        if (recent_ != nullptr && recent_->start <= end_ &&
            end_ - recent_->start + piece.size() <= block::capacity) {
            std::memcpy(recent_->data + (end_ - recent_->start), piece.data(), piece.size());
            end_ += static_cast<std::uint32_t>(piece.size());
            return true;
        }
    }
    if (!write(pool, end_, data)) {
        drop_read_blocks(pool);
        return false;
    }
    end_ += static_cast<std::uint32_t>(data.size());
    if (range_count_ != 0) swallow_ranges(pool);
    return true;
}

// The gap before the first ranges is filled: they become readable.
void receive_buffer::swallow_ranges(block_pool& pool) noexcept {
    range* const first = first_range();
    std::uint16_t gone = 0;
    for (; gone < range_count_ && first[gone].left <= end_; ++gone)
        end_ = later_of(end_, first[gone].right);
    if (gone == 0) return;
    std::copy(first + gone, first + range_count_, first);
    range_count_ = static_cast<std::uint16_t>(range_count_ - gone);
    latest_ = latest_ >= gone ? static_cast<std::uint16_t>(latest_ - gone) : std::uint16_t{0};
    if (range_count_ == 0) {
        pool.give_back(range_block_);
        range_block_ = nullptr;
    }
}

bool receive_buffer::store(block_pool& pool, seq first, const payload_view& data,
                           std::uint16_t ranges_max) noexcept {
    assert(first > end_);
    const seq last = first + static_cast<std::uint32_t>(data.size());
    if (range_block_ == nullptr) {
        range_block_ = pool.take();
        if (range_block_ == nullptr) return false;
    }
    range* const list = first_range();
    std::uint16_t from = 0;
    while (from < range_count_ && list[from].right < first) ++from;
    std::uint16_t to = from;
    while (to < range_count_ && list[to].left <= last) ++to;
    const bool fresh = from == to;
    const bool full = range_count_ >= std::min<std::size_t>(ranges_max, ranges_per_block);
    if ((fresh && full) || !write(pool, first, data)) {
        if (range_count_ == 0) {
            pool.give_back(range_block_);
            range_block_ = nullptr;
        }
        drop_read_blocks(pool);
        return false;
    }
    latest_ = from;
    if (fresh) {
        std::copy_backward(list + from, list + range_count_, list + range_count_ + 1);
        list[from] = {first, last};
        ++range_count_;
        return true;
    }
    list[from] = {earlier_of(first, list[from].left), later_of(last, list[to - 1].right)};
    std::copy(list + to, list + range_count_, list + from + 1);
    range_count_ = static_cast<std::uint16_t>(range_count_ - (to - from - 1));
    return true;
}

std::uint32_t receive_buffer::peek(std::span<const mutable_bytes> target) const noexcept {
    std::uint32_t left = readable();
    std::uint32_t copied = 0;
    const block* b = head_;
    seq at = read_;
    for (mutable_bytes piece : target) {
        while (left != 0 && !piece.empty()) {
            const std::uint32_t offset = at - b->start;
            if (offset >= block::capacity) {
                b = b->next;
                continue;
            }
            const auto n = static_cast<std::uint32_t>(
                std::min<std::size_t>({piece.size(), left, std::size_t{block::capacity - offset}}));
            std::memcpy(piece.data(), b->data + offset, n);
            piece = piece.subspan(n);
            at += n;
            left -= n;
            copied += n;
        }
    }
    return copied;
}

std::uint32_t receive_buffer::read(block_pool& pool,
                                   std::span<const mutable_bytes> target) noexcept {
    const std::uint32_t waiting = readable();
    // The usual case: all that waits lies in one block and fits the first target.
    if (range_count_ == 0 && head_ != nullptr && head_->next == nullptr && !target.empty() &&
        target.front().size() >= waiting) {
        std::memcpy(target.front().data(), head_->data + (read_ - head_->start), waiting);
        read_ = end_;
        pool.give_back(head_);
        head_ = recent_ = nullptr;
        return waiting;
    }
    const std::uint32_t n = peek(target);
    read_ += n;
    drop_read_blocks(pool);
    return n;
}

void receive_buffer::discard(block_pool& pool) noexcept {
    read_ = end_;
    drop_read_blocks(pool);
}

// An empty buffer owns nothing.
void receive_buffer::drop_read_blocks(block_pool& pool) noexcept {
    const bool all = read_ == end_ && range_count_ == 0;
    while (head_ != nullptr && (all || head_->start + block::capacity <= read_)) {
        block* gone = head_;
        head_ = gone->next;
        if (recent_ == gone) recent_ = nullptr;
        pool.give_back(gone);
    }
}

void receive_buffer::clear(block_pool& pool) noexcept {
    if (range_block_ != nullptr) pool.give_back(range_block_);
    range_block_ = nullptr;
    range_count_ = latest_ = 0;
    discard(pool);
}

}  // namespace coax::stack::tcp
