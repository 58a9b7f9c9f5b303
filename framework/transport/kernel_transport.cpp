// The kernel transport of a context: where flights land, and how they all come down in the end.
#include "framework/transport/kernel_transport.hpp"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/error.hpp>

#include "framework/resolver/system_resolver.hpp"
#include "framework/transport/kernel_calls.hpp"
#include "framework/transport/kernel_datagram.hpp"
#include "framework/transport/kernel_stream.hpp"

namespace coax::detail {

namespace {

// Rounds of asking the kernel to let go before the ring is taken away from it.
constexpr int landing_rounds = 64;

}  // namespace

kernel_transport::kernel_transport(loop& where, backends::ring& ring, kernel_limits limits)
    : loop_(where), ring_(ring), limits_(limits), flights_(*this) {
    description_.kind = "kernel";
    description_.mode = "sockets through io_uring";
}

kernel_transport::~kernel_transport() {
    shut_down();
    for (int round = 0; round != landing_rounds && !idle(); ++round) {
        if (!ring_.settle()) break;
        ring_.reap();
    }
    if (!idle()) force_landing();
    buffers_.close(ring_);
}

std::unique_ptr<stream_state> kernel_transport::open_stream(int family, error_code& ec) {
    const int descriptor =
        ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    ec = outcome(descriptor);
    return ec ? nullptr : std::make_unique<kernel_stream>(*this, descriptor);
}

std::unique_ptr<datagram_state> kernel_transport::open_datagram(int family, error_code& ec) {
    const int descriptor = ::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    ec = outcome(descriptor);
    return ec ? nullptr : std::make_unique<kernel_datagram>(*this, descriptor);
}

std::unique_ptr<name_resolver> kernel_transport::make_resolver() {
    return std::make_unique<system_resolver>(loop_);
}

bool kernel_transport::buffers_ready() noexcept {
    if (!limits_.multishot_receive) return false;
    if (buffers_.known_to(ring_)) return true;
    // Completions that a ring brought with it when it moved still name buffers.
    if (ring_.has_saved()) return false;
    const auto ec = buffers_.is_open() ? buffers_.renew(ring_)
                                       : buffers_.open(ring_, limits_.receive_buffers,
                                                       limits_.receive_buffer_bytes);
    if (ec) limits_.multishot_receive = false;
    return limits_.multishot_receive;
}

void kernel_transport::cancel(flight& f) noexcept {
    if (f.cancelled || grounded_) return;
    f.cancelled = true;
    ring_.submit(nullptr, [&](io_uring_sqe* e) {
        io_uring_prep_cancel(e, static_cast<backends::completion*>(&f), 0);
    });
}

void kernel_transport::close_in_turn(int descriptor) noexcept {
    flight& f = take_flight(flight::purpose::close, nullptr);
    f.with.descriptor = descriptor;
    launch(f, [&](io_uring_sqe* e) { io_uring_prep_close(e, descriptor); });
}

void kernel_transport::land(flight& f, std::int32_t result, std::uint32_t flags) noexcept {
    const bool last = (flags & IORING_CQE_F_MORE) == 0;
    if (f.owner != nullptr) f.owner->on_landing(f, result, flags);
    else land_unowned(f, result, flags);
    if (last) flights_.give_back(f);
}

// The socket is closed: what the kernel still brought is put back, who still waits is told.
void kernel_transport::land_unowned(flight& f, std::int32_t result, std::uint32_t flags) noexcept {
    if ((flags & IORING_CQE_F_BUFFER) != 0)
        buffers_.take_back(static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT));
    if (f.what == flight::purpose::accept && result >= 0) ::close(result);
    if (f.operation == nullptr) return;
    const error_code ec =
        result < 0 ? error_code(boost::asio::error::operation_aborted) : error_code{};
    const bool datagram =
        f.what == flight::purpose::receive_datagram || f.what == flight::purpose::send_datagram;
    if (f.what == flight::purpose::send || f.what == flight::purpose::receive_into || datagram) {
        auto& transfer = *static_cast<transfer_operation*>(f.operation);
        if (f.what == flight::purpose::receive_datagram && result >= 0)
            static_cast<datagram_operation&>(transfer).remote.resize(f.with.message.msg_namelen);
        const bool end = f.what == flight::purpose::receive_into && result == 0;
        finish(transfer, end ? error_code(boost::asio::error::eof) : ec,
               result > 0 ? static_cast<std::size_t>(result) : 0);
    } else {
        // connect: established or not, its socket is closed; a poll brought nothing
        finish(*f.operation, boost::asio::error::operation_aborted);
    }
    f.operation = nullptr;
}

void kernel_transport::abandon_operations() noexcept {
    for (kernel_socket* s = sockets_; s != nullptr; s = s->after_) s->cancel_pending();
    const auto waiting = [&] {
        bool found = false;
        flights_.for_each([&](flight& f) { found = found || f.operation != nullptr; });
        return found;
    };
    for (int round = 0; round != landing_rounds && waiting(); ++round) {
        if (!ring_.settle()) break;
        ring_.reap();
    }
    if (waiting()) force_landing();
}

void kernel_transport::shut_down() noexcept {
    while (sockets_ != nullptr) {
        kernel_socket& s = *sockets_;
        s.orphan();
        left(s);
    }
    flights_.for_each([&](flight& f) {
        if (f.what != flight::purpose::close) cancel(f);
    });
}

void kernel_transport::force_landing() noexcept {
    grounded_ = true;
    ring_.close();
    flights_.for_each([&](flight& f) {
        if (f.what == flight::purpose::close) ::close(f.with.descriptor);
        f.cancelled = true;
        land(f, -ECANCELED, 0);
    });
}

void kernel_transport::joined(kernel_socket& s) noexcept {
    s.before_ = nullptr;
    s.after_ = sockets_;
    if (sockets_ != nullptr) sockets_->before_ = &s;
    sockets_ = &s;
}

void kernel_transport::left(kernel_socket& s) noexcept {
    if (s.before_ != nullptr) s.before_->after_ = s.after_;
    else sockets_ = s.after_;
    if (s.after_ != nullptr) s.after_->before_ = s.before_;
}

void kernel_transport::append_counters(std::vector<counter>& to) const {
    const kernel_counters& c = counters_;
    to.insert(to.end(), {{"kernel.accepted", c.accepted},
                         {"kernel.accept_aborted", c.accept_aborted},
                         {"kernel.accept_paused", c.accept_paused},
                         {"kernel.connected", c.connected},
                         {"kernel.connect_failed", c.connect_failed},
                         {"kernel.received_shared", c.received_shared},
                         {"kernel.received_direct", c.received_direct},
                         {"kernel.receive_armed", c.receive_armed},
                         {"kernel.receive_halted", c.receive_halted},
                         {"kernel.receive_dry", c.receive_dry},
                         {"kernel.sent", c.sent},
                         {"kernel.sent_at_once", c.sent_at_once},
                         {"kernel.closed_unread", c.closed_unread},
                         {"kernel.datagrams_received", c.datagrams_received},
                         {"kernel.datagrams_sent", c.datagrams_sent}});
}

}  // namespace coax::detail
