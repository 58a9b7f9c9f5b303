// Blocking transfers and accepts of TCP sockets, and the start of asynchronous ones.
#include <boost/asio/error.hpp>

#include <coax/detail/stream_core.hpp>

namespace coax::detail {

namespace error = boost::asio::error;
using boost::asio::socket_base;

void stream_core::adopt(std::unique_ptr<stream_state> accepted, int family) noexcept {
    take_over(std::move(accepted), family);
}

void stream_core::listen(int backlog, error_code& ec) {
    if (check_open(ec)) ec = stream().listen(backlog);
}

connection_info stream_core::info(error_code& ec) const {
    return check_open(ec) ? stream().info(ec) : connection_info();
}

std::size_t stream_core::read(std::span<const iovec> buffers, int flags, error_code& ec) {
    if (!check_open(ec) || buffers.empty()) return 0;
    const bool urgent = (flags & socket_base::message_out_of_band) != 0;
    return attempt(urgent ? wait_kind::error : wait_kind::read, ec,
                   [&] { return stream().try_read(buffers, flags, ec); });
}

std::size_t stream_core::write(std::span<const iovec> buffers, int flags, error_code& ec) {
    if (!check_open(ec) || buffers.empty()) return 0;
    const std::size_t written =
        attempt(wait_kind::write, ec, [&] { return stream().try_write(buffers, flags, ec); });
    flush_if_outside();
    return written;
}

std::unique_ptr<stream_state> stream_core::accept(ip_endpoint& remote, error_code& ec) {
    if (!check_open(ec)) return nullptr;
    return attempt(wait_kind::read, ec, [&] { return stream().try_accept(remote, ec); });
}

// --- asynchronous operations

void stream_core::start(loop& where, accept_operation* o) {
    if (o->target == nullptr) return finish(where, o, error::bad_descriptor);
    static_cast<stream_state*>(o->target)->start_accept(o);
}

void stream_core::start_read(loop& where, transfer_operation* o, int flags) {
    if (o->buffer_count == 0) return finish(where, o, {});  // as Asio: success, even when closed
    if (o->target == nullptr) return finish(where, o, error::bad_descriptor);
    o->flags = flags;
    static_cast<stream_state*>(o->target)->start_read(o);
}

void stream_core::start_write(loop& where, transfer_operation* o, int flags) {
    if (o->buffer_count == 0) return finish(where, o, {});
    if (o->target == nullptr) return finish(where, o, error::bad_descriptor);
    o->flags = flags;
    static_cast<stream_state*>(o->target)->start_write(o);
}

}  // namespace coax::detail
