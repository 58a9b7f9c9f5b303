// A TCP socket of the userspace stack: Asio's operations on the stack's calls and events. A call
// that would block waits in a queue; the stack's event tells when to try again.
#pragma once

#include <memory>
#include <span>

#include <boost/intrusive/list_hook.hpp>

#include <coax/detail/stream_state.hpp>

#include "framework/transport/stack_options.hpp"
#include "stack/stack.hpp"

namespace coax::detail {

class stack_transport;

class stack_stream final : public stream_state, public boost::intrusive::list_base_hook<> {
  public:
    static std::unique_ptr<stream_state> open(stack_transport& where, int family, error_code& ec);
    ~stack_stream() override;

    // --- for the transport
    void on_event(stack::tcp::readiness ready) noexcept;
    // Everything that is pending ends with `why`; what is started later, too (the medium is gone).
    void fail_operations(error_code why) noexcept;

    // --- stream_state
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
    int native_handle() const noexcept override { return static_cast<int>(id_.index); }

  private:
    // What it has been used for; decides which calls make sense.
    enum class use : std::uint8_t { none, listening, connecting, connected };

    stack_stream(stack_transport& where, int family, stack::tcp_socket id, use as) noexcept;

    void on_change(stack::tcp::readiness ready) noexcept;
    void finish(socket_operation* o, error_code result) noexcept;
    void finish_all(operation_queue& pending, error_code result) noexcept;
    void serve_accepts() noexcept;
    void serve_reads() noexcept;
    void serve_urgent_reads() noexcept;
    void serve_writes() noexcept;
    void serve_waits() noexcept;
    bool is_ready(wait_kind kind) noexcept;
    bool readable() noexcept;
    bool writable() noexcept;
    void end_connect(error_code result) noexcept;
    error_code renew() noexcept;
    error_code apply_options() noexcept;
    error_code apply_option(int level, int name) noexcept;
    stack::status apply_times() noexcept;
    stack::status apply_ip_options() noexcept;
    stack::status apply_congestion() noexcept;
    // 1..n bytes, or an error. False: it would have to wait; then only `n` is set, to 0.
    bool receive(std::span<const iovec> buffers, int flags, std::size_t& n,
                 error_code& ec) noexcept;
    bool send(std::span<const iovec> buffers, int flags, std::size_t& n, error_code& ec) noexcept;
    std::size_t receive_urgent(std::span<const iovec> buffers, bool peek, error_code& ec) noexcept;
    error_code told_once(stack::error code, error_code afterwards) noexcept;

    stack_transport& where_;
    stack::tcp_socket id_;
    int family_;
    use use_;
    bool failed_ = false;        // the connection ended with an error
    bool spent_ = false;         // a connect failed: the id must be replaced before the next use
    bool bound_ = false;         // by bind()
    bool failure_told_ = false;  // to a read or a write
    stack::endpoint bound_to_;
    stack_options options_;

    connect_operation* connecting_ = nullptr;
    operation_queue accepts_;
    operation_queue reads_;
    operation_queue urgent_reads_;  // message_out_of_band
    operation_queue writes_;
    operation_queue waits_;
    // Taken from the accept queue to find out whether there is one.
    std::unique_ptr<stream_state> parked_;
    tcp_endpoint parked_remote_;
};

}  // namespace coax::detail
