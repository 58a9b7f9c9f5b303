// What is ready: poll(2) and epoll(7), level- and edge-triggered.
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "tests/packetdrill/adapter/host.hpp"

namespace coax::packetdrill {

// Room for a third of what is in the buffer, as Linux counts it, and little enough unsent
// (TCP_NOTSENT_LOWAT).
bool host::is_writable(const open_socket& s) const {
    const auto info = stack_->tcp_info(s.id);
    if (!info) return true;
    if (stack_->tcp_send_space(s.id) < info->send_buffered / 2) return false;
    const std::uint32_t low = unsent_low_water(s);
    if (low == 0) return stack_->tcp_send_space(s.id) != 0;
    return info->unsent < low && stack_->tcp_send_space(s.id) != 0;
}

std::uint32_t host::readiness(open_socket& s) {
    if (s.listening) return s.acceptable ? EPOLLIN | EPOLLRDNORM : 0U;
    const auto info = stack_->tcp_info(s.id);
    const stack::tcp::state state = info ? info->current : stack::tcp::state::closed;
    std::uint32_t ready = 0;
    const stack::mutable_bytes nothing[1] = {};
    const bool at_end = stack_->tcp_available(s.id) == 0 &&
                        stack_->tcp_peek(s.id, nothing).code() == stack::error::end_of_stream;
    const bool closed = s.failed || (state == stack::tcp::state::closed && !s.connecting);
    if (s.failed && !s.error_taken) ready |= EPOLLERR;
    if (closed || (s.shut_send && at_end)) ready |= EPOLLHUP;
    if (stack_->tcp_available(s.id) != 0 || at_end || s.failed) ready |= EPOLLIN | EPOLLRDNORM;
    if (at_end) ready |= EPOLLRDHUP;
    if (s.failed || (s.connected && (s.shut_send || is_writable(s))))
        ready |= EPOLLOUT | EPOLLWRNORM;
    return ready;
}

int host::poll(pollfd* fds, nfds_t count, int timeout) {
    lock held(time_.mutex);
    const auto look = [this, fds, count] {
        int ready = 0;
        for (nfds_t i = 0; i < count; ++i) {
            pollfd& p = fds[i];
            p.revents = 0;
            if (p.fd < 0) continue;
            open_socket* s = find(p.fd);
            const std::uint32_t asked = static_cast<std::uint16_t>(p.events) | EPOLLERR | EPOLLHUP;
            p.revents = s == nullptr ? static_cast<short>(POLLNVAL)
                                     : static_cast<short>(readiness(*s) & asked);
            if (p.revents != 0) ++ready;
        }
        return ready;
    };
    if (timeout != 0) time_.wait(held, [&] { return look() != 0; }, deadline_after(timeout));
    return look();
}

int host::epoll_create() {
    lock held(time_.mutex);
    const int fd = new_fd();
    if (fd >= 0) epolls_[fd];
    return fd;
}

int host::epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
    lock held(time_.mutex);
    const auto at = epolls_.find(epoll);
    if (at == epolls_.end() || find(fd) == nullptr) return fails(EBADF);
    auto& list = at->second.list;
    const bool known = list.contains(fd);
    switch (operation) {
        case EPOLL_CTL_ADD:
            if (known) return fails(EEXIST);
            break;
        case EPOLL_CTL_MOD:
            if (!known) return fails(ENOENT);
            break;
        case EPOLL_CTL_DEL: return list.erase(fd) != 0 ? 0 : fails(ENOENT);
        default: return fails(EINVAL);
    }
    // What is ready already is told once, also edge-triggered.
    list[fd] = {event->events, event->data, 0, false};
    ++find(fd)->edges;
    return 0;
}

int host::collect(open_epoll& e, epoll_event* events, int most) {
    int count = 0;
    for (auto& [fd, w] : e.list) {
        open_socket* s = find(fd);
        if (s == nullptr || w.disarmed || count == most) continue;
        const std::uint32_t ready = readiness(*s) & (w.events | EPOLLERR | EPOLLHUP);
        if (ready == 0) continue;
        if ((w.events & EPOLLET) != 0 && w.edges_told == s->edges) continue;
        if (events == nullptr) return 1;
        w.edges_told = s->edges;
        w.disarmed = (w.events & EPOLLONESHOT) != 0;
        events[count].events = ready;
        events[count].data = w.data;
        ++count;
    }
    return count;
}

int host::epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
    lock held(time_.mutex);
    if (!epolls_.contains(epoll)) return fails(EBADF);
    if (most <= 0) return fails(EINVAL);
    if (timeout != 0)
        time_.wait(
            held,
            [this, epoll] {
                const auto at = epolls_.find(epoll);
                return at == epolls_.end() || collect(at->second, nullptr, 1) != 0;
            },
            deadline_after(timeout));
    const auto at = epolls_.find(epoll);
    return at == epolls_.end() ? fails(EBADF) : collect(at->second, events, most);
}

}  // namespace coax::packetdrill
