// Transfers of one direction of one kernel socket, in the order in which they were started; the
// front one may be in the air, with a flight of its own. Knows not what a transfer does.
#pragma once

#include <cstddef>
#include <span>

#include "framework/transport/kernel_flight.hpp"

namespace coax::detail {

inline std::span<const iovec> buffers_of(const transfer_operation& o) noexcept {
    return {o.buffers.data(), o.buffer_count};
}

inline std::size_t size_of(std::span<const iovec> buffers) noexcept {
    std::size_t size = 0;
    for (const iovec& b : buffers) size += b.iov_len;
    return size;
}

class kernel_transfers {
  public:
    kernel_transfers() = default;
    kernel_transfers(const kernel_transfers&) = delete;
    kernel_transfers& operator=(const kernel_transfers&) = delete;
    ~kernel_transfers() = default;

    bool empty() const noexcept { return queue_.empty(); }
    bool in_flight() const noexcept { return flight_ != nullptr; }
    transfer_operation& front() const noexcept {
        return *static_cast<transfer_operation*>(queue_.front());
    }
    void push(transfer_operation& o) noexcept { queue_.push(&o); }
    void pop() noexcept { queue_.pop(); }

    // The front one is with the kernel now, ...
    flight& take_off(kernel_transport& home, flight::purpose what, kernel_socket& socket);
    // ... and is back: with a result (true: the front is finished and popped), or to be asked
    // again.
    bool land(kernel_transport& home, flight& f, error_code ec, std::int32_t result) noexcept;

    // False: not one of these.
    bool cancel(kernel_transport& home, const socket_operation* o) noexcept;
    void cancel_all(kernel_transport& home) noexcept;
    // Cancels all; what is in the air lands without owner.
    void abandon(kernel_transport& home) noexcept;

  private:
    operation_queue queue_;
    flight* flight_ = nullptr;
};

}  // namespace coax::detail
