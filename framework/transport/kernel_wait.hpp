// Waiting for a kernel socket to become readable, writable or broken, without a transfer: one poll
// on the ring per wait.
#pragma once

#include <cstdint>

#include "framework/transport/kernel_flight.hpp"

namespace coax::detail {

class kernel_waiter {
  public:
    explicit kernel_waiter(kernel_socket& socket) noexcept : socket_(socket) {}
    kernel_waiter(const kernel_waiter&) = delete;
    kernel_waiter& operator=(const kernel_waiter&) = delete;
    ~kernel_waiter() = default;

    void start(wait_operation& o);
    // A read of the urgent octet: waits for one, and takes it.
    void start_urgent(transfer_operation& o);
    // Bytes or connections are parked: those who wait to read need not ask the kernel.
    void on_readable() noexcept;
    bool cancel(const socket_operation* o) noexcept;
    void cancel_all() noexcept;
    bool in_flight() const noexcept { return first_ != nullptr; }

    void on_poll(flight& f, std::int32_t result) noexcept;

  private:
    void poll(socket_operation& o, flight::purpose what, wait_kind kind) noexcept;
    void read_urgent(transfer_operation& o) noexcept;
    // Takes it out of the list; it lands without owner.
    void detach(flight& f) noexcept;

    kernel_socket& socket_;
    flight* first_ = nullptr;  // linked through flight::next
};

}  // namespace coax::detail
