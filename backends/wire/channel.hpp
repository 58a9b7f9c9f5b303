// One direction between two ports: a bounded queue of descriptors, one producer, one consumer. The
// frames stay where the sender wrote them, and come back to it when the receiver has read them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "backends/queue_positions.hpp"
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

    // --- the sender's side
    bool full() const noexcept { return ends_.outstanding() == capacity_; }
    // The next descriptor, unless it is full. Not visible to the receiver before publish().
    void put(const descriptor& what) noexcept {
        entries_[ends_.written() & mask_] = what;
        ends_.write(1);
    }
    void publish() noexcept { ends_.publish(); }
    // Frees each frame that the receiver has given back since the last time.
    void harvest() noexcept { reclaim(ends_.given_back()); }
    // The receiver has left: frees every frame that it has not given back.
    void abandon() noexcept { reclaim(ends_.written()); }
    bool outstanding() const noexcept { return ends_.outstanding() != 0; }

    // --- the receiver's side
    bool waiting() const noexcept { return ends_.waiting(); }
    // How many frames may be taken.
    std::uint32_t ready() const noexcept { return ends_.published() - ends_.taken(); }
    // The next one, of those; it stays readable until give_back().
    stack::rx_frame take() noexcept {
        const std::uint32_t position = ends_.taken();
        ends_.take(position + 1);
        const descriptor& next = entries_[position & mask_];
        return {{frames_->data(next.frame), next.length},
                {},
                next.checksum,
                next.gso_bytes,
                next.segments};
    }
    void give_back() noexcept { ends_.give_back(); }

  private:
    void reclaim(std::uint32_t until) noexcept {
        std::uint32_t position = ends_.reclaimed();
        frames_->drop_references(until - position, [this, &position]() noexcept {
            return entries_[position++ & mask_].frame;
        });
        ends_.reclaim(until);
    }

    const std::shared_ptr<frame_pool> frames_;
    const std::uint32_t capacity_;
    const std::uint32_t mask_;
    const std::unique_ptr<descriptor[]> entries_;
    queue_positions ends_;
};

}  // namespace coax::backends::wire
