// Frames kept back: copies that leave at a time, or after others have overtaken them. Knows
// neither why they are kept nor where they go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/time.hpp"
#include "stack/device.hpp"

namespace coax::backends {

// A copy of a frame with what the device said of it, in either direction.
struct held_frame {
    std::vector<std::byte> bytes;
    stack::checksum_state checksum = stack::checksum_state::unknown;
    std::uint16_t gso_bytes = 0;
    std::uint16_t segments = 1;         // received
    std::uint16_t checksum_start = 0;   // to send
    std::uint16_t checksum_offset = 0;  // to send
    stack::instant due{};               // leaves then at the latest
    std::uint32_t overtaken_by = 0;     // leaves after so many frames with a later number
    bool only_when_due = true;          // overtaken_by does not count
    std::uint64_t number = 0;           // in order of arrival
};

class frame_hold {
  public:
    static constexpr std::size_t frames_max = 16384;

    bool full() const noexcept { return delayed_.size() + overtaken_.size() >= frames_max; }
    std::size_t size() const noexcept { return delayed_.size() + overtaken_.size(); }

    // A buffer for `length` bytes, an old one if there is one.
    std::vector<std::byte> buffer(std::size_t length);
    void recycle(std::vector<std::byte> buffer);

    void keep(held_frame frame);
    // A frame with that number has left; those it overtook come nearer.
    void on_left(std::uint64_t number) noexcept;
    // The next frame that may leave.
    std::optional<held_frame> take(stack::instant now);
    bool ready(stack::instant now) const noexcept;
    // When ready() becomes true at the latest by time alone; `never` when empty.
    stack::instant next_due() const noexcept;

  private:
    static bool later(const held_frame& a, const held_frame& b) noexcept {
        return a.due != b.due ? a.due > b.due : a.number > b.number;
    }
    static bool may_leave(const held_frame& frame, stack::instant now) noexcept {
        return frame.due <= now || frame.overtaken_by == 0;
    }

    std::vector<held_frame> delayed_;    // a heap, soonest on top
    std::vector<held_frame> overtaken_;  // few: in order of arrival
    std::vector<std::vector<std::byte>> spare_;
};

}  // namespace coax::backends
