// What all TCP sockets of coax have, whatever their executor: the stream behind them, blocking
// calls, and the start of asynchronous ones. The class templates are thin covers over this.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <sys/uio.h>

#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <coax/detail/loop.hpp>
#include <coax/detail/stream_state.hpp>

namespace coax::detail {

// Errors of all calls: bad_descriptor when not open, else as Asio has them for kernel sockets.
// Blocking calls turn the I/O of the loop, and run no handler meanwhile.
class socket_core {
  public:
    explicit socket_core(loop& l) noexcept : loop_(&l) {}
    socket_core(socket_core&& other) noexcept = default;
    socket_core& operator=(socket_core&& other) noexcept;
    ~socket_core() { reset(); }

    loop& get_loop() const noexcept { return *loop_; }
    bool is_open() const noexcept { return state_ != nullptr; }
    int family() const noexcept { return family_; }

    void open(int family, error_code& ec);
    // Takes an accepted stream.
    void adopt(std::unique_ptr<stream_state> accepted, int family) noexcept;
    void close(error_code& ec);
    void bind(const tcp_endpoint& local, error_code& ec);
    void listen(int backlog, error_code& ec);
    void shutdown(boost::asio::socket_base::shutdown_type what, error_code& ec);
    void cancel(error_code& ec);
    tcp_endpoint local_endpoint(error_code& ec) const;
    tcp_endpoint remote_endpoint(error_code& ec) const;
    std::size_t available(error_code& ec) const;
    connection_info info(error_code& ec) const;
    bool at_mark(error_code& ec) const;
    int native_handle() const noexcept;
    void set_option(int level, int name, const void* data, std::size_t size, error_code& ec);
    // The size that was filled in.
    std::size_t get_option(int level, int name, void* data, std::size_t size, error_code& ec) const;
    void non_blocking(bool on, error_code& ec);
    bool non_blocking() const noexcept { return non_blocking_; }
    void native_non_blocking(bool on, error_code& ec);
    bool native_non_blocking() const noexcept { return native_non_blocking_; }
    // FIONREAD, FIONBIO, SIOCATMARK; others: operation_not_supported.
    void io_control(int name, void* data, error_code& ec);

    void connect(const tcp_endpoint& remote, error_code& ec);
    // `flags`: socket_base::message_flags. 0 with no error only if all buffers are empty.
    std::size_t read(std::span<const iovec> buffers, int flags, error_code& ec);
    std::size_t write(std::span<const iovec> buffers, int flags, error_code& ec);
    std::unique_ptr<stream_state> accept(tcp_endpoint& remote, error_code& ec);
    void wait(wait_kind kind, error_code& ec);

    // --- the loop's thread; the operation ends in the ready queue in any case
    void start(connect_operation* o);
    void start(accept_operation* o);
    void start_read(transfer_operation* o, int flags);
    void start_write(transfer_operation* o, int flags);
    void start(wait_operation* o);
    void finish(socket_operation* o, error_code result) noexcept {
        o->result = result;
        loop_->complete(o);
    }
    // For loop::remember(): ends a socket_operation with operation_aborted if it is pending.
    static void cancel_operation(loop& where, operation* o);

  private:
    void reset() noexcept;
    bool check_open(error_code& ec) const noexcept;
    bool would_wait(const error_code& ec) const noexcept;
    template <class Attempt>
    auto attempt(wait_kind kind, error_code& ec, Attempt&& try_once);
    void flush_if_outside();
    static bool is_connection_aborted(int level, int name) noexcept;

    loop* loop_;
    std::unique_ptr<stream_state> state_;
    int family_ = 0;
    bool non_blocking_ = false;
    bool native_non_blocking_ = false;
    bool connection_aborted_ = false;  // enable_connection_aborted
};

inline void throw_if(const error_code& ec, const char* what) {
    if (ec) throw boost::system::system_error(ec, what);
}

}  // namespace coax::detail
