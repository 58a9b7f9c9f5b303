// What all TCP sockets and acceptors of coax have, whatever their executor.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <coax/connection_info.hpp>
#include <coax/detail/socket_core.hpp>
#include <coax/detail/stream_state.hpp>

namespace coax::detail {

class stream_core : public socket_core {
  public:
    explicit stream_core(loop& l) noexcept : socket_core(l, transport_kind::stream) {}

    // Takes an accepted stream.
    void adopt(std::unique_ptr<stream_state> accepted, int family) noexcept;
    void listen(int backlog, error_code& ec);
    connection_info info(error_code& ec) const;

    // `flags`: socket_base::message_flags. 0 with no error only if all buffers are empty.
    std::size_t read(std::span<const iovec> buffers, int flags, error_code& ec);
    std::size_t write(std::span<const iovec> buffers, int flags, error_code& ec);
    std::unique_ptr<stream_state> accept(tcp_endpoint& remote, error_code& ec);

    // --- the loop's thread; the operation is aimed, and ends in the ready queue in any case
    using socket_core::start;
    static void start(loop& where, accept_operation* o);
    static void start_read(loop& where, transfer_operation* o, int flags);
    static void start_write(loop& where, transfer_operation* o, int flags);

  private:
    stream_state& stream() const noexcept { return static_cast<stream_state&>(*state()); }
};

}  // namespace coax::detail
