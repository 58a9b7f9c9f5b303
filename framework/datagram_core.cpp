// Blocking transfers of UDP sockets, and the start of asynchronous ones.
#include <boost/asio/error.hpp>

#include <coax/detail/datagram_core.hpp>

namespace coax::detail {

namespace error = boost::asio::error;

std::size_t datagram_core::receive(const buffer_list& buffers, ip_endpoint& remote, int flags,
                                   error_code& ec) {
    if (!check_open(ec)) return 0;
    return attempt(wait_kind::read, ec,
                   [&] { return datagrams().try_receive(buffers.span(), remote, flags, ec); });
}

std::size_t datagram_core::send(const buffer_list& buffers, const ip_endpoint* remote, int flags,
                                error_code& ec) {
    if (!check_open(ec)) return 0;
    if (buffers.more) {
        ec = error::message_size;
        return 0;
    }
    const std::size_t sent = attempt(wait_kind::write, ec, [&] {
        return datagrams().try_send(buffers.span(), remote, flags, ec);
    });
    flush_if_outside();
    return sent;
}

std::size_t datagram_core::receive_many(std::span<incoming_datagram> to, error_code& ec) {
    if (!check_open(ec) || to.empty()) return 0;
    return attempt(wait_kind::read, ec, [&] { return datagrams().try_receive_many(to, ec); });
}

std::size_t datagram_core::send_many(std::span<const outgoing_datagram> from, error_code& ec) {
    if (!check_open(ec) || from.empty()) return 0;
    const std::size_t sent =
        attempt(wait_kind::write, ec, [&] { return datagrams().try_send_many(from, ec); });
    flush_if_outside();
    return sent;
}

void datagram_core::start_receive(loop& where, datagram_operation* o) {
    if (o->several && o->incoming.empty()) return finish(where, o, {});
    if (o->target == nullptr) return finish(where, o, error::bad_descriptor);
    static_cast<datagram_state*>(o->target)->start_receive(o);
}

void datagram_core::start_send(loop& where, datagram_operation* o) {
    if (o->several && o->outgoing.empty()) return finish(where, o, {});
    if (o->too_many) return finish(where, o, error::message_size);
    if (o->target == nullptr) return finish(where, o, error::bad_descriptor);
    static_cast<datagram_state*>(o->target)->start_send(o);
}

}  // namespace coax::detail
