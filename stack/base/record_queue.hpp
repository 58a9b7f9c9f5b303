// A bounded first-in first-out queue of byte records, each a fixed head and a body that lies in one
// piece. Memory is one ring that grows by doubling up to the bound, so the steady path allocates
// nothing. Knows nothing of packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>

#include "stack/base/payload.hpp"

namespace coax::stack {

class byte_ring_queue {
  public:
    explicit byte_ring_queue(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

    bool empty() const noexcept { return count_ == 0; }
    std::size_t count() const noexcept { return count_; }
    // Bytes held, with what each record costs besides its body.
    std::size_t bytes() const noexcept { return used_; }
    std::size_t bytes_max() const noexcept { return bytes_max_; }

    // Room for a record of `size` bytes at the end, to be filled at once; null if it would exceed
    // the bound.
    std::byte* push(std::size_t size) noexcept;
    // The oldest record; valid until it is popped or something is pushed. Not when empty.
    mutable_bytes front() noexcept;
    // Bytes of the oldest record.
    std::size_t front_size() const noexcept;
    void pop() noexcept;
    // Forgets all and gives the memory back.
    void clear() noexcept;

    static constexpr std::size_t cost(std::size_t size) noexcept {
        return (size + 2 * alignment - 1) & ~(alignment - 1);
    }

  private:
    static constexpr std::size_t alignment = 8;
    static constexpr std::size_t capacity_min = 4096;
    static constexpr std::uint64_t skip = ~std::uint64_t{0};  // instead of a size: go to the start

    std::size_t first() const noexcept;
    std::byte* place(std::size_t size) noexcept;
    bool grow(std::size_t size) noexcept;

    std::unique_ptr<std::byte[]> ring_;
    std::size_t bytes_max_;
    std::size_t capacity_ = 0;
    std::size_t head_ = 0;  // where the oldest record begins
    std::size_t tail_ = 0;  // where the next one would
    std::size_t used_ = 0;
    std::size_t count_ = 0;
};

template <class Head>
class record_queue {
    static_assert(std::is_trivially_copyable_v<Head> && alignof(Head) <= 8);

  public:
    explicit record_queue(std::size_t bytes_max) noexcept : queue_(bytes_max) {}

    bool empty() const noexcept { return queue_.empty(); }
    std::size_t count() const noexcept { return queue_.count(); }
    std::size_t bytes() const noexcept { return queue_.bytes(); }
    bool fits(std::size_t body_size) const noexcept {
        return queue_.bytes() + cost(body_size) <= queue_.bytes_max();
    }
    static constexpr std::size_t cost(std::size_t body_size) noexcept {
        return byte_ring_queue::cost(sizeof(Head) + body_size);
    }

    // Where the body goes, to be filled at once; null if the bound is reached.
    std::byte* push(const Head& head, std::size_t body_size) noexcept {
        std::byte* at = queue_.push(sizeof(Head) + body_size);
        if (at == nullptr) return nullptr;
        std::memcpy(at, &head, sizeof head);
        return at + sizeof(Head);
    }
    Head front_head() noexcept {
        Head head;
        std::memcpy(&head, queue_.front().data(), sizeof head);
        return head;
    }
    std::size_t front_body_size() const noexcept { return queue_.front_size() - sizeof(Head); }
    mutable_bytes front_body() noexcept { return queue_.front().subspan(sizeof(Head)); }
    void pop() noexcept { queue_.pop(); }
    void clear() noexcept { queue_.clear(); }

  private:
    byte_ring_queue queue_;
};

}  // namespace coax::stack
