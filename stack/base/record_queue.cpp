// The ring behind record queues: records lie whole; one that does not fit before the end of the
// ring starts again at its beginning, and a mark is left in the gap.
#include "stack/base/record_queue.hpp"

#include <algorithm>
#include <new>

namespace coax::stack {

std::byte* byte_ring_queue::push(std::size_t size) noexcept {
    const std::size_t needed = cost(size);
    if (used_ + needed > bytes_max_) return nullptr;
    std::byte* at = place(size);
    if (at == nullptr && grow(needed)) at = place(size);
    return at;
}

std::byte* byte_ring_queue::place(std::size_t size) noexcept {
    const std::size_t needed = cost(size);
    if (count_ == 0) head_ = tail_ = 0;
    const bool wrapped = count_ != 0 && tail_ <= head_;
    const std::size_t end = wrapped ? head_ : capacity_;
    if (end - tail_ < needed) {
        if (wrapped || head_ < needed) return nullptr;
        if (tail_ < capacity_) std::memcpy(&ring_[tail_], &skip, sizeof skip);
        tail_ = 0;
    }
    std::byte* const at = &ring_[tail_];
    const std::uint64_t stored = size;
    std::memcpy(at, &stored, sizeof stored);
    tail_ += needed;
    used_ += needed;
    ++count_;
    return at + sizeof stored;
}

bool byte_ring_queue::grow(std::size_t needed) noexcept {
    // Twice the bound leaves room for the gap at the end of the ring, whatever the sizes are.
    const std::size_t wanted = std::max({capacity_min, capacity_ * 2, (used_ + needed) * 2});
    const std::size_t capacity =
        std::min(wanted, (bytes_max_ & ~(alignment - 1)) * 2 + capacity_min);
    if (capacity <= capacity_) return false;
    std::unique_ptr<std::byte[]> larger(new (std::nothrow) std::byte[capacity]);
    if (!larger) return false;
    std::size_t at = 0;
    const std::size_t records = count_;
    for (std::size_t i = 0; i < records; ++i) {
        const auto record = front();
        const std::size_t size = cost(record.size());
        std::memcpy(&larger[at], record.data() - sizeof(std::uint64_t),
                    record.size() + sizeof(std::uint64_t));
        at += size;
        pop();
    }
    ring_ = std::move(larger);
    capacity_ = capacity;
    head_ = 0;
    tail_ = used_ = at;
    count_ = records;
    return true;
}

// Where the oldest record begins: behind the mark, if one stands at head_.
std::size_t byte_ring_queue::first() const noexcept {
    if (head_ == capacity_) return 0;
    std::uint64_t size = 0;
    std::memcpy(&size, &ring_[head_], sizeof size);
    return size == skip ? 0 : head_;
}

std::size_t byte_ring_queue::front_size() const noexcept {
    std::uint64_t size = 0;
    std::memcpy(&size, &ring_[first()], sizeof size);
    return std::size_t{size};
}

mutable_bytes byte_ring_queue::front() noexcept {
    return {&ring_[first()] + sizeof(std::uint64_t), front_size()};
}

void byte_ring_queue::pop() noexcept {
    const std::size_t size = cost(front_size());
    head_ = first() + size;
    used_ -= size;
    --count_;
}

void byte_ring_queue::clear() noexcept {
    ring_.reset();
    capacity_ = head_ = tail_ = used_ = count_ = 0;
}

}  // namespace coax::stack
