// Frames on their way from one shard to another: a bounded ring of bytes, one producer, one
// consumer, no lock. A frame is copied into it in one piece, with what is known of it, and read in
// place. Knows no packet.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "backends/queue_positions.hpp"
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
        const std::uint32_t to_end = bytes_ - (ends_.written() & (bytes_ - 1));
        const std::uint32_t skipped = to_end < size ? to_end : 0;
        if (!has_room(size + skipped)) return false;
        if (skipped != 0) {
            new (at(ends_.written())) frame_note{.record_bytes = skipped};
            ends_.write(skipped);
        }
        std::byte* to = at(ends_.written());
        new (to) frame_note{size,           static_cast<std::uint32_t>(length),
                            left,           frame.gso_bytes,
                            frame.segments, frame.checksum};
        to = copy(frame.head, to + sizeof(frame_note));
        for (const stack::const_bytes& piece : frame.rest) to = copy(piece, to);
        ends_.write(size);
        ends_.publish();
        return true;
    }

    // --- the consumer
    bool waiting() const noexcept { return ends_.waiting(); }
    // As device::receive(): valid until give_back().
    std::size_t take(std::span<stack::rx_frame> frames) noexcept {
        const std::uint32_t end = ends_.published();
        std::uint32_t position = ends_.taken();
        std::size_t count = 0;
        while (position != end && count != frames.size()) {
            const auto& note = *std::launder(reinterpret_cast<const frame_note*>(at(position)));
            position += note.record_bytes;
            if (note.frame_bytes == 0) continue;
            frames[count++] = {.head = note.frame(),
                               .rest = {},
                               .checksum = note.checksum,
                               .gso_bytes = note.gso_bytes,
                               .segments = note.segments,
                               .handed_over = true};
        }
        ends_.take(position);
        return count;
    }
    void give_back() noexcept { ends_.give_back(); }

  private:
    static std::byte* copy(stack::const_bytes from, std::byte* to) noexcept {
        if (!from.empty()) std::memcpy(to, from.data(), from.size());
        return to + from.size();
    }
    std::byte* at(std::uint32_t position) const noexcept {
        return memory_.get() + (position & (bytes_ - 1));
    }
    bool has_room(std::uint32_t size) noexcept {
        if (bytes_ - ends_.outstanding() >= size) return true;
        ends_.reclaim(ends_.given_back());
        return bytes_ - ends_.outstanding() >= size;
    }

    const std::uint32_t bytes_;
    const std::unique_ptr<std::byte[]> memory_;
    queue_positions ends_;
};

}  // namespace coax::backends::shards
