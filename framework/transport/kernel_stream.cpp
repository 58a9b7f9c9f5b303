// A kernel socket's calls: what completes at once goes to the kernel directly, what may wait goes
// to the parts that use the ring.
#include "framework/transport/kernel_stream.hpp"

#include <cerrno>
#include <cstring>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/error.hpp>

#include "framework/transport/kernel_calls.hpp"
#include "framework/transport/kernel_info.hpp"
#include "framework/transport/kernel_transport.hpp"

namespace coax::detail {

kernel_stream::kernel_stream(kernel_transport& home, int descriptor) noexcept
    : kernel_socket(home, descriptor) {
    home.joined(*this);
}

kernel_stream::~kernel_stream() {
    if (home_ == nullptr) return;
    release(false);
    home_->left(*this);
}

error_code kernel_stream::bind(const tcp_endpoint& local) {
    return bind_to(descriptor_, local, home_->limits().shared_ports);
}

error_code kernel_stream::listen(int backlog) {
    const error_code ec = outcome(::listen(descriptor_, backlog));
    if (!ec && !listener_) listener_ = std::make_unique<kernel_listener>(*this, backlog);
    return ec;
}

error_code kernel_stream::shutdown(bool receive, bool send) {
    if (!receive && !send) return {};
    const int how = receive && send ? SHUT_RDWR : receive ? SHUT_RD : SHUT_WR;
    if (send && !sender_.push_out()) {
        home_->ring().submit(nullptr,
                             [&](io_uring_sqe* e) { io_uring_prep_shutdown(e, descriptor_, how); });
        return {};
    }
    return outcome(::shutdown(descriptor_, how));
}

error_code kernel_stream::close() {
    if (descriptor_ < 0) return {};
    release(true);
    return {};
}

bool kernel_stream::in_flight() const noexcept {
    return receiver_.in_flight() || sender_.in_flight() || waiter_.in_flight() ||
           connecting_ != nullptr || (listener_ && listener_->in_flight());
}

// Ends everything pending; what is in the air lands without owner.
void kernel_stream::abandon() noexcept {
    receiver_.abandon();
    sender_.abandon();
    waiter_.cancel_all();
    if (connecting_ != nullptr) {
        home_->cancel(*connecting_);
        connecting_->owner = nullptr;
        connecting_ = nullptr;
    }
    if (listener_) listener_->abandon();
    listener_.reset();
}

void kernel_stream::release(bool linger_allowed) noexcept {
    if (descriptor_ < 0) return;
    if (home_->grounded()) return close_grounded();
    sender_.push_out();
    if (receiver_.in_flight()) home_->ring().reap();  // parks what is on its way
    const bool unread = receiver_.parked_bytes() != 0;
    const bool flying = in_flight();
    abandon();
    linger option{};
    socklen_t size = sizeof option;
    if (unread) {
        // RFC 9293 3.6.1 (SHLD-3): closed with unread bytes, so the peer is told by a reset that
        // they are lost. The kernel does it for those in its own buffer; these are in ours.
        ++home_->count().closed_unread;
        option = {1, 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &option, size);
    } else if (!linger_allowed &&
               ::getsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &option, &size) == 0 &&
               option.l_onoff != 0 && option.l_linger > 0) {
        option = {0, 0};  // a destructor does not block
        ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &option, size);
    }
    // A flight holds the file: only when the kernel has let go of it does closing the descriptor
    // send the FIN, or free the listening port.
    if (!flying || home_->ring().settle()) ::close(descriptor_);
    else home_->close_in_turn(descriptor_);
    descriptor_ = -1;
}

// The ring is gone, and with it all flights.
void kernel_stream::close_grounded() noexcept {
    abandon();
    ::close(descriptor_);
    descriptor_ = -1;
}

void kernel_stream::orphan() noexcept {
    release(false);
    home_ = nullptr;
}

bool kernel_stream::can_start(error_code& ec) const noexcept {
    if (descriptor_ < 0) ec = boost::asio::error::bad_descriptor;
    else if (home_->grounded()) ec = boost::asio::error::operation_aborted;
    return !ec;
}

void kernel_stream::start_connect(connect_operation* o) {
    error_code ec;
    if (!can_start(ec)) return home_->finish(*o, ec);
    if (connecting_ != nullptr) return home_->finish(*o, boost::asio::error::already_started);
    launch_connect(*o);
}

void kernel_stream::launch_connect(connect_operation& o) noexcept {
    flight& f = home_->take_flight(flight::purpose::connect, this, &o);
    connecting_ = &f;
    static_assert(sizeof f.with.address >= sizeof(sockaddr_in));
    const auto size = static_cast<socklen_t>(std::min(o.remote.size(), sizeof f.with.address));
    std::memcpy(&f.with.address, o.remote.data(), size);
    home_->launch(f, [&](io_uring_sqe* e) {
        auto* address = reinterpret_cast<sockaddr*>(&f.with.address);
        io_uring_prep_connect(e, descriptor_, address, size);
    });
}

void kernel_stream::on_connected(flight& f, std::int32_t result) noexcept {
    connecting_ = nullptr;
    auto& o = *static_cast<connect_operation*>(f.operation);
    f.operation = nullptr;
    if (result == -EINTR || (result == -ECANCELED && !f.cancelled)) return launch_connect(o);
    if (result >= 0) {
        ++home_->count().connected;
        return home_->finish(o, {});
    }
    ++home_->count().connect_failed;
    if (f.cancelled) {
        // Gives up the SYN, so that the socket is unconnected again (connect(2), AF_UNSPEC).
        const sockaddr nothing{AF_UNSPEC, {}};
        ::connect(descriptor_, &nothing, sizeof nothing);
    }
    home_->finish(o, kernel_error(-result));
}

void kernel_stream::start_accept(accept_operation* o) {
    error_code ec;
    if (!can_start(ec)) return home_->finish(*o, ec);
    if (!listener_) return home_->finish(*o, boost::asio::error::invalid_argument);
    listener_->start(*o);
}

void kernel_stream::start_read(transfer_operation* o) {
    error_code ec;
    if (!can_start(ec)) return home_->finish(*o, ec, 0);
    if ((o->flags & MSG_OOB) != 0) return waiter_.start_urgent(*o);
    receiver_.start(*o);
}

void kernel_stream::start_write(transfer_operation* o) {
    error_code ec;
    if (!can_start(ec)) return home_->finish(*o, ec, 0);
    sender_.start(*o);
}

void kernel_stream::start_wait(wait_operation* o) {
    error_code ec;
    if (!can_start(ec)) return home_->finish(*o, ec);
    waiter_.start(*o);
}

void kernel_stream::cancel(socket_operation* o) {
    if (connecting_ != nullptr && connecting_->operation == o) return home_->cancel(*connecting_);
    if (receiver_.cancel(o) || sender_.cancel(o) || waiter_.cancel(o)) return;
    if (listener_) listener_->cancel(o);
}

void kernel_stream::cancel_all() {
    if (connecting_ != nullptr) home_->cancel(*connecting_);
    receiver_.cancel_all();
    sender_.cancel_all();
    waiter_.cancel_all();
    if (listener_) listener_->cancel_all();
}

bool kernel_stream::readable() const noexcept {
    return listener_ ? listener_->ready() : receiver_.ready();
}

void kernel_stream::on_landing(flight& f, std::int32_t result, std::uint32_t flags) noexcept {
    switch (f.what) {
        case flight::purpose::receive: return receiver_.on_multishot(f, result, flags);
        case flight::purpose::receive_into: return receiver_.on_direct(f, result);
        case flight::purpose::send: return sender_.on_sent(f, result);
        case flight::purpose::connect: return on_connected(f, result);
        case flight::purpose::accept: return listener_->on_accept(f, result, flags);
        case flight::purpose::pause: return listener_->on_pause_over();
        case flight::purpose::wait:
        case flight::purpose::wait_urgent: return waiter_.on_poll(f, result);
        case flight::purpose::receive_datagram:
        case flight::purpose::send_datagram:
        case flight::purpose::wait_datagrams:
        case flight::purpose::close: return;
    }
}

early_end kernel_stream::read_at_once(std::span<const iovec> buffers, std::size_t& transferred,
                                      error_code& ec) noexcept {
    if (!can_start(ec)) return early_end::not_tried;
    return receiver_.at_once(buffers, transferred, ec);
}

early_end kernel_stream::write_at_once(std::span<const iovec> buffers, std::size_t& transferred,
                                       error_code& ec) noexcept {
    if (!can_start(ec)) return early_end::not_tried;
    return sender_.at_once(buffers, transferred, ec);
}

std::size_t kernel_stream::try_read(std::span<const iovec> buffers, int flags, error_code& ec) {
    if ((flags & MSG_OOB) != 0) return receiver_.read_urgent(buffers, flags, ec);
    return receiver_.try_read(buffers, (flags & MSG_PEEK) != 0, ec);
}

std::size_t kernel_stream::try_write(std::span<const iovec> buffers, int flags, error_code& ec) {
    return sender_.try_write(buffers, flags, ec);
}

// What is parked stands before the kernel's place in the stream.
bool kernel_stream::at_mark(error_code& ec) {
    mind_urgent();
    int at = 0;
    ec = outcome(::ioctl(descriptor_, SIOCATMARK, &at));
    return !ec && at != 0 && receiver_.parked_bytes() == 0;
}

std::unique_ptr<stream_state> kernel_stream::try_accept(tcp_endpoint& remote, error_code& ec) {
    if (listener_) return listener_->try_accept(remote, ec);
    ec =
        descriptor_ < 0 ? boost::asio::error::bad_descriptor : boost::asio::error::invalid_argument;
    return nullptr;
}

std::size_t kernel_stream::available(error_code& ec) const {
    int in_kernel = 0;
    ec = outcome(::ioctl(descriptor_, FIONREAD, &in_kernel));
    if (ec) return 0;
    return receiver_.parked_bytes() + static_cast<std::size_t>(in_kernel);
}

connection_info kernel_stream::info(error_code& ec) const {
    connection_info i;
    ec = kernel_error(read_kernel_info(descriptor_, i));
    i.receive_buffered = receiver_.parked_bytes();
    int in_kernel = 0;
    if (!ec && ::ioctl(descriptor_, FIONREAD, &in_kernel) == 0)
        i.receive_buffered += static_cast<std::uint64_t>(in_kernel);
    return i;
}

tcp_endpoint kernel_stream::local_endpoint(error_code& ec) const {
    return local_of(descriptor_, ec);
}

tcp_endpoint kernel_stream::remote_endpoint(error_code& ec) const {
    return remote_of(descriptor_, ec);
}

error_code kernel_stream::set_option(int level, int name, const void* data, std::size_t size) {
    if (level == SOL_SOCKET && name == SO_OOBINLINE) mind_urgent();
    return set_kernel_option(descriptor_, level, name, data, size);
}

error_code kernel_stream::get_option(int level, int name, void* data, std::size_t* size) const {
    return get_kernel_option(descriptor_, level, name, data, size);
}

}  // namespace coax::detail
