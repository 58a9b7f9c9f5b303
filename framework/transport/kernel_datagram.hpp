// A kernel UDP socket: one receive and one send at a time with the kernel, the others wait their
// turn.
#pragma once

#include <span>

#include <coax/detail/datagram_state.hpp>

#include "framework/transport/kernel_socket.hpp"
#include "framework/transport/kernel_transfers.hpp"
#include "framework/transport/kernel_wait.hpp"

namespace coax::detail {

class kernel_datagram final : public datagram_state, public kernel_socket {
  public:
    // Takes the descriptor over.
    kernel_datagram(kernel_transport& home, int descriptor) noexcept;
    ~kernel_datagram() override;

    error_code bind(const ip_endpoint& local) override;
    error_code shutdown(bool receive, bool send) override;
    error_code close() override;
    void start_connect(connect_operation* o) override;
    void start_wait(wait_operation* o) override;
    void start_receive(datagram_operation* o) override;
    void start_send(datagram_operation* o) override;
    void cancel(socket_operation* o) override;
    void cancel_all() override;
    std::size_t try_receive(std::span<const iovec> buffers, ip_endpoint& remote, int flags,
                            error_code& ec) override;
    std::size_t try_send(std::span<const iovec> buffers, const ip_endpoint* remote, int flags,
                         error_code& ec) override;
    std::size_t try_receive_many(std::span<incoming_datagram> to, error_code& ec) override;
    std::size_t try_send_many(std::span<const outgoing_datagram> from, error_code& ec) override;
    std::size_t available(error_code& ec) const override;
    ip_endpoint local_endpoint(error_code& ec) const override;
    ip_endpoint remote_endpoint(error_code& ec) const override;
    error_code set_option(int level, int name, const void* data, std::size_t size) override;
    error_code get_option(int level, int name, void* data, std::size_t* size) const override;
    int native_handle() const noexcept override { return descriptor_; }

    // --- kernel_socket
    void on_landing(flight& f, std::int32_t result, std::uint32_t flags) noexcept override;
    void orphan() noexcept override;
    void cancel_pending() noexcept override { cancel_all(); }

  private:
    bool can_start(error_code& ec) const noexcept;
    void launch_front(kernel_transfers& queue, bool receiving) noexcept;
    bool perform_several(datagram_operation& o, error_code& ec) noexcept;
    std::size_t send_now(std::span<const iovec> buffers, const ip_endpoint* remote, int flags,
                         error_code& ec) noexcept;
    std::size_t receive_many(std::span<incoming_datagram> to, error_code& ec) noexcept;
    std::size_t send_many(std::span<const outgoing_datagram> from, error_code& ec) noexcept;
    void push_out() noexcept;
    std::size_t receive_now(std::span<const iovec> buffers, ip_endpoint& remote, int flags,
                            error_code& ec) noexcept;
    void drain() noexcept;
    void release() noexcept;

    bool receive_shut_ = false;
    kernel_transfers receives_;
    kernel_transfers sends_;
    kernel_waiter waiter_{*this};
};

}  // namespace coax::detail
