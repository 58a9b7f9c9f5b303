// The narrow interface behind a coax socket and the operations that are started through it: what
// TCP (stream_state.hpp) and UDP (datagram_state.hpp) have in common.
// Two implementations: the userspace stack and kernel sockets through io_uring; which one a context
// has is a run-time choice, and sockets know only these files.
//
// All calls come from the context's thread. Nothing here ever calls a handler: a finished operation
// goes to engine::complete(), which puts it in the ready queue (post semantics), so handlers never
// nest (Asio's rule against inline completion).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include <sys/uio.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <coax/detail/operation.hpp>

namespace coax::detail {

using boost::system::error_code;
using tcp_endpoint = boost::asio::ip::tcp::endpoint;
// An address and a port, of whatever protocol.
using ip_endpoint = tcp_endpoint;

// Endpoints of every protocol are the same bytes.
template <class Endpoint, class From>
Endpoint from_ip(const From& e) {
    if constexpr (std::is_same_v<Endpoint, From>) {
        return e;
    } else {
        Endpoint same;
        same.resize(e.size());
        std::memcpy(same.data(), e.data(), e.size());
        return same;
    }
}
template <class Endpoint>
ip_endpoint to_ip(const Endpoint& e) {
    return from_ip<ip_endpoint>(e);
}

// At most this many buffers of a sequence take part in one operation. Of a stream the rest is for
// the next call, as a partial read or write is always allowed.
inline constexpr std::size_t buffers_per_operation = 16;

class socket_state;

// A socket operation in flight. The concrete class (in the public headers) holds the handler.
class socket_operation : public operation {
  public:
    error_code result;
    // Where it is started; null: the socket was not open then, or the operation is finished
    // (engine::complete() sees to that).
    socket_state* target = nullptr;

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
    bool would_wait = false;      // it was tried a moment ago, by stream_state::read_at_once()

  protected:
    using socket_operation::socket_operation;
    ~transfer_operation() = default;
};

class connect_operation : public socket_operation {
  public:
    ip_endpoint remote;

  protected:
    using socket_operation::socket_operation;
    ~connect_operation() = default;
};

enum class wait_kind : std::uint8_t { read, write, error };

class wait_operation : public socket_operation {
  public:
    wait_kind kind = wait_kind::read;

  protected:
    using socket_operation::socket_operation;
    ~wait_operation() = default;
};

// A socket of either implementation. Destroying it closes it as close() does.
// Error codes are system_category errno values or asio::error::eof, as in Asio for kernel sockets.
class socket_state {
  public:
    virtual ~socket_state() = default;

    virtual error_code bind(const ip_endpoint& local) = 0;
    virtual error_code shutdown(bool receive, bool send) = 0;
    // TCP: orderly, or abortive with linger {on, 0}. All operations end with operation_aborted.
    virtual error_code close() = 0;

    virtual void start_connect(connect_operation* o) = 0;
    virtual void start_wait(wait_operation* o) = 0;
    // Ends one operation with operation_aborted through the ready queue; no effect if it is already
    // finished (it keeps its result). The pointer is compared, never dereferenced, unless found.
    virtual void cancel(socket_operation* o) = 0;
    virtual void cancel_all() = 0;

    virtual std::size_t available(error_code& ec) const = 0;
    virtual ip_endpoint local_endpoint(error_code& ec) const = 0;
    virtual ip_endpoint remote_endpoint(error_code& ec) const = 0;
    // As setsockopt/getsockopt; unknown: no_protocol_option.
    virtual error_code set_option(int level, int name, const void* data, std::size_t size) = 0;
    virtual error_code get_option(int level, int name, void* data, std::size_t* size) const = 0;
    // kernel: the descriptor; userspace: a small number
    virtual int native_handle() const noexcept = 0;

    // --- starts that other threads hand over: until the context's thread has come to them, the
    // state outlives its close()
    void expect_start() noexcept { starts_expected_.fetch_add(1, std::memory_order_relaxed); }
    // False: the socket was closed meanwhile.
    bool start_arrived() noexcept {
        starts_expected_.fetch_sub(1, std::memory_order_relaxed);
        return !closed_;
    }
    bool starts_expected() const noexcept {
        return starts_expected_.load(std::memory_order_relaxed) != 0;
    }
    void note_closed() noexcept { closed_ = true; }

  private:
    std::atomic<std::uint32_t> starts_expected_{0};
    bool closed_ = false;
};

}  // namespace coax::detail
