// The narrow interface behind a coax::tcp socket and the operations that are started through it.
// Two implementations: the userspace stack and kernel sockets through io_uring; which one a context
// has is a run-time choice, and sockets know only this file.
//
// All calls come from the context's thread. Nothing here ever calls a handler: a finished operation
// goes to engine::complete(), which puts it in the ready queue (post semantics), so handlers never
// nest (Asio's rule against inline completion).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <sys/uio.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <coax/connection_info.hpp>
#include <coax/detail/operation.hpp>

namespace coax::detail {

using boost::system::error_code;
using tcp_endpoint = boost::asio::ip::tcp::endpoint;

// At most this many buffers of a sequence take part in one *_some operation; the rest is for the
// next call, as a partial read or write is always allowed.
inline constexpr std::size_t buffers_per_operation = 16;

class stream_state;

// A socket operation in flight. The concrete class (in the public headers) holds the handler.
class socket_operation : public operation {
  public:
    error_code result;
    // Where it was started; null once it is finished (engine::complete() sees to that).
    stream_state* target = nullptr;

  protected:
    using operation::operation;
    ~socket_operation() = default;
};

// read and write: the buffers belong to the caller until completion.
class transfer_operation : public socket_operation {
  public:
    std::array<iovec, buffers_per_operation> buffers;
    std::uint32_t buffer_count = 0;
    int flags = 0;                // asio::socket_base::message_flags, which are those of send(2)
    std::size_t transferred = 0;  // set on completion

  protected:
    using socket_operation::socket_operation;
    ~transfer_operation() = default;
};

class connect_operation : public socket_operation {
  public:
    tcp_endpoint remote;

  protected:
    using socket_operation::socket_operation;
    ~connect_operation() = default;
};

class accept_operation : public socket_operation {
  public:
    std::unique_ptr<stream_state> accepted;  // set on success
    tcp_endpoint remote;                     // peer, set on success

  protected:
    using socket_operation::socket_operation;
    ~accept_operation() = default;
};

enum class wait_kind : std::uint8_t { read, write, error };

class wait_operation : public socket_operation {
  public:
    wait_kind kind = wait_kind::read;

  protected:
    using socket_operation::socket_operation;
    ~wait_operation() = default;
};

// A TCP socket of either implementation; acceptors too. Destroying it closes it as close() does.
// Error codes are system_category errno values or asio::error::eof, as in Asio for kernel sockets.
class stream_state {
  public:
    virtual ~stream_state() = default;

    virtual error_code bind(const tcp_endpoint& local) = 0;
    virtual error_code listen(int backlog) = 0;
    virtual error_code shutdown(bool receive, bool send) = 0;
    // Orderly, or abortive with linger {on, 0}. All operations end with operation_aborted.
    virtual error_code close() = 0;

    virtual void start_connect(connect_operation* o) = 0;
    virtual void start_accept(accept_operation* o) = 0;
    virtual void start_read(transfer_operation* o) = 0;
    virtual void start_write(transfer_operation* o) = 0;
    virtual void start_wait(wait_operation* o) = 0;
    // Ends one operation with operation_aborted through the ready queue; no effect if it is already
    // finished (it keeps its result). The pointer is compared, never dereferenced, unless found.
    virtual void cancel(socket_operation* o) = 0;
    virtual void cancel_all() = 0;

    // Without waiting: would_block if there is nothing to do now.
    // `flags` as in transfer_operation.
    virtual std::size_t try_read(std::span<const iovec> buffers, int flags, error_code& ec) = 0;
    virtual std::size_t try_write(std::span<const iovec> buffers, int flags, error_code& ec) = 0;
    virtual std::unique_ptr<stream_state> try_accept(tcp_endpoint& remote, error_code& ec) = 0;

    virtual std::size_t available(error_code& ec) const = 0;
    virtual bool at_mark(error_code& ec) = 0;  // of urgent data
    virtual tcp_endpoint local_endpoint(error_code& ec) const = 0;
    virtual tcp_endpoint remote_endpoint(error_code& ec) const = 0;
    // As setsockopt/getsockopt; unknown: no_protocol_option.
    virtual error_code set_option(int level, int name, const void* data, std::size_t size) = 0;
    virtual error_code get_option(int level, int name, void* data, std::size_t* size) const = 0;
    virtual connection_info info(error_code& ec) const = 0;
    // kernel: the descriptor; userspace: a small number
    virtual int native_handle() const noexcept = 0;
};

}  // namespace coax::detail
