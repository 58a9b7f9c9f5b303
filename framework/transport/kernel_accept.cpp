// Accepting connections from one listening kernel socket through the ring.
#include "framework/transport/kernel_accept.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/error.hpp>

#include "framework/transport/kernel_stream.hpp"
#include "framework/transport/kernel_transport.hpp"

namespace coax::detail {

namespace {

constexpr int accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

// The connection was gone, or its network failed, before it was taken: not the listener's fault
// (accept(2), "Error handling").
bool concerns_one_connection(int number) noexcept {
    switch (number) {
        case ECONNABORTED:
        case EPROTO:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EPERM:  // a firewall rule
            return true;
        default: return false;
    }
}

bool passes_with_time(int number) noexcept {
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

}  // namespace

kernel_listener::kernel_listener(kernel_stream& stream, int backlog) noexcept
    : stream_(stream),
      limit_(std::clamp<std::size_t>(static_cast<std::size_t>(std::max(backlog, 1)), 1,
                                     stream.home().limits().parked_accepts)) {}

kernel_listener::~kernel_listener() {
    for (const int descriptor : parked_) ::close(descriptor);
}

void kernel_listener::start(accept_operation& o) {
    accepts_.push(&o);
    if (!parked_.empty()) {
        const int descriptor = parked_.front();
        parked_.pop_front();
        return take(descriptor);
    }
    if (!in_flight()) arm();
}

void kernel_listener::arm() noexcept {
    kernel_transport& home = stream_.home();
    armed_ = &home.take_flight(flight::purpose::accept, &stream_);
    home.launch(*armed_, [&](io_uring_sqe* e) {
        const int listening = stream_.descriptor();
        if (home.limits().multishot_accept)
            io_uring_prep_multishot_accept(e, listening, nullptr, nullptr, accept_flags);
        else io_uring_prep_accept(e, listening, nullptr, nullptr, accept_flags);
    });
}

void kernel_listener::on_accept(flight& f, std::int32_t result, std::uint32_t flags) noexcept {
    const bool last = (flags & IORING_CQE_F_MORE) == 0;
    if (last) armed_ = nullptr;
    if (result >= 0) {
        ++stream_.home().count().accepted;
        take(result);
    } else {
        on_refusal(f.cancelled, -result);
    }
    if (last && !accepts_.empty() && !in_flight()) arm();
}

// To the first who waits, or parked.
void kernel_listener::take(int descriptor) noexcept {
    if (operation* o = accepts_.pop())
        return hand_over(*static_cast<accept_operation*>(o), descriptor);
    parked_.push_back(descriptor);
    // What the kernel's own loop takes before it sees this is bounded by the backlog.
    if (parked_.size() >= limit_ && armed_ != nullptr) stream_.home().cancel(*armed_);
    stream_.on_readable();
}

void kernel_listener::hand_over(accept_operation& o, int descriptor) {
    auto accepted = std::make_unique<kernel_stream>(stream_.home(), descriptor);
    error_code unknown;  // the peer is gone already: the address stays unspecified
    o.remote = accepted->remote_endpoint(unknown);
    o.accepted = std::move(accepted);
    stream_.home().finish(o, {});
}

void kernel_listener::on_refusal(bool cancelled, int number) noexcept {
    kernel_transport& home = stream_.home();
    if (number == ECANCELED || number == EINTR || number == EAGAIN) return;  // asked again
    if (concerns_one_connection(number)) {
        ++home.count().accept_aborted;
        return;
    }
    if (passes_with_time(number)) return pause();
    if (number == EINVAL && home.limits().multishot_accept && !cancelled &&
        home.count().accepted == 0)
        return home.forget_multishot_accept();
    if (operation* o = accepts_.pop())
        home.finish(*static_cast<accept_operation*>(o), kernel_error(number));
}

// The listener stays alive: connections wait in the backlog until descriptors are free again.
void kernel_listener::pause() noexcept {
    kernel_transport& home = stream_.home();
    ++home.count().accept_paused;
    if (pause_ != nullptr) return;
    pause_ = &home.take_flight(flight::purpose::pause, &stream_);
    const auto length = std::chrono::nanoseconds(home.limits().accept_pause);
    pause_->with.limit.tv_sec = 0;
    pause_->with.limit.tv_nsec = length.count();
    home.launch(*pause_,
                [&](io_uring_sqe* e) { io_uring_prep_timeout(e, &pause_->with.limit, 0, 0); });
}

void kernel_listener::on_pause_over() noexcept {
    pause_ = nullptr;
    if (!accepts_.empty() && armed_ == nullptr) arm();
}

std::unique_ptr<stream_state> kernel_listener::try_accept(tcp_endpoint& remote, error_code& ec) {
    kernel_transport& home = stream_.home();
    ec.clear();
    // What came is on its way through the ring.
    if (accepts_.empty() && parked_.empty() && armed_ != nullptr) home.ring().reap();
    if (!accepts_.empty()) {
        ec = boost::asio::error::would_block;  // their turn first
        return nullptr;
    }
    int descriptor = -1;
    if (!parked_.empty()) {
        descriptor = parked_.front();
        parked_.pop_front();
    } else {
        do descriptor = ::accept4(stream_.descriptor(), nullptr, nullptr, accept_flags);
        while (descriptor < 0 && (errno == EINTR || concerns_one_connection(errno)));
        if (descriptor < 0) {
            ec = kernel_error(errno);
            return nullptr;
        }
        ++home.count().accepted;
    }
    auto accepted = std::make_unique<kernel_stream>(home, descriptor);
    error_code unknown;
    remote = accepted->remote_endpoint(unknown);
    return accepted;
}

bool kernel_listener::cancel(const socket_operation* o) noexcept {
    if (o == nullptr || !accepts_.remove(const_cast<socket_operation*>(o))) return false;
    stream_.home().finish(*const_cast<socket_operation*>(o), boost::asio::error::operation_aborted);
    return true;
}

void kernel_listener::cancel_all() noexcept {
    while (operation* o = accepts_.pop())
        stream_.home().finish(*static_cast<accept_operation*>(o),
                              boost::asio::error::operation_aborted);
}

void kernel_listener::abandon() noexcept {
    cancel_all();
    for (flight** const f : {&armed_, &pause_}) {
        if (*f == nullptr) continue;
        stream_.home().cancel(**f);
        (*f)->owner = nullptr;
        *f = nullptr;
    }
    for (const int descriptor : parked_) ::close(descriptor);
    parked_.clear();
}

}  // namespace coax::detail
