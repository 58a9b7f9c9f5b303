// Copies each burst to the capture on its way.

#include "backends/capture/device.hpp"

#include <utility>

#include "stack/base/payload.hpp"

namespace coax::backends {

capturing_device::capturing_device(stack::device& inner, pcapng_writer& file, clock now)
    : inner_(inner), file_(file), now_(std::move(now)) {}

std::size_t capturing_device::receive(std::span<stack::rx_frame> frames) noexcept {
    const std::size_t count = inner_.receive(frames);
    if (count == 0) return 0;
    const std::uint64_t now = now_();
    for (const stack::rx_frame& frame : frames.first(count))
        file_.write(capture_direction::inbound, now, stack::payload_view(frame.head, frame.rest));
    return count;
}

void capturing_device::transmit(std::span<const stack::tx_slot> slots) noexcept {
    if (!slots.empty()) {
        const std::uint64_t now = now_();
        for (const stack::tx_slot& slot : slots)
            file_.write(capture_direction::outbound, now,
                        stack::payload_view(stack::const_bytes(slot.data, slot.length)));
    }
    inner_.transmit(slots);
}

}  // namespace coax::backends
