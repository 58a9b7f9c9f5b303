// What all sockets of coax have, whatever their protocol and executor: the state behind them,
// blocking calls, and the start of asynchronous ones. The class templates are thin covers over
// stream_core (TCP) and datagram_core (UDP), which add the transfers.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <sys/uio.h>

#include <boost/asio/error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <coax/detail/loop.hpp>
#include <coax/detail/socket_state.hpp>

namespace coax::detail {

// Errors of all calls: bad_descriptor when not open, else as Asio has them for kernel sockets.
// Blocking calls turn the I/O of the loop, and run no handler meanwhile.
class socket_core {
  public:
    socket_core(socket_core&& other) noexcept = default;
    socket_core& operator=(socket_core&& other) noexcept;
    ~socket_core() { reset(); }

    loop& get_loop() const noexcept { return *loop_; }
    bool is_open() const noexcept { return state_ != nullptr; }
    int family() const noexcept { return family_; }

    void open(int family, error_code& ec);
    void close(error_code& ec);
    void bind(const ip_endpoint& local, error_code& ec);
    void shutdown(boost::asio::socket_base::shutdown_type what, error_code& ec);
    void cancel(error_code& ec);
    ip_endpoint local_endpoint(error_code& ec) const;
    ip_endpoint remote_endpoint(error_code& ec) const;
    std::size_t available(error_code& ec) const;
    bool at_mark(error_code& ec) const;  // of urgent data; UDP: not_socket, as Asio
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

    void connect(const ip_endpoint& remote, error_code& ec);
    void wait(wait_kind kind, error_code& ec);

    // The operation is for what the socket is open on now.
    void aim(socket_operation& o) const noexcept { o.target = state_.get(); }

    // --- the loop's thread; the operation is aimed, and ends in the ready queue in any case. What
    // another thread started does not come back to the socket, which may have moved on.
    static void start(loop& where, connect_operation* o);
    static void start(loop& where, wait_operation* o);
    // For a connect that found the socket closed. False: it has ended.
    bool open_for(connect_operation* o);
    static void finish(loop& where, socket_operation* o, error_code result) noexcept {
        o->result = result;
        where.complete(o);
    }
    // For loop::remember(): ends a socket_operation with operation_aborted if it is pending.
    static void cancel_operation(loop& where, operation* o);

  protected:
    enum class transport_kind : std::uint8_t { stream, datagram };

    socket_core(loop& l, transport_kind k) noexcept : loop_(&l), kind_(k) {}
    bool check_open(error_code& ec) const noexcept;
    // `try_once` again and again until it does not answer would_block, waiting between.
    template <class Attempt>
    auto attempt(wait_kind what, error_code& ec, Attempt&& try_once);
    // What was written or closed outside run() goes out now, not at the next run().
    void flush_if_outside();
    socket_state* state() const noexcept { return state_.get(); }
    void take_over(std::unique_ptr<socket_state> accepted, int family) noexcept;

  private:
    void reset() noexcept;
    static void retire(loop& where, std::unique_ptr<socket_state> closed);
    bool would_wait(const error_code& ec) const noexcept;
    static bool is_connection_aborted(int level, int name) noexcept;

    loop* loop_;
    std::unique_ptr<socket_state> state_;
    transport_kind kind_;
    int family_ = 0;
    bool non_blocking_ = false;
    bool native_non_blocking_ = false;
    bool connection_aborted_ = false;  // enable_connection_aborted
};

template <class Attempt>
auto socket_core::attempt(wait_kind what, error_code& ec, Attempt&& try_once) {
    bool looked = false;
    for (;;) {
        auto result = try_once();
        if (ec != boost::asio::error::would_block) return result;
        if (!looked) {
            // What has come since the last turn counts, also for a non-blocking call.
            looked = true;
            loop_->drive_once();
            continue;
        }
        if (!would_wait(ec)) return result;
        error_code failure;
        wait(what, failure);
        if (failure) {
            ec = failure;
            return result;
        }
    }
}

inline void throw_if(const error_code& ec, const char* what) {
    if (ec) throw boost::system::system_error(ec, what);
}

}  // namespace coax::detail
