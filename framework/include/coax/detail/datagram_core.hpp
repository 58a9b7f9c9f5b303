// What all UDP sockets of coax have, whatever their executor.
#pragma once

#include <cstddef>
#include <span>

#include <coax/detail/buffer_list.hpp>
#include <coax/detail/datagram_state.hpp>
#include <coax/detail/socket_core.hpp>

namespace coax::detail {

class datagram_core : public socket_core {
  public:
    explicit datagram_core(loop& l) noexcept : socket_core(l, transport_kind::datagram) {}

    // One datagram. `flags`: socket_base::message_flags.
    std::size_t receive(const buffer_list& buffers, ip_endpoint& remote, int flags, error_code& ec);
    // `remote` null: to the peer. More buffers than one operation takes: message_size.
    std::size_t send(const buffer_list& buffers, const ip_endpoint* remote, int flags,
                     error_code& ec);
    std::size_t receive_many(std::span<incoming_datagram> to, error_code& ec);
    std::size_t send_many(std::span<const outgoing_datagram> from, error_code& ec);

    // --- the loop's thread; the operation is aimed, and ends in the ready queue in any case
    using socket_core::start;
    static void start_receive(loop& where, datagram_operation* o);
    static void start_send(loop& where, datagram_operation* o);

  private:
    datagram_state& datagrams() const noexcept { return static_cast<datagram_state&>(*state()); }
};

}  // namespace coax::detail
