// Frames on their way from one shard to another: a bounded ring of bytes, one producer, one
// consumer, no lock. A frame is copied into it in one piece, with what is known of it, and read in
// place. Knows no packet.
#pragma once

#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "stack/device.hpp"

namespace coax::backends::shards {

// Stands before its frame's bytes in the ring.
struct alignas(16) frame_note {
    std::uint32_t record_bytes = 0;  // from this note to the next
    std::uint32_t frame_bytes = 0;   // 0: none, only the rest of the ring is skipped
    std::uint64_t left = 0;          // shards that may be asked after the receiver, a bit for each
    std::uint16_t gso_bytes = 0;
    std::uint16_t segments = 1;
    stack::checksum_state checksum = stack::checksum_state::unknown;

    stack::const_bytes frame() const noexcept {
        return {reinterpret_cast<const std::byte*>(this + 1), frame_bytes};
    }
    // The note of a frame that frame() gave.
    static const frame_note& of(stack::const_bytes frame) noexcept {
        return *(reinterpret_cast<const frame_note*>(frame.data()) - 1);
    }
};

class frame_ring {
  public:
    // A power of two, at least twice the longest frame.
    explicit frame_ring(std::uint32_t bytes)
        : bytes_(bytes), memory_(std::make_unique_for_overwrite<std::byte[]>(bytes)) {
        assert(std::has_single_bit(bytes));
    }
    frame_ring(const frame_ring&) = delete;
    frame_ring& operator=(const frame_ring&) = delete;

    // --- the producer
    // False: it is full, or the frame is longer than half of it. At once visible to the consumer.
    bool push(const stack::rx_frame& frame, std::uint64_t left) noexcept {
        std::size_t length = frame.head.size();
        for (const stack::const_bytes& piece : frame.rest) length += piece.size();
        if (length == 0 || length > bytes_ / 2 - sizeof(frame_note)) return false;
        const auto size = static_cast<std::uint32_t>(
            (sizeof(frame_note) + length + sizeof(frame_note) - 1) & ~(sizeof(frame_note) - 1));
        const std::uint32_t to_end = bytes_ - (written_ & (bytes_ - 1));
        const std::uint32_t skipped = to_end < size ? to_end : 0;
        if (!has_room(size + skipped)) return false;
        if (skipped != 0) {
            new (at(written_)) frame_note{.record_bytes = skipped};
            written_ += skipped;
        }
        std::byte* to = at(written_);
        new (to) frame_note{size,           static_cast<std::uint32_t>(length),
                            left,           frame.gso_bytes,
                            frame.segments, frame.checksum};
        to = copy(frame.head, to + sizeof(frame_note));
        for (const stack::const_bytes& piece : frame.rest) to = copy(piece, to);
        written_ += size;
        produced_.store(written_, std::memory_order_release);
        return true;
    }

    // --- the consumer
    bool waiting() const noexcept { return produced_.load(std::memory_order_acquire) != taken_; }
    // As device::receive(): valid until give_back().
    std::size_t take(std::span<stack::rx_frame> frames) noexcept {
        const std::uint32_t end = produced_.load(std::memory_order_acquire);
        std::size_t count = 0;
        while (taken_ != end && count != frames.size()) {
            const auto& note = *std::launder(reinterpret_cast<const frame_note*>(at(taken_)));
            taken_ += note.record_bytes;
            if (note.frame_bytes == 0) continue;
            frames[count++] = {.head = note.frame(),
                               .rest = {},
                               .checksum = note.checksum,
                               .gso_bytes = note.gso_bytes,
                               .segments = note.segments,
                               .handed_over = true};
        }
        return count;
    }
    void give_back() noexcept { consumed_.store(taken_, std::memory_order_release); }

  private:
    static std::byte* copy(stack::const_bytes from, std::byte* to) noexcept {
        if (!from.empty()) std::memcpy(to, from.data(), from.size());
        return to + from.size();
    }
    std::byte* at(std::uint32_t position) const noexcept {
        return memory_.get() + (position & (bytes_ - 1));
    }
    bool has_room(std::uint32_t size) noexcept {
        if (bytes_ - (written_ - consumed_seen_) >= size) return true;
        consumed_seen_ = consumed_.load(std::memory_order_acquire);
        return bytes_ - (written_ - consumed_seen_) >= size;
    }

    const std::uint32_t bytes_;
    const std::unique_ptr<std::byte[]> memory_;

    alignas(64) std::uint32_t written_ = 0;  // producer
    std::uint32_t consumed_seen_ = 0;        // producer
    alignas(64) std::atomic<std::uint32_t> produced_{0};
    alignas(64) std::atomic<std::uint32_t> consumed_{0};
    alignas(64) std::uint32_t taken_ = 0;  // consumer
};

}  // namespace coax::backends::shards
