// The order, the flight and the cancellation of one direction's transfers.
#include "framework/transport/kernel_transfers.hpp"

#include <cerrno>

#include <boost/asio/error.hpp>

#include "framework/transport/kernel_socket.hpp"
#include "framework/transport/kernel_transport.hpp"

namespace coax::detail {

flight& kernel_transfers::take_off(kernel_transport& home, flight::purpose what,
                                   kernel_socket& socket) {
    transfer_operation& o = front();
    flight_ = &home.take_flight(what, &socket, &o);
    flight_->with.message = {};
    flight_->with.message.msg_iov = o.buffers.data();
    flight_->with.message.msg_iovlen = o.buffer_count;
    return *flight_;
}

bool kernel_transfers::land(kernel_transport& home, flight& f, error_code ec,
                            std::int32_t result) noexcept {
    flight_ = nullptr;
    f.operation = nullptr;
    // ECANCELED unasked: the thread that submitted has ended (engine.hpp).
    const bool again =
        result == -EINTR || result == -EAGAIN || (result == -ECANCELED && !f.cancelled);
    if (again && !f.cancelled) return false;
    transfer_operation& o = front();
    queue_.pop();
    home.finish(o, ec, result > 0 ? static_cast<std::size_t>(result) : 0);
    return true;
}

bool kernel_transfers::cancel(kernel_transport& home, const socket_operation* o) noexcept {
    if (o == nullptr) return false;
    if (flight_ != nullptr && flight_->operation == o) {
        home.cancel(*flight_);
        return true;
    }
    auto* waiting = const_cast<socket_operation*>(o);
    if (!queue_.remove(waiting)) return false;
    home.finish(*static_cast<transfer_operation*>(waiting), boost::asio::error::operation_aborted,
                0);
    return true;
}

void kernel_transfers::cancel_all(kernel_transport& home) noexcept {
    operation* in_the_air = nullptr;
    if (flight_ != nullptr) {
        home.cancel(*flight_);
        in_the_air = queue_.pop();
    }
    while (operation* o = queue_.pop())
        home.finish(*static_cast<transfer_operation*>(o), boost::asio::error::operation_aborted, 0);
    if (in_the_air != nullptr) queue_.push(in_the_air);
}

void kernel_transfers::abandon(kernel_transport& home) noexcept {
    cancel_all(home);
    if (flight_ == nullptr) return;
    queue_.pop();  // ends with its flight
    flight_->owner = nullptr;
    flight_ = nullptr;
}

}  // namespace coax::detail
