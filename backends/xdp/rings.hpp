// The two ends of an AF_XDP ring that user space holds: a single-producer, single-consumer queue in
// memory shared with the kernel, its indices 32 bits wide and running freely. Knows neither where
// the memory comes from nor what the entries mean.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "backends/xdp/xsk_uapi.hpp"

namespace coax::backends {

// Frames are chunks of this size; the kernel allows no more than a page, and wants a power of two.
inline constexpr std::uint32_t chunk_bytes = 4096;

// Where a ring lies. `size` is a power of two.
template <class Entry>
struct ring_memory {
    std::uint32_t* producer = nullptr;
    std::uint32_t* consumer = nullptr;
    std::uint32_t* flags = nullptr;
    Entry* entries = nullptr;
    std::uint32_t size = 0;
};

namespace ring_index {

inline std::uint32_t load(std::uint32_t* index) noexcept {
    return std::atomic_ref<std::uint32_t>(*index).load(std::memory_order_acquire);
}
inline void store(std::uint32_t* index, std::uint32_t value) noexcept {
    std::atomic_ref<std::uint32_t>(*index).store(value, std::memory_order_release);
}

}  // namespace ring_index

// The fill ring and the transmit ring: we produce, the kernel consumes.
template <class Entry>
class producer_ring {
  public:
    producer_ring() = default;
    explicit producer_ring(const ring_memory<Entry>& memory) noexcept
        : memory_(memory),
          next_(ring_index::load(memory.producer)),
          consumed_(ring_index::load(memory.consumer)) {}

    std::uint32_t size() const noexcept { return memory_.size; }
    // Entries that may be pushed now. Reads the kernel's index only if what is known does not
    // suffice for `wanted`.
    std::uint32_t room(std::uint32_t wanted) noexcept {
        if (memory_.size - (next_ - consumed_) < wanted)
            consumed_ = ring_index::load(memory_.consumer);
        return memory_.size - (next_ - consumed_);
    }
    // There must be room. The kernel sees nothing before publish().
    void push(const Entry& entry) noexcept {
        assert(next_ - consumed_ < memory_.size);
        memory_.entries[next_ & (memory_.size - 1)] = entry;
        ++next_;
    }
    void publish() noexcept { ring_index::store(memory_.producer, next_); }
    // Published entries that the kernel did not take yet, as it says (it may say so late).
    std::uint32_t waiting() noexcept {
        consumed_ = ring_index::load(memory_.consumer);
        return next_ - consumed_;
    }
    std::uint32_t consumer_index() noexcept { return ring_index::load(memory_.consumer); }
    // The kernel must be told by a system call that there are entries.
    bool needs_wakeup() const noexcept {
        return (ring_index::load(memory_.flags) & XDP_RING_NEED_WAKEUP) != 0;
    }

  private:
    ring_memory<Entry> memory_;
    std::uint32_t next_ = 0;
    std::uint32_t consumed_ = 0;  // a cached, possibly old value of *memory_.consumer
};

// The receive ring and the completion ring: the kernel produces, we consume.
template <class Entry>
class consumer_ring {
  public:
    consumer_ring() = default;
    explicit consumer_ring(const ring_memory<Entry>& memory) noexcept
        : memory_(memory),
          next_(ring_index::load(memory.consumer)),
          produced_(ring_index::load(memory.producer)) {}

    std::uint32_t size() const noexcept { return memory_.size; }
    // Entries that may be read now. Reads the kernel's index only if what is known does not
    // suffice for `wanted`.
    std::uint32_t available(std::uint32_t wanted) noexcept {
        if (produced_ - next_ < wanted) produced_ = ring_index::load(memory_.producer);
        return produced_ - next_;
    }
    // The entry `ahead` behind the first unread one; must be available.
    const Entry& peek(std::uint32_t ahead) const noexcept {
        assert(ahead < produced_ - next_);
        return memory_.entries[(next_ + ahead) & (memory_.size - 1)];
    }
    // Leaves `count` entries to the kernel, which must have been available.
    void release(std::uint32_t count) noexcept {
        assert(count <= produced_ - next_);
        next_ += count;
        ring_index::store(memory_.consumer, next_);
    }

  private:
    ring_memory<Entry> memory_;
    std::uint32_t next_ = 0;
    std::uint32_t produced_ = 0;  // a cached, possibly old value of *memory_.producer
};

// The rings of one AF_XDP socket, and the memory that its descriptors' addresses count from. Only
// one copy may be used.
struct xsk_rings {
    producer_ring<std::uint64_t> fill;
    producer_ring<xdp_desc> transmit;
    consumer_ring<xdp_desc> receive;
    consumer_ring<std::uint64_t> completion;
    std::byte* frames = nullptr;
    bool metadata = false;  // transmit metadata may stand before a frame
};

}  // namespace coax::backends
