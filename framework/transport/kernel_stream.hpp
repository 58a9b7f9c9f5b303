// A kernel TCP socket, connected or listening: its descriptor, its options and its two ends of
// life. Receiving, sending, accepting and waiting have files of their own.
#pragma once

#include <memory>
#include <optional>

#include "framework/transport/kernel_accept.hpp"
#include "framework/transport/kernel_receive.hpp"
#include "framework/transport/kernel_send.hpp"
#include "framework/transport/kernel_socket.hpp"
#include "framework/transport/kernel_wait.hpp"

namespace coax::detail {

class kernel_stream final : public stream_state, public kernel_socket {
  public:
    // Takes the descriptor over.
    kernel_stream(kernel_transport& home, int descriptor) noexcept;
    kernel_stream(const kernel_stream&) = delete;
    kernel_stream& operator=(const kernel_stream&) = delete;
    ~kernel_stream() override;

    error_code bind(const tcp_endpoint& local) override;
    error_code listen(int backlog) override;
    error_code shutdown(bool receive, bool send) override;
    error_code close() override;

    void start_connect(connect_operation* o) override;
    void start_accept(accept_operation* o) override;
    void start_read(transfer_operation* o) override;
    void start_write(transfer_operation* o) override;
    void start_wait(wait_operation* o) override;
    void cancel(socket_operation* o) override;
    void cancel_all() override;

    early_end read_at_once(std::span<const iovec> buffers, std::size_t& transferred,
                           error_code& ec) noexcept override;
    early_end write_at_once(std::span<const iovec> buffers, std::size_t& transferred,
                            error_code& ec) noexcept override;
    std::size_t try_read(std::span<const iovec> buffers, int flags, error_code& ec) override;
    std::size_t try_write(std::span<const iovec> buffers, int flags, error_code& ec) override;
    std::unique_ptr<stream_state> try_accept(tcp_endpoint& remote, error_code& ec) override;

    std::size_t available(error_code& ec) const override;
    bool at_mark(error_code& ec) override;
    tcp_endpoint local_endpoint(error_code& ec) const override;
    tcp_endpoint remote_endpoint(error_code& ec) const override;
    error_code set_option(int level, int name, const void* data, std::size_t size) override;
    error_code get_option(int level, int name, void* data, std::size_t* size) const override;
    connection_info info(error_code& ec) const override;
    int native_handle() const noexcept override { return descriptor_; }

    // --- for its parts and the transport
    bool readable() const noexcept override;
    void mind_urgent() noexcept override { receiver_.mind_urgent(); }
    std::size_t read_urgent(std::span<const iovec> buffers, int flags,
                            error_code& ec) noexcept override {
        return receiver_.read_urgent(buffers, flags, ec);
    }
    void on_readable() noexcept {
        if (waiter_.in_flight()) waiter_.on_readable();
    }
    void on_landing(flight& f, std::int32_t result, std::uint32_t flags) noexcept override;
    void orphan() noexcept override;
    void cancel_pending() noexcept override { cancel_all(); }

  private:
    bool in_flight() const noexcept;
    bool can_start(error_code& ec) const noexcept;
    void close_grounded() noexcept;
    void on_connected(flight& f, std::int32_t result) noexcept;
    void launch_connect(connect_operation& o) noexcept;
    void abandon() noexcept;
    void release(bool linger_allowed) noexcept;

    kernel_receiver receiver_{*this};
    kernel_sender sender_{*this};
    kernel_waiter waiter_{*this};
    std::unique_ptr<kernel_listener> listener_;  // from listen() on
    flight* connecting_ = nullptr;
};

}  // namespace coax::detail
