// What the kernel transport knows of a socket of either protocol: who made a flight, and who is to
// be ended. Its parts (transfers, waiter) know it as this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "framework/transport/kernel_flight.hpp"

namespace coax::detail {

class kernel_socket {
  public:
    kernel_socket(const kernel_socket&) = delete;
    kernel_socket& operator=(const kernel_socket&) = delete;
    virtual ~kernel_socket() = default;

    kernel_transport& home() const noexcept { return *home_; }
    int descriptor() const noexcept { return descriptor_; }

    virtual void on_landing(flight& f, std::int32_t result, std::uint32_t flags) noexcept = 0;
    // The transport goes first: closes, and never touches it again.
    virtual void orphan() noexcept = 0;
    virtual void cancel_pending() noexcept = 0;

    // --- for the waiter
    // Something is parked here: who waits to read need not ask the kernel.
    virtual bool readable() const noexcept { return false; }
    // The program looks after urgent data from now on.
    virtual void mind_urgent() noexcept {}
    virtual std::size_t read_urgent(std::span<const iovec>, int, error_code&) noexcept { return 0; }

  protected:
    kernel_socket(kernel_transport& home, int descriptor) noexcept
        : home_(&home), descriptor_(descriptor) {}

    kernel_transport* home_;
    int descriptor_;

  private:
    friend class kernel_transport;  // the list of sockets
    kernel_socket* before_ = nullptr;
    kernel_socket* after_ = nullptr;
};

}  // namespace coax::detail
