// The receive buffer's chain of blocks and its sorted list of out-of-order ranges.
#include "stack/tcp/receive_buffer.hpp"

#include <algorithm>
#include <cassert>
#include <new>

namespace coax::stack::tcp {

receive_buffer::reassembly_list& receive_buffer::list() const noexcept {
    return *std::launder(reinterpret_cast<reassembly_list*>(list_->data));
}

range* receive_buffer::first_range() const noexcept {
    return std::launder(reinterpret_cast<range*>(list_->data + sizeof(reassembly_list)));
}

bool receive_buffer::take_list(block_pool& pool) noexcept {
    if (list_ != nullptr) return true;
    list_ = pool.take();
    if (list_ == nullptr) return false;
    new (list_->data) reassembly_list();
    return true;
}

void receive_buffer::drop_unused_list(block_pool& pool) noexcept {
    if (list_ == nullptr || range_count() != 0 || list().has_duplicate) return;
    pool.give_back(list_);
    list_ = nullptr;
}

std::span<const range> receive_buffer::ranges() const noexcept {
    if (range_count() == 0) return {};
    return {first_range(), range_count()};
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
    if (piece.size() == data.size() && range_count() == 0) {
        if (head_ == nullptr && piece.size() <= block::capacity) {
            block* b = pool.take();
            if (b == nullptr) return false;
            b->start = end_;
            b->next = nullptr;
            head_ = recent_ = b;
            std::memcpy(b->data, piece.data(), piece.size());
            end_ += static_cast<std::uint32_t>(piece.size());
            return true;
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
    if (range_count() != 0) swallow_ranges(pool);
    return true;
}

// The gap before the first ranges is filled: they become readable.
void receive_buffer::swallow_ranges(block_pool& pool) noexcept {
    range* const first = first_range();
    std::uint16_t gone = 0;
    for (; gone < range_count() && first[gone].left <= end_; ++gone)
        end_ = later_of(end_, first[gone].right);
    if (gone == 0) return;
    std::copy(first + gone, first + range_count(), first);
    set_range_count(range_count() - gone);
    drop_unused_list(pool);
}

bool receive_buffer::store(block_pool& pool, seq first, const payload_view& data,
                           std::uint16_t ranges_max) noexcept {
    assert(first > end_);
    const seq last = first + static_cast<std::uint32_t>(data.size());
    if (!take_list(pool)) return false;
    range* const ranges = first_range();
    std::uint16_t from = 0;
    while (from < range_count() && ranges[from].right < first) ++from;
    std::uint16_t to = from;
    while (to < range_count() && ranges[to].left <= last) ++to;
    const bool fresh = from == to;
    const bool full = range_count() >= std::min<std::size_t>(ranges_max, ranges_per_block);
    if ((fresh && full) || !write(pool, first, data)) {
        drop_unused_list(pool);
        drop_read_blocks(pool);
        return false;
    }
    if (fresh) {
        std::copy_backward(ranges + from, ranges + range_count(), ranges + range_count() + 1);
        ranges[from] = {first, last};
        set_range_count(range_count() + 1U);
    } else {
        ranges[from] = {earlier_of(first, ranges[from].left), later_of(last, ranges[to - 1].right)};
        std::copy(ranges + to, ranges + range_count(), ranges + from + 1);
        set_range_count(range_count() - static_cast<std::uint32_t>(to - from - 1));
    }
    remember(first, ranges[from]);
    return true;
}

bool receive_buffer::prune(block_pool& pool) noexcept {
    if (range_count() == 0) return false;
    pool.give_back(list_);
    list_ = nullptr;
    set_range_count(0);
    block* last_kept = nullptr;
    for (block* b = head_; b != nullptr && b->start < end_; b = b->next) last_kept = b;
    block* gone = last_kept != nullptr ? last_kept->next : head_;
    (last_kept != nullptr ? last_kept->next : head_) = nullptr;
    recent_ = last_kept;
    while (gone != nullptr) {
        block* const next = gone->next;
        pool.give_back(gone);
        gone = next;
    }
    drop_read_blocks(pool);
    return true;
}

const range* receive_buffer::range_around(seq at) const noexcept {
    const range* const first = first_range();
    const range* const last = first + range_count();
    const range* r =
        std::lower_bound(first, last, at, [](const range& x, seq y) { return x.right <= y; });
    return r != last && r->left <= at ? r : nullptr;
}

// RFC 2018 4: the order in which ranges were last reported first. Those that became one with
// `merged` are told with it.
void receive_buffer::remember(seq stored, const range& merged) noexcept {
    reassembly_list& l = list();
    std::array<seq, 4> kept{stored};
    std::uint8_t count = 1;
    for (std::uint8_t i = 0; i < l.recent_count && count < kept.size(); ++i) {
        const seq at = l.recent[i];
        if (at >= merged.left && at < merged.right) continue;
        kept[count++] = at;
    }
    l.recent = kept;
    l.recent_count = count;
}

void receive_buffer::note_duplicate(block_pool& pool, range again) noexcept {
    if (!take_list(pool)) return;
    reassembly_list& l = list();
    const bool adjoins =
        l.has_duplicate && again.left <= l.duplicate.right && again.right >= l.duplicate.left;
    if (adjoins) {  // segments of one burst are told together
        again.left = earlier_of(again.left, l.duplicate.left);
        again.right = later_of(again.right, l.duplicate.right);
    }
    l.duplicate = again;
    l.has_duplicate = true;
}

std::optional<range> receive_buffer::held(seq first, seq last) const noexcept {
    for (const range& r : ranges()) {
        if (r.right <= first) continue;
        if (r.left >= last) break;
        return range{later_of(first, r.left), earlier_of(last, r.right)};
    }
    return std::nullopt;
}

std::uint8_t receive_buffer::report_size(std::uint8_t most) const noexcept {
    if (list_ == nullptr) return 0;
    const std::uint32_t all = range_count() + (list().has_duplicate ? 1U : 0U);
    return static_cast<std::uint8_t>(std::min<std::uint32_t>(all, most));
}

std::uint8_t receive_buffer::report(block_pool& pool, std::span<range> blocks) noexcept {
    if (list_ == nullptr) return 0;
    reassembly_list& l = list();
    std::uint8_t count = 0;
    std::uint8_t own = 0;  // where the ranges begin: a duplicate repeats a part of one
    const auto add = [&](const range& r) {
        if (count == blocks.size()) return;
        if (std::find(blocks.begin() + own, blocks.begin() + count, r) != blocks.begin() + count)
            return;
        blocks[count++] = r;
    };
    if (l.has_duplicate) {  // RFC 2883 4: first, and told once
        add(l.duplicate);
        own = count;
        // RFC 2883 4 (4): the block it is a part of comes second
        if (const range* around = range_around(l.duplicate.left)) add(*around);
        l.has_duplicate = false;
    }
    for (std::uint8_t i = 0; i < l.recent_count; ++i)
        if (const range* r = range_around(l.recent[i])) add(*r);
    for (const range& r : ranges()) {
        if (count == blocks.size()) break;
        add(r);
    }
    drop_unused_list(pool);
    return count;
}

std::uint32_t receive_buffer::peek(std::span<const mutable_bytes> target, std::uint32_t from,
                                   std::uint32_t most) const noexcept {
    std::uint32_t left = std::min(readable() - from, most);
    std::uint32_t copied = 0;
    const block* b = head_;
    seq at = read_ + from;
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

std::uint32_t receive_buffer::read(block_pool& pool, std::span<const mutable_bytes> target,
                                   std::uint32_t most) noexcept {
    const std::uint32_t n = peek(target, 0, most);
    skip(pool, n);
    return n;
}

std::byte receive_buffer::byte_at(std::uint32_t offset) const noexcept {
    assert(offset < readable());
    const block* b = head_;
    std::uint32_t at = read_ + offset - b->start;
    for (; at >= block::capacity; at -= block::capacity) b = b->next;
    return b->data[at];
}

void receive_buffer::skip(block_pool& pool, std::uint32_t count) noexcept {
    read_ += count;
    drop_read_blocks(pool);
}

void receive_buffer::discard(block_pool& pool) noexcept {
    read_ = end_;
    drop_read_blocks(pool);
}

// An empty buffer owns nothing.
void receive_buffer::drop_read_blocks(block_pool& pool) noexcept {
    const bool all = read_ == end_ && range_count() == 0;
    while (head_ != nullptr && (all || head_->start + block::capacity <= read_)) {
        block* gone = head_;
        head_ = gone->next;
        if (recent_ == gone) recent_ = nullptr;
        pool.give_back(gone);
    }
}

void receive_buffer::clear(block_pool& pool) noexcept {
    if (list_ != nullptr) pool.give_back(list_);
    list_ = nullptr;
    set_range_count(0);
    discard(pool);
}

}  // namespace coax::stack::tcp
