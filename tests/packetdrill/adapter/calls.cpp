// The socket calls that open, move bytes and close.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/packetdrill/adapter/host.hpp"

namespace coax::packetdrill {

namespace {

using stack::error;

int number_of(error e) {
    switch (e) {
        case error::none: return 0;
        case error::would_block: return EAGAIN;
        case error::end_of_stream: return 0;
        case error::not_connected: return ENOTCONN;
        case error::already_connected: return EISCONN;
        case error::connection_refused: return ECONNREFUSED;
        case error::connection_reset: return ECONNRESET;
        case error::connection_aborted: return ECONNABORTED;
        case error::broken_pipe: return EPIPE;
        case error::timed_out: return ETIMEDOUT;
        case error::host_unreachable: return EHOSTUNREACH;
        case error::network_unreachable: return ENETUNREACH;
        case error::address_in_use: return EADDRINUSE;
        case error::address_not_available: return EADDRNOTAVAIL;
        case error::address_family_not_supported: return EAFNOSUPPORT;
        case error::invalid_argument: return EINVAL;
        case error::bad_handle: return EBADF;
        case error::no_buffer_space: return ENOBUFS;
        case error::message_too_long: return EMSGSIZE;
        case error::operation_not_supported: return EOPNOTSUPP;
        case error::access_denied: return EACCES;
    }
    return EIO;
}

bool read_address(const sockaddr* from, socklen_t length, stack::endpoint& to) {
    if (from->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
        sockaddr_in in;
        std::memcpy(&in, from, sizeof in);
        to = {stack::ip_address::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
        return true;
    }
    if (from->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
        sockaddr_in6 in;
        std::memcpy(&in, from, sizeof in);
        std::array<std::uint8_t, 16> octets;
        std::memcpy(octets.data(), &in.sin6_addr, octets.size());
        to = {stack::ip_address::v6(octets), ntohs(in.sin6_port)};
        return true;
    }
    return false;
}

void write_address(const stack::endpoint& from, int domain, sockaddr* to, socklen_t* length) {
    if (to == nullptr || length == nullptr) return;
    if (domain == AF_INET) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(from.port);
        in.sin_addr.s_addr = htonl(from.address.to_v4());
        std::memcpy(to, &in, std::min<std::size_t>(*length, sizeof in));
        *length = sizeof in;
        return;
    }
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(from.port);
    std::memcpy(&in.sin6_addr, from.address.octets().data(), sizeof in.sin6_addr);
    std::memcpy(to, &in, std::min<std::size_t>(*length, sizeof in));
    *length = sizeof in;
}

bool has_null(std::span<const stack::const_bytes> pieces) {
    return std::any_of(pieces.begin(), pieces.end(), [](const stack::const_bytes& piece) {
        return piece.data() == nullptr && !piece.empty();
    });
}

}  // namespace

// With TCP_NOTSENT_LOWAT a write on Linux goes on while the last burst it has begun is not full: up
// to half the peer's window of whole segments, at most 64 KiB.
std::vector<stack::const_bytes> host::what_may_be_written(
    const open_socket& s, const std::vector<stack::const_bytes>& all) const {
    const auto info = stack_->tcp_info(s.id);
    if (unsent_low_water(s) == 0 || !info) return all;
    const std::uint32_t mss = std::max(info->send_mss, 1U);
    const std::uint32_t burst = std::min(info->send_window / 2, 65535U) / mss * mss;
    std::size_t room = burst > info->unsent ? burst - info->unsent : 0;
    std::vector<stack::const_bytes> some;
    for (const stack::const_bytes& piece : all) {
        some.push_back(piece.first(std::min(piece.size(), room)));
        room -= some.back().size();
    }
    return some;
}

// -1 and errno. An error of the connection is told once, as SO_ERROR is (POSIX), then as the
// connection's end: nothing to read, a broken pipe.
int host::failure(open_socket& s, error e) {
    if (s.failed && e != error::would_block) s.error_taken = true;
    return fails(number_of(e));
}

int host::socket(int domain, int type, int) {
    lock held(time_.mutex);
    if (domain != AF_INET && domain != AF_INET6) return fails(EAFNOSUPPORT);
    if ((type & 0xf) != SOCK_STREAM) return fails(EPROTONOSUPPORT);
    start();
    const auto opened = stack_->tcp_open(nullptr);
    if (!opened) return fails(number_of(opened.code()));
    const int fd = new_fd();
    if (fd < 0) return -1;
    open_socket& s = sockets_[fd];
    s.id = *opened;
    s.domain = domain;
    s.flags = type & SOCK_NONBLOCK;
    s.send_buffer = settings_.send_buffer;
    s.receive_buffer = settings_.config.tcp.receive_buffer_bytes;
    return fd;
}

int host::bind(int fd, const sockaddr* address, socklen_t length) {
    lock held(time_.mutex);
    open_socket* s = find(fd);
    if (s == nullptr) return fails(EBADF);
    stack::endpoint local;
    if (!read_address(address, length, local)) return fails(EINVAL);
    // The only way to learn an address of this host that the script chose itself.
    if (!local.address.is_unspecified())
        (void)stack_->add_address({{local.address, settings_.local.length}});
    const auto done = stack_->tcp_bind(s->id, local, s->reuse_address);
    time_.turn();
    return done ? 0 : failure(*s, done.code());
}

int host::listen(int fd, int backlog) {
    lock held(time_.mutex);
    open_socket* s = find(fd);
    if (s == nullptr) return fails(EBADF);
    // Linux lets one more wait than it was told.
    const auto done = stack_->tcp_listen(s->id, static_cast<std::uint32_t>(backlog) + 1);
    s->listening = done.has_value();
    return done ? 0 : failure(*s, done.code());
}

int host::accept(int fd, sockaddr* address, socklen_t* length) {
    lock held(time_.mutex);
    while (true) {
        open_socket* s = find(fd);
        if (s == nullptr) return fails(EBADF);
        const auto accepted = stack_->tcp_accept(s->id);
        if (accepted) {
            const int made = new_fd();
            if (made < 0) return -1;
            open_socket& next = sockets_[made];
            next.id = accepted->socket;
            next.domain = s->domain;
            next.connected = true;
            next.edges = 1;
            next.send_buffer = s->send_buffer;
            next.receive_buffer = s->receive_buffer;
            next.unsent_low_water = s->unsent_low_water;
            next.options = s->options;
            next.readable_seen = stack_->tcp_available(next.id);
            write_address(accepted->ends.remote, s->domain, address, length);
            return made;
        }
        s->acceptable = false;
        if (accepted.code() != error::would_block || (s->flags & O_NONBLOCK) != 0)
            return failure(*s, accepted.code());
        if (!time_.wait(
                held, [this, fd] { return find(fd) == nullptr || find(fd)->acceptable; },
                stack::never))
            return fails(EAGAIN);
    }
}

int host::connect(int fd, const sockaddr* address, socklen_t length) {
    lock held(time_.mutex);
    open_socket* s = find(fd);
    if (s == nullptr) return fails(EBADF);
    stack::endpoint remote;
    if (!read_address(address, length, remote)) return fails(EINVAL);
    if (s->connecting && !s->connected && !s->failed && (s->flags & O_NONBLOCK) != 0)
        return fails(EALREADY);
    if (s->connecting) return finish_connect(held, *s);
    const auto begun = stack_->tcp_connect(s->id, remote, time_.now());
    if (!begun) return failure(*s, begun.code());
    s->connecting = true;
    time_.turn();
    if ((s->flags & O_NONBLOCK) != 0 && !s->connected && !s->failed) return fails(EINPROGRESS);
    if (!time_.wait(
            held,
            [this, fd] {
                const open_socket* now = find(fd);
                return now == nullptr || now->connected || now->failed;
            },
            stack::never))
        return fails(ETIMEDOUT);
    s = find(fd);
    return s == nullptr ? fails(EBADF) : finish_connect(held, *s);
}

int host::finish_connect(lock&, open_socket& s) {
    if (s.failed) return failure(s, stack_->tcp_error(s.id));
    if (s.connecting) {
        s.connecting = false;
        return 0;
    }
    return fails(EISCONN);
}

ssize_t host::receive(int fd, std::span<const stack::mutable_bytes> pieces, int flags,
                      sockaddr* address, socklen_t* length) {
    lock held(time_.mutex);
    while (true) {
        open_socket* s = find(fd);
        if (s == nullptr) return fails(EBADF);
        for (const auto& piece : pieces)
            if (piece.data() == nullptr && !piece.empty()) return fails(EFAULT);
        const auto taken = (flags & MSG_PEEK) != 0
                               ? stack_->tcp_peek(s->id, pieces)
                               : stack_->tcp_receive(s->id, pieces, time_.now());
        if (taken) {
            s->readable_seen = stack_->tcp_available(s->id);
            time_.turn();
            if (address != nullptr && length != nullptr) *length = 0;  // as for a stream
            return static_cast<ssize_t>(*taken);
        }
        if (taken.code() == error::end_of_stream || (s->failed && s->error_taken)) return 0;
        if (taken.code() != error::would_block || ((s->flags & O_NONBLOCK) != 0) ||
            (flags & MSG_DONTWAIT) != 0)
            return failure(*s, taken.code());
        if (!time_.wait(
                held,
                [this, fd] {
                    open_socket* now = find(fd);
                    return now == nullptr || (readiness(*now) & (EPOLLIN | EPOLLHUP)) != 0;
                },
                stack::never))
            return fails(EAGAIN);
    }
}

ssize_t host::send(int fd, std::span<const stack::const_bytes> pieces, int flags) {
    lock held(time_.mutex);
    const auto is_empty = [](const stack::const_bytes& piece) { return piece.empty(); };
    std::vector<stack::const_bytes> left(pieces.begin(), pieces.end());
    std::erase_if(left, is_empty);  // nothing but empty ones: 0, without waiting for room
    std::size_t sent = 0;
    while (true) {
        open_socket* s = find(fd);
        if (s == nullptr) return fails(EBADF);
        if (has_null(left)) return fails(EFAULT);
        const auto taken = stack_->tcp_send(s->id, what_may_be_written(*s, left), time_.now(),
                                            {.more = (flags & MSG_MORE) != 0,
                                             .urgent = (flags & MSG_OOB) != 0,
                                             .end_of_record = (flags & MSG_EOR) != 0});
        if (taken && (*taken != 0 || left.empty())) {
            sent += *taken;
            for (std::size_t n = *taken; n != 0;) {
                const std::size_t cut = std::min(n, left.front().size());
                left.front() = left.front().subspan(cut);
                n -= cut;
                if (left.front().empty()) left.erase(left.begin());
            }
            std::erase_if(left, is_empty);
            time_.turn();
            if (left.empty()) return static_cast<ssize_t>(sent);
            continue;
        }
        if (!taken && taken.code() != error::would_block) {
            if (sent != 0) return static_cast<ssize_t>(sent);
            return failure(*s, s->failed && s->error_taken ? error::broken_pipe : taken.code());
        }
        s->wanted_space = true;
        if ((s->flags & O_NONBLOCK) != 0 || (flags & MSG_DONTWAIT) != 0)
            return sent != 0 ? static_cast<ssize_t>(sent) : fails(EAGAIN);
        if (!time_.wait(
                held,
                [this, fd] {
                    open_socket* now = find(fd);
                    return now == nullptr || now->failed || is_writable(*now);
                },
                stack::never))
            return sent != 0 ? static_cast<ssize_t>(sent) : fails(EAGAIN);
    }
}

int host::fcntl(int fd, int command, long argument) {
    lock held(time_.mutex);
    open_socket* s = find(fd);
    if (s == nullptr) return fails(EBADF);
    switch (command) {
        case F_GETFL: return O_RDWR | s->flags;
        case F_SETFL: s->flags = static_cast<int>(argument) & O_NONBLOCK; return 0;
        case F_GETFD:
        case F_SETFD: return 0;
        default: return fails(EINVAL);
    }
}

int host::ioctl(int fd, unsigned long request, void* argument) {
    lock held(time_.mutex);
    open_socket* s = find(fd);
    if (s == nullptr) return fails(EBADF);
    const auto info = stack_->tcp_info(s->id);
    if (!info) return failure(*s, info.code());
    std::uint32_t answer = 0;
    switch (request) {
        case SIOCINQ: answer = info->receive_buffered; break;
        case SIOCOUTQ: answer = info->send_buffered; break;
        default: return fails(ENOTTY);
    }
    const int value = static_cast<int>(answer);
    std::memcpy(argument, &value, sizeof value);
    return 0;
}

int host::close(int fd) {
    lock held(time_.mutex);
    for (auto& [epoll, e] : epolls_) e.list.erase(fd);
    if (epolls_.erase(fd) != 0) return ::close(fd);
    open_socket* s = find(fd);
    if (s == nullptr) return fails(EBADF);
    stack_->tcp_close(s->id, time_.now());
    sockets_.erase(fd);
    time_.turn();
    return ::close(fd);
}

int host::shutdown(int fd, int how) {
    lock held(time_.mutex);
    open_socket* s = find(fd);
    if (s == nullptr) return fails(EBADF);
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return fails(EINVAL);
    const auto side = how == SHUT_RD   ? stack::tcp::shutdown_side::receive
                      : how == SHUT_WR ? stack::tcp::shutdown_side::send
                                       : stack::tcp::shutdown_side::both;
    const auto done = stack_->tcp_shutdown(s->id, side, time_.now());
    s->shut_receive |= how != SHUT_WR;
    s->shut_send |= how != SHUT_RD;
    time_.turn();
    return done ? 0 : failure(*s, done.code());
}

}  // namespace coax::packetdrill
