// A UDP socket of the userspace stack: Asio's operations on the stack's calls and events. A call
// that would block waits in a queue; the stack's event tells when to try again.
#pragma once

#include <memory>
#include <span>

#include <boost/intrusive/list_hook.hpp>

#include <coax/detail/datagram_state.hpp>

#include "framework/transport/stack_datagram_options.hpp"
#include "stack/stack.hpp"

namespace coax::detail {

class stack_transport;

class stack_datagram final : public datagram_state, public boost::intrusive::list_base_hook<> {
  public:
    static std::unique_ptr<datagram_state> open(stack_transport& where, int family, error_code& ec);
    ~stack_datagram() override;

    // --- for the transport
    void on_event() noexcept;
    // Everything that is pending ends with `why` (the medium is gone).
    void fail_operations(error_code why) noexcept;

    // --- datagram_state
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
    int native_handle() const noexcept override { return static_cast<int>(id_.index); }

  private:
    stack_datagram(stack_transport& where, int family, stack::udp_socket id) noexcept;

    void finish(socket_operation* o, error_code result) noexcept;
    void finish_all(operation_queue& pending, error_code result) noexcept;
    bool is_connected() const noexcept;
    bool is_ready(wait_kind kind) noexcept;
    void perform_receive(datagram_operation& o) noexcept;
    void perform_send(datagram_operation& o) noexcept;
    void serve_waits() noexcept;
    stack::result<stack::udp::received> receive(std::span<const iovec> buffers, bool peek,
                                                error_code& ec) noexcept;
    std::size_t send(std::span<const iovec> buffers, const ip_endpoint* remote, int flags,
                     error_code& ec) noexcept;
    std::size_t receive_many(std::span<incoming_datagram> to, error_code& ec) noexcept;
    std::size_t send_many(std::span<const outgoing_datagram> from, error_code& ec) noexcept;

    stack_transport& where_;
    stack::udp_socket id_;
    int family_;
    bool bound_ = false;  // by bind()
    bool receive_shut_ = false;
    bool send_shut_ = false;
    stack_datagram_options options_;

    operation_queue receives_;
    operation_queue sends_;
    operation_queue waits_;
};

}  // namespace coax::detail
