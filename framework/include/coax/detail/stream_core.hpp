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

    // On the loop's thread, for a handler that goes on at once: ends the transfer now, if it need
    // not wait and the handler that runs has not gone on too often already.
    early_end read_at_once(std::span<const iovec> buffers, std::size_t& transferred,
                           error_code& ec) {
        if (!may_go_on(buffers)) return early_end::not_tried;
        return went_on(stream().read_at_once(buffers, transferred, ec));
    }
    early_end write_at_once(std::span<const iovec> buffers, std::size_t& transferred,
                            error_code& ec) {
        if (!may_go_on(buffers)) return early_end::not_tried;
        return went_on(stream().write_at_once(buffers, transferred, ec));
    }

    // --- the loop's thread; the operation is aimed, and ends in the ready queue in any case
    using socket_core::start;
    static void start(loop& where, accept_operation* o);
    static void start_read(loop& where, transfer_operation* o, int flags);
    static void start_write(loop& where, transfer_operation* o, int flags);

  private:
    bool may_go_on(std::span<const iovec> buffers) const noexcept {
        return is_open() && !buffers.empty() && get_loop().running_in_this_thread() &&
               get_loop().may_go_on();
    }
    early_end went_on(early_end a) const noexcept {
        if (a == early_end::ended) get_loop().went_on();
        return a;
    }
    stream_state& stream() const noexcept { return static_cast<stream_state&>(*state()); }
};

}  // namespace coax::detail
