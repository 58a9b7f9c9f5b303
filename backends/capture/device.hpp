// A device around a device that writes every frame of both directions to a pcapng file, as the
// stack sees them. Knows nothing of what is in a frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "backends/capture/pcapng.hpp"
#include "stack/device.hpp"

namespace coax::backends {

class capturing_device final : public stack::device {
  public:
    using clock = std::function<std::uint64_t()>;  // nanoseconds since 1970

    // `inner` and `file` must outlive the device. `now` is asked once per burst.
    capturing_device(stack::device& inner, pcapng_writer& file, clock now);

    const stack::device_capabilities& capabilities() const noexcept override {
        return inner_.capabilities();
    }
    std::size_t receive(std::span<stack::rx_frame> frames) noexcept override;
    void release() noexcept override { inner_.release(); }
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept override {
        return inner_.reserve(slots);
    }
    std::size_t reserve_large(std::span<stack::tx_slot> slots) noexcept override {
        return inner_.reserve_large(slots);
    }
    void transmit(std::span<const stack::tx_slot> slots) noexcept override;
    void cancel(std::span<const stack::tx_slot> slots) noexcept override { inner_.cancel(slots); }
    stack::error want_group(const stack::ip_address& group, bool wanted) noexcept override {
        return inner_.want_group(group, wanted);
    }

  private:
    stack::device& inner_;
    pcapng_writer& file_;
    clock now_;
};

}  // namespace coax::backends
