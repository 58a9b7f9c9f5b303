// The sending half of one kernel socket: writes in their order, one at a time with the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "framework/transport/kernel_transfers.hpp"

namespace coax::detail {

class kernel_sender {
  public:
    explicit kernel_sender(kernel_stream& stream) noexcept : stream_(stream) {}
    kernel_sender(const kernel_sender&) = delete;
    kernel_sender& operator=(const kernel_sender&) = delete;
    ~kernel_sender() = default;

    void start(transfer_operation& o);
    early_end at_once(std::span<const iovec> buffers, std::size_t& transferred, error_code& ec);
    std::size_t try_write(std::span<const iovec> buffers, int flags, error_code& ec);
    // Hands over what is queued as far as the kernel takes it without waiting: before the socket is
    // shut down, so that writes that were started go first. False if the ring could not be entered:
    // they still stand among the submissions.
    bool push_out() noexcept;
    bool cancel(const socket_operation* o) noexcept;
    void cancel_all() noexcept;
    void abandon() noexcept;
    bool in_flight() const noexcept { return writes_.in_flight(); }

    void on_sent(flight& f, std::int32_t result) noexcept;

  private:
    bool send_now(std::span<const iovec> buffers, int flags, std::size_t& transferred,
                  error_code& ec);
    void send_front() noexcept;

    kernel_stream& stream_;
    kernel_transfers writes_;
};

}  // namespace coax::detail
