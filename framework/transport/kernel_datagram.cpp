// Datagrams of kernel sockets: single ones through the ring, several by recvmmsg(2) and sendmmsg(2)
// when a poll says that there is something to do.
#include "framework/transport/kernel_datagram.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/error.hpp>

#include "framework/transport/kernel_calls.hpp"
#include "framework/transport/kernel_transport.hpp"

namespace coax::detail {

namespace error = boost::asio::error;

namespace {

// Messages of one system call, with what describes them on the stack.
constexpr std::size_t messages_per_call = 32;

// Of the program's flags, those that mean something here.
int receive_flags(int given) noexcept { return given & MSG_PEEK; }
int send_flags(int given) noexcept { return (given & (MSG_OOB | MSG_DONTROUTE)) | MSG_NOSIGNAL; }

void address(msghdr& message, const ip_endpoint& remote) noexcept {
    message.msg_name = const_cast<sockaddr*>(remote.data());
    message.msg_namelen = static_cast<socklen_t>(remote.size());
}

}  // namespace

kernel_datagram::kernel_datagram(kernel_transport& home, int descriptor) noexcept
    : kernel_socket(home, descriptor) {
    home.joined(*this);
}

kernel_datagram::~kernel_datagram() {
    if (home_ == nullptr) return;
    release();
    home_->left(*this);
}

void kernel_datagram::orphan() noexcept {
    release();
    home_ = nullptr;
}

error_code kernel_datagram::close() {
    release();
    return {};
}

// What was started goes first, as far as the kernel takes it without waiting.
void kernel_datagram::push_out() noexcept {
    backends::ring& ring = home_->ring();
    while (!sends_.empty()) {
        const operation* const front = &sends_.front();
        if (!ring.settle()) return;
        ring.reap();
        if (!sends_.empty() && &sends_.front() == front) return;
    }
}

void kernel_datagram::release() noexcept {
    if (descriptor_ < 0) return;
    const bool grounded = home_->grounded();
    if (!grounded) push_out();
    const bool flying = receives_.in_flight() || sends_.in_flight() || waiter_.in_flight();
    receives_.abandon(*home_);
    sends_.abandon(*home_);
    waiter_.cancel_all();
    // A flight holds the file: only when the kernel has let go of it is the port free.
    if (grounded || !flying || home_->ring().settle()) ::close(descriptor_);
    else home_->close_in_turn(descriptor_);
    descriptor_ = -1;
}

// --- naming, options

error_code kernel_datagram::bind(const ip_endpoint& local) {
    return bind_to(descriptor_, local, home_->limits().shared_ports);
}

error_code kernel_datagram::shutdown(bool receive, bool send) {
    if (!receive && !send) return {};
    if (send) push_out();
    const error_code ec = outcome(::shutdown(descriptor_, receive && send ? SHUT_RDWR
                                                          : receive       ? SHUT_RD
                                                                          : SHUT_WR));
    // Without a peer it has its effect, and ENOTCONN all the same.
    receive_shut_ = receive_shut_ || receive;
    if (receive && receives_.in_flight()) receives_.cancel(*home_, &receives_.front());
    return ec;
}

// Shut down: a receive that does not wait is told EAGAIN by the kernel, for ever; one that waits,
// that it is empty. Here none waits any more.
void kernel_datagram::drain() noexcept {
    while (!receives_.empty()) {
        auto& o = static_cast<datagram_operation&>(receives_.front());
        receives_.pop();
        error_code ec;
        const std::size_t n = o.several ? receive_many(o.incoming, ec)
                                        : receive_now(buffers_of(o), o.remote, o.flags, ec);
        home_->finish(o, ec, n);
    }
}

ip_endpoint kernel_datagram::local_endpoint(error_code& ec) const {
    return local_of(descriptor_, ec);
}

ip_endpoint kernel_datagram::remote_endpoint(error_code& ec) const {
    return remote_of(descriptor_, ec);
}

std::size_t kernel_datagram::available(error_code& ec) const {
    int bytes = 0;
    ec = outcome(::ioctl(descriptor_, FIONREAD, &bytes));
    return ec ? 0 : static_cast<std::size_t>(bytes);
}

error_code kernel_datagram::set_option(int level, int name, const void* data, std::size_t size) {
    return set_kernel_option(descriptor_, level, name, data, size);
}

error_code kernel_datagram::get_option(int level, int name, void* data, std::size_t* size) const {
    return get_kernel_option(descriptor_, level, name, data, size);
}

// --- starting

bool kernel_datagram::can_start(error_code& ec) const noexcept {
    if (descriptor_ < 0) ec = error::bad_descriptor;
    else if (home_->grounded()) ec = error::operation_aborted;
    return !ec;
}

// Nothing is asked of the peer.
void kernel_datagram::start_connect(connect_operation* o) {
    error_code ec;
    if (can_start(ec))
        ec = outcome(
            ::connect(descriptor_, o->remote.data(), static_cast<socklen_t>(o->remote.size())));
    home_->finish(*o, ec);
}

void kernel_datagram::start_wait(wait_operation* o) {
    error_code ec;
    if (!can_start(ec)) return home_->finish(*o, ec);
    waiter_.start(*o);
}

void kernel_datagram::start_receive(datagram_operation* o) {
    error_code ec;
    if (!can_start(ec)) return home_->finish(*o, ec, 0);
    if (o->several && receives_.empty() && perform_several(*o, ec)) return;
    receives_.push(*o);
    if (receive_shut_ && !receives_.in_flight()) return drain();
    if (!receives_.in_flight()) launch_front(receives_, true);
}

void kernel_datagram::start_send(datagram_operation* o) {
    error_code ec;
    if (!can_start(ec)) return home_->finish(*o, ec, 0);
    if (sends_.empty()) {
        if (o->several) {
            if (perform_several(*o, ec)) return;
        } else if (home_->may_send_at_once()) {
            const std::span<const iovec> buffers = buffers_of(*o);
            const std::size_t n =
                send_now(buffers, o->addressed ? &o->remote : nullptr, o->flags, ec);
            if (ec != error::would_block) return home_->finish(*o, ec, n);
        }
    }
    sends_.push(*o);
    if (!sends_.in_flight()) launch_front(sends_, false);
}

// One flight per direction: the kernel keeps no order between two that have to wait.
void kernel_datagram::launch_front(kernel_transfers& queue, bool receiving) noexcept {
    auto& o = static_cast<datagram_operation&>(queue.front());
    const auto what = o.several   ? flight::purpose::wait_datagrams
                      : receiving ? flight::purpose::receive_datagram
                                  : flight::purpose::send_datagram;
    flight& f = queue.take_off(*home_, what, *this);
    msghdr& message = f.with.message;
    if (receiving) {
        message.msg_name = o.remote.data();
        message.msg_namelen = static_cast<socklen_t>(o.remote.capacity());
    } else if (o.addressed) {
        address(message, o.remote);
    }
    home_->launch(f, [&](io_uring_sqe* e) {
        if (o.several) io_uring_prep_poll_add(e, descriptor_, receiving ? POLLIN : POLLOUT);
        else if (receiving)
            io_uring_prep_recvmsg(e, descriptor_, &message,
                                  static_cast<unsigned>(receive_flags(o.flags)));
        else
            io_uring_prep_sendmsg(e, descriptor_, &message,
                                  static_cast<unsigned>(send_flags(o.flags)));
    });
}

void kernel_datagram::on_landing(flight& f, std::int32_t result, std::uint32_t) noexcept {
    if (f.what == flight::purpose::wait) return waiter_.on_poll(f, result);
    auto& o = *static_cast<datagram_operation*>(f.operation);
    const bool receiving = !receives_.empty() && &receives_.front() == &o;
    kernel_transfers& queue = receiving ? receives_ : sends_;
    error_code ec;
    if (f.what == flight::purpose::wait_datagrams) {
        // The poll is over: nothing, something, or withdrawn.
        if (result > 0) {
            const std::size_t n =
                receiving ? receive_many(o.incoming, ec) : send_many(o.outgoing, ec);
            result = ec ? -ec.value() : static_cast<std::int32_t>(n);
        }
    } else if (result >= 0) {
        ++(receiving ? home_->count().datagrams_received : home_->count().datagrams_sent);
        if (receiving) o.remote.resize(f.with.message.msg_namelen);
    }
    if (receiving && receive_shut_ && result == -ECANCELED) result = 0;
    if (result < 0) ec = kernel_error(-result);
    queue.land(*home_, f, ec, result);
    if (receiving && receive_shut_) drain();
    if (!queue.empty()) launch_front(queue, receiving);
}

// False: has to wait.
bool kernel_datagram::perform_several(datagram_operation& o, error_code& ec) noexcept {
    const std::size_t n =
        o.incoming.empty() ? send_many(o.outgoing, ec) : receive_many(o.incoming, ec);
    if (ec == error::would_block) return false;
    home_->finish(o, ec, n);
    return true;
}

void kernel_datagram::cancel(socket_operation* o) {
    if (receives_.cancel(*home_, o) || sends_.cancel(*home_, o)) return;
    waiter_.cancel(o);
}

void kernel_datagram::cancel_all() {
    receives_.cancel_all(*home_);
    sends_.cancel_all(*home_);
    waiter_.cancel_all();
}

// --- without waiting

std::size_t kernel_datagram::try_receive(std::span<const iovec> buffers, ip_endpoint& remote,
                                         int flags, error_code& ec) {
    ec = {};
    if (!receives_.empty()) {
        ec = error::would_block;  // their turn first
        return 0;
    }
    return receive_now(buffers, remote, flags, ec);
}

std::size_t kernel_datagram::receive_now(std::span<const iovec> buffers, ip_endpoint& remote,
                                         int flags, error_code& ec) noexcept {
    ec = {};
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(buffers.data());
    message.msg_iovlen = buffers.size();
    message.msg_name = remote.data();
    message.msg_namelen = static_cast<socklen_t>(remote.capacity());
    const ssize_t n = ::recvmsg(descriptor_, &message, MSG_DONTWAIT | receive_flags(flags));
    if (n < 0) {
        if (errno != EAGAIN || !receive_shut_) ec = kernel_error(errno);
        return 0;
    }
    ++home_->count().datagrams_received;
    remote.resize(message.msg_namelen);
    return static_cast<std::size_t>(n);
}

std::size_t kernel_datagram::send_now(std::span<const iovec> buffers, const ip_endpoint* remote,
                                      int flags, error_code& ec) noexcept {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(buffers.data());
    message.msg_iovlen = buffers.size();
    if (remote != nullptr) address(message, *remote);
    const ssize_t n = ::sendmsg(descriptor_, &message, MSG_DONTWAIT | send_flags(flags));
    if (n < 0) {
        ec = kernel_error(errno);
        return 0;
    }
    ec = {};
    ++home_->count().datagrams_sent;
    return static_cast<std::size_t>(n);
}

std::size_t kernel_datagram::try_send(std::span<const iovec> buffers, const ip_endpoint* remote,
                                      int flags, error_code& ec) {
    ec = {};
    if (!sends_.empty()) ec = error::would_block;
    return ec ? 0 : send_now(buffers, remote, flags, ec);
}

std::size_t kernel_datagram::try_receive_many(std::span<incoming_datagram> to, error_code& ec) {
    ec = {};
    if (!receives_.empty()) ec = error::would_block;
    return ec ? 0 : receive_many(to, ec);
}

std::size_t kernel_datagram::try_send_many(std::span<const outgoing_datagram> from,
                                           error_code& ec) {
    ec = {};
    if (!sends_.empty()) ec = error::would_block;
    return ec ? 0 : send_many(from, ec);
}

std::size_t kernel_datagram::receive_many(std::span<incoming_datagram> to,
                                          error_code& ec) noexcept {
    ec = {};
    std::array<mmsghdr, messages_per_call> messages;
    std::array<iovec, messages_per_call> rooms;
    std::size_t done = 0;
    while (done != to.size()) {
        const auto part = to.subspan(done, std::min(to.size() - done, messages_per_call));
        for (std::size_t i = 0; i != part.size(); ++i) {
            rooms[i] = {part[i].room.data(), part[i].room.size()};
            messages[i] = {};
            messages[i].msg_hdr.msg_iov = &rooms[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_name = part[i].from.data();
            messages[i].msg_hdr.msg_namelen = static_cast<socklen_t>(part[i].from.capacity());
        }
        const int n = ::recvmmsg(descriptor_, messages.data(), static_cast<unsigned>(part.size()),
                                 MSG_DONTWAIT, nullptr);
        if (n < 0) {
            if (done == 0 && (errno != EAGAIN || !receive_shut_)) ec = kernel_error(errno);
            break;
        }
        for (std::size_t i = 0; i != static_cast<std::size_t>(n); ++i) {
            part[i].size = messages[i].msg_len;
            part[i].truncated = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
            part[i].from.resize(messages[i].msg_hdr.msg_namelen);
        }
        done += static_cast<std::size_t>(n);
        if (static_cast<std::size_t>(n) != part.size()) break;
    }
    home_->count().datagrams_received += done;
    return done;
}

std::size_t kernel_datagram::send_many(std::span<const outgoing_datagram> from,
                                       error_code& ec) noexcept {
    ec = {};
    std::array<mmsghdr, messages_per_call> messages;
    std::array<iovec, messages_per_call> pieces;
    std::size_t done = 0;
    while (done != from.size()) {
        const auto part = from.subspan(done, std::min(from.size() - done, messages_per_call));
        for (std::size_t i = 0; i != part.size(); ++i) {
            pieces[i] = {const_cast<void*>(part[i].data.data()), part[i].data.size()};
            messages[i] = {};
            messages[i].msg_hdr.msg_iov = &pieces[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            if (part[i].to.port() == 0) continue;
            messages[i].msg_hdr.msg_name = const_cast<sockaddr*>(part[i].to.data());
            messages[i].msg_hdr.msg_namelen = static_cast<socklen_t>(part[i].to.size());
        }
        const int n = ::sendmmsg(descriptor_, messages.data(), static_cast<unsigned>(part.size()),
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            if (done == 0) ec = kernel_error(errno);
            break;
        }
        done += static_cast<std::size_t>(n);
        if (static_cast<std::size_t>(n) != part.size()) break;
    }
    home_->count().datagrams_sent += done;
    return done;
}

}  // namespace coax::detail
