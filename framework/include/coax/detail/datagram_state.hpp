// The narrow interface behind a coax::udp socket (socket_state.hpp).
#pragma once

#include <cstddef>
#include <span>

#include <coax/datagram.hpp>
#include <coax/detail/socket_state.hpp>

namespace coax::detail {

// One datagram to or from the buffers, which belong to the caller until completion; or `several`,
// described by `incoming` or `outgoing`. `transferred`: bytes, or datagrams of the several.
class datagram_operation : public transfer_operation {
  public:
    // Receiving: the sender, set on completion. Sending: whereto, if `addressed`; else the peer.
    ip_endpoint remote;
    bool addressed = false;
    bool too_many = false;  // buffers: cannot be sent
    bool several = false;
    std::span<incoming_datagram> incoming;
    std::span<const outgoing_datagram> outgoing;

  protected:
    using transfer_operation::transfer_operation;
    ~datagram_operation() = default;
};

// A UDP socket of either implementation.
class datagram_state : public socket_state {
  public:
    virtual void start_receive(datagram_operation* o) = 0;
    virtual void start_send(datagram_operation* o) = 0;

    // Without waiting: would_block if there is nothing to do now. `flags` as in transfer_operation.
    virtual std::size_t try_receive(std::span<const iovec> buffers, ip_endpoint& remote, int flags,
                                    error_code& ec) = 0;
    // `remote` null: to the peer.
    virtual std::size_t try_send(std::span<const iovec> buffers, const ip_endpoint* remote,
                                 int flags, error_code& ec) = 0;
    // 1..n datagrams, or an error.
    virtual std::size_t try_receive_many(std::span<incoming_datagram> to, error_code& ec) = 0;
    virtual std::size_t try_send_many(std::span<const outgoing_datagram> from, error_code& ec) = 0;
};

}  // namespace coax::detail
