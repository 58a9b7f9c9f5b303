// The narrow interface behind a coax::tcp socket or acceptor (socket_state.hpp).
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <coax/connection_info.hpp>
#include <coax/detail/at_once.hpp>
#include <coax/detail/socket_state.hpp>

namespace coax::detail {

class stream_state;

class accept_operation : public socket_operation {
  public:
    std::unique_ptr<stream_state> accepted;  // set on success
    tcp_endpoint remote;                     // peer, set on success

  protected:
    using socket_operation::socket_operation;
    ~accept_operation() = default;
};

// A TCP socket of either implementation; acceptors too.
class stream_state : public socket_state {
  public:
    virtual error_code listen(int backlog) = 0;
    virtual void start_accept(accept_operation* o) = 0;
    virtual void start_read(transfer_operation* o) = 0;
    virtual void start_write(transfer_operation* o) = 0;

    // What start_read() and start_write() would do first, without an operation. `transferred` and
    // `ec` are set when it ended.
    virtual early_end read_at_once(std::span<const iovec>, std::size_t& transferred,
                                   error_code& ec) noexcept = 0;
    virtual early_end write_at_once(std::span<const iovec>, std::size_t& transferred,
                                    error_code& ec) noexcept = 0;

    // Without waiting: would_block if there is nothing to do now.
    // `flags` as in transfer_operation.
    virtual std::size_t try_read(std::span<const iovec> buffers, int flags, error_code& ec) = 0;
    virtual std::size_t try_write(std::span<const iovec> buffers, int flags, error_code& ec) = 0;
    virtual std::unique_ptr<stream_state> try_accept(tcp_endpoint& remote, error_code& ec) = 0;

    virtual bool at_mark(error_code& ec) = 0;  // of urgent data
    virtual connection_info info(error_code& ec) const = 0;
};

}  // namespace coax::detail
