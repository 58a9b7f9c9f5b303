// Polls of one kernel socket through the ring.
#include "framework/transport/kernel_wait.hpp"

#include <cerrno>

#include <poll.h>

#include <boost/asio/error.hpp>

#include "framework/transport/kernel_stream.hpp"
#include "framework/transport/kernel_transport.hpp"

namespace coax::detail {

namespace {

unsigned events_of(wait_kind kind) noexcept {
    switch (kind) {
        case wait_kind::read: return POLLIN | POLLRDHUP;
        case wait_kind::write: return POLLOUT;
        case wait_kind::error: break;
    }
    return POLLPRI | POLLERR | POLLHUP;
}

wait_operation& operation_of(const flight& f) noexcept {
    return *static_cast<wait_operation*>(f.operation);
}

}  // namespace

void kernel_waiter::start(wait_operation& o) {
    if (o.kind == wait_kind::read && stream_.readable()) return stream_.home().finish(o, {});
    poll(o);
}

void kernel_waiter::poll(wait_operation& o) noexcept {
    kernel_transport& home = stream_.home();
    flight& f = home.take_flight(flight::purpose::wait, &stream_, &o);
    f.next = first_;
    first_ = &f;
    home.launch(f, [&](io_uring_sqe* e) {
        io_uring_prep_poll_add(e, stream_.descriptor(), events_of(o.kind));
    });
}

void kernel_waiter::detach(flight& f) noexcept {
    flight** at = &first_;
    while (*at != &f) at = &(*at)->next;
    *at = f.next;
    f.next = nullptr;
    f.owner = nullptr;
    f.operation = nullptr;
}

void kernel_waiter::on_poll(flight& f, std::int32_t result) noexcept {
    wait_operation& o = operation_of(f);
    detach(f);
    if (result == -ECANCELED) return poll(o);  // the thread that submitted it has ended
    // An error of the socket is for the transfer that follows; the wait itself succeeded.
    stream_.home().finish(o, result < 0 ? kernel_error(-result) : error_code{});
}

void kernel_waiter::on_readable() noexcept {
    for (flight* f = first_; f != nullptr;) {
        flight* const next = f->next;
        wait_operation& o = operation_of(*f);
        if (o.kind == wait_kind::read) {
            detach(*f);
            stream_.home().cancel(*f);
            stream_.home().finish(o, {});
        }
        f = next;
    }
}

bool kernel_waiter::cancel(const socket_operation* o) noexcept {
    flight* f = first_;
    while (f != nullptr && f->operation != o) f = f->next;
    if (f == nullptr) return false;
    wait_operation& found = operation_of(*f);
    detach(*f);
    stream_.home().cancel(*f);
    stream_.home().finish(found, boost::asio::error::operation_aborted);
    return true;
}

void kernel_waiter::cancel_all() noexcept {
    while (first_ != nullptr) cancel(first_->operation);
}

}  // namespace coax::detail
