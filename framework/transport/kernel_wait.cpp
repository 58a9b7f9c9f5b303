// Polls of one kernel socket through the ring.
#include "framework/transport/kernel_wait.hpp"

#include <cerrno>

#include <poll.h>

#include <boost/asio/error.hpp>

#include "framework/transport/kernel_socket.hpp"
#include "framework/transport/kernel_transfers.hpp"
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

// What a flight waits for: a wait says so, a read waits for the urgent octet.
wait_kind kind_of(const flight& f) noexcept {
    return f.what == flight::purpose::wait_urgent
               ? wait_kind::error
               : static_cast<const wait_operation*>(f.operation)->kind;
}

}  // namespace

void kernel_waiter::start(wait_operation& o) {
    if (o.kind == wait_kind::read && socket_.readable()) return socket_.home().finish(o, {});
    if (o.kind == wait_kind::error) socket_.mind_urgent();
    poll(o, flight::purpose::wait, o.kind);
}

void kernel_waiter::start_urgent(transfer_operation& o) {
    socket_.mind_urgent();
    poll(o, flight::purpose::wait_urgent, wait_kind::error);
}

void kernel_waiter::poll(socket_operation& o, flight::purpose what, wait_kind kind) noexcept {
    kernel_transport& home = socket_.home();
    flight& f = home.take_flight(what, &socket_, &o);
    f.next = first_;
    first_ = &f;
    home.launch(f, [&](io_uring_sqe* e) {
        io_uring_prep_poll_add(e, socket_.descriptor(), events_of(kind));
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
    socket_operation& o = *f.operation;
    const wait_kind kind = kind_of(f);
    detach(f);
    if (result == -ECANCELED) return poll(o, f.what, kind);  // who submitted it has ended
    if (f.what == flight::purpose::wait_urgent && result >= 0)
        return read_urgent(static_cast<transfer_operation&>(o));
    // An error of the socket is for the transfer that follows; the wait itself succeeded.
    socket_.home().finish(o, result < 0 ? kernel_error(-result) : error_code{});
}

void kernel_waiter::read_urgent(transfer_operation& o) noexcept {
    error_code ec;
    const std::size_t n = socket_.read_urgent(buffers_of(o), o.flags, ec);
    socket_.home().finish(o, ec, n);
}

void kernel_waiter::on_readable() noexcept {
    for (flight* f = first_; f != nullptr;) {
        flight* const next = f->next;
        socket_operation& o = *f->operation;
        if (kind_of(*f) == wait_kind::read) {
            detach(*f);
            socket_.home().cancel(*f);
            socket_.home().finish(o, {});
        }
        f = next;
    }
}

bool kernel_waiter::cancel(const socket_operation* o) noexcept {
    flight* f = first_;
    while (f != nullptr && f->operation != o) f = f->next;
    if (f == nullptr) return false;
    socket_operation& found = *f->operation;
    detach(*f);
    socket_.home().cancel(*f);
    socket_.home().finish(found, boost::asio::error::operation_aborted);
    return true;
}

void kernel_waiter::cancel_all() noexcept {
    while (first_ != nullptr) cancel(first_->operation);
}

}  // namespace coax::detail
