// One direction between two ports: a bounded ring of descriptors, one producer, one consumer. The
// frames stay where the sender wrote them; they come back to it by the ring's own third index.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "backends/wire/frame_pool.hpp"
#include "stack/device.hpp"

namespace coax::backends::wire {

struct descriptor {
    std::uint32_t frame = 0;      // index in the sender's pool
    std::uint32_t length = 0;     // bytes of the frame
    std::uint16_t gso_bytes = 0;  // payload of a segment in a super-frame; else 0
    std::uint16_t segments = 1;
    stack::checksum_state checksum = stack::checksum_state::unknown;
};

class channel {
  public:
    channel(std::shared_ptr<frame_pool> frames, std::uint32_t capacity)
        : frames_(std::move(frames)),
          capacity_(capacity),
          mask_(std::bit_ceil(capacity) - 1),
          entries_(std::make_unique<descriptor[]>(std::size_t{mask_} + 1)) {}
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;

    const frame_pool& frames() const noexcept { return *frames_; }

    // --- the sender's side
    // Where the next descriptor goes, to be written and then put(); null when the ring is full.
    descriptor* next() noexcept {
        return written_ - harvested_ < capacity_ ? &entries_[written_ & mask_] : nullptr;
    }
    // Not visible to the receiver before publish().
    void put() noexcept { ++written_; }
    void publish() noexcept { produced_.store(written_, std::memory_order_release); }
    // Visits (frame index) each frame that the receiver has given back since the last time.
    template <class Visit>
    void harvest(Visit&& visit) noexcept {
        const std::uint32_t end = consumed_.load(std::memory_order_acquire);
        for (; harvested_ != end; ++harvested_) visit(entries_[harvested_ & mask_].frame);
    }
    // The receiver has left: visits every frame that it has not given back.
    template <class Visit>
    void abandon(Visit&& visit) noexcept {
        for (; harvested_ != written_; ++harvested_) visit(entries_[harvested_ & mask_].frame);
    }
    bool outstanding() const noexcept { return harvested_ != written_; }

    // --- the receiver's side
    bool waiting() const noexcept { return produced_.load(std::memory_order_acquire) != taken_; }
    // Visits (descriptor) up to `most` frames; they stay readable until give_back().
    template <class Visit>
    std::size_t take(std::size_t most, Visit&& visit) noexcept {
        const std::uint32_t there = produced_.load(std::memory_order_acquire) - taken_;
        const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(there, most));
        for (std::uint32_t i = 0; i < count; ++i) visit(entries_[(taken_ + i) & mask_]);
        taken_ += count;
        return count;
    }
    void give_back() noexcept { consumed_.store(taken_, std::memory_order_release); }

  private:
    const std::shared_ptr<frame_pool> frames_;
    const std::uint32_t capacity_;
    const std::uint32_t mask_;
    const std::unique_ptr<descriptor[]> entries_;

    alignas(64) std::uint32_t written_ = 0;  // sender
    std::uint32_t harvested_ = 0;            // sender
    alignas(64) std::atomic<std::uint32_t> produced_{0};
    alignas(64) std::atomic<std::uint32_t> consumed_{0};
    alignas(64) std::uint32_t taken_ = 0;  // receiver
};

}  // namespace coax::backends::wire
