// Receiving from one kernel socket through the ring.
#include "framework/transport/kernel_receive.hpp"

#include <cerrno>
#include <utility>

#include <boost/asio/error.hpp>

#include "framework/transport/kernel_stream.hpp"
#include "framework/transport/kernel_transport.hpp"

namespace coax::detail {

void kernel_receiver::start(transfer_operation& o) {
    if (size_of(buffers_of(o)) == 0) return stream_.home().finish(o, {}, 0);
    const bool first = reads_.empty();
    reads_.push(o);
    if (first) serve();
}

// Ends reads as long as there is something to end them with; asks the kernel for the next one.
void kernel_receiver::serve() noexcept {
    kernel_transport& home = stream_.home();
    while (!reads_.empty() && !reads_.in_flight()) {
        transfer_operation& o = reads_.front();
        error_code ec;
        std::size_t n = 0;
        if (parked_.bytes != 0)
            n = home.buffers().read(parked_, buffers_of(o), (o.flags & MSG_PEEK) != 0);
        else if (!take_error(ec)) return ask_kernel(o);
        reads_.pop();
        home.finish(o, ec, n);
    }
}

// What ended the stream: an error once (the kernel then goes on with end of file), the peer's FIN
// for ever.
bool kernel_receiver::take_error(error_code& ec) noexcept {
    if (error_) {
        ec = error_;
        error_.clear();
        return true;
    }
    if (ended_) ec = boost::asio::error::eof;
    return ended_;
}

void kernel_receiver::ask_kernel(transfer_operation& o) noexcept {
    if (armed_ != nullptr) return;
    kernel_transport& home = stream_.home();
    const bool direct = dry_ || minds_urgent_ ||
                        size_of(buffers_of(o)) >= home.limits().read_directly_bytes ||
                        !home.buffers_ready() || home.buffers().available() == 0;
    if (direct) receive_into();
    else arm();
}

void kernel_receiver::arm() noexcept {
    kernel_transport& home = stream_.home();
    ++home.count().receive_armed;
    armed_ = &home.take_flight(flight::purpose::receive, &stream_);
    home.launch(*armed_, [&](io_uring_sqe* e) {
        io_uring_prep_recv_multishot(e, stream_.descriptor(), nullptr, 0, 0);
        e->flags |= IOSQE_BUFFER_SELECT;
        e->buf_group = receive_buffers::group;
    });
}

void kernel_receiver::receive_into() noexcept {
    kernel_transport& home = stream_.home();
    dry_ = false;
    flight& f = reads_.take_off(home, flight::purpose::receive_into, stream_);
    home.launch(f, [&](io_uring_sqe* e) {
        const int flags = reads_.front().flags & MSG_PEEK;
        io_uring_prep_recvmsg(e, stream_.descriptor(), &f.with.message,
                              static_cast<unsigned>(flags));
    });
}

void kernel_receiver::on_multishot(flight& f, std::int32_t result, std::uint32_t flags) noexcept {
    kernel_transport& home = stream_.home();
    if ((flags & IORING_CQE_F_BUFFER) != 0) {
        const auto buffer = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
        ++home.count().received_shared;
        if (result > 0) home.buffers().park(parked_, buffer, static_cast<std::uint32_t>(result));
        else home.buffers().take_back(buffer);
    }
    if ((flags & IORING_CQE_F_MORE) == 0) {
        armed_ = nullptr;
        on_multishot_end(f.cancelled, result);
    }
    serve();
    if (parked_.buffers > home.limits().parked_buffers_per_socket) halt();
    if (ready()) stream_.on_readable();
}

// Positive: the kernel stopped of itself, and can be asked again.
void kernel_receiver::on_multishot_end(bool cancelled, std::int32_t result) noexcept {
    kernel_transport& home = stream_.home();
    if (result == 0) ended_ = true;
    if (result >= 0) return;
    switch (-result) {
        case ECANCELED:  // halted; or the thread that submitted it has ended: asked again
        case EINTR:
        case EAGAIN: return;
        case ENOBUFS:
            ++home.count().receive_dry;
            dry_ = true;
            return;
        case EINVAL:
            if (!cancelled && home.count().received_shared == 0) {
                home.forget_multishot_receive();
                return;
            }
            [[fallthrough]];
        default: error_ = kernel_error(-result);
    }
}

// The reader is slower than the peer: bytes stay in the kernel from here on, which closes the
// receive window.
void kernel_receiver::halt() noexcept {
    if (armed_ == nullptr || armed_->cancelled) return;
    ++stream_.home().count().receive_halted;
    stream_.home().cancel(*armed_);
}

void kernel_receiver::on_direct(flight& f, std::int32_t result) noexcept {
    kernel_transport& home = stream_.home();
    error_code ec;
    if (result < 0) ec = kernel_error(-result);
    if (result == 0) ec = boost::asio::error::eof;
    if (reads_.land(home, f, ec, result)) {
        ++home.count().received_direct;
        ended_ = ended_ || result == 0;
    }
    serve();
}

early_end kernel_receiver::at_once(std::span<const iovec> buffers, std::size_t& transferred,
                                   error_code& ec) noexcept {
    if (!reads_.empty()) return early_end::not_tried;
    if (parked_.bytes != 0) {
        transferred = stream_.home().buffers().read(parked_, buffers, false);
        return early_end::ended;
    }
    return take_error(ec) ? early_end::ended : early_end::not_tried;
}

std::size_t kernel_receiver::try_read(std::span<const iovec> buffers, bool peek, error_code& ec) {
    kernel_transport& home = stream_.home();
    ec.clear();
    const std::size_t size = size_of(buffers);
    if (size == 0) return 0;
    // What came is on its way through the ring.
    if (reads_.empty() && !ready() && armed_ != nullptr) home.ring().reap();
    if (!reads_.empty()) {
        ec = boost::asio::error::would_block;  // their turn first
        return 0;
    }
    if (parked_.bytes != 0) return home.buffers().read(parked_, buffers, peek);
    if (take_error(ec)) return 0;
    if (armed_ != nullptr) {
        ec = boost::asio::error::would_block;
        return 0;
    }
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(buffers.data());
    message.msg_iovlen = buffers.size();
    const int flags = MSG_DONTWAIT | (peek ? MSG_PEEK : 0);
    const ssize_t n = ::recvmsg(stream_.descriptor(), &message, flags);
    if (n > 0) return static_cast<std::size_t>(n);
    if (n < 0) ec = kernel_error(errno);
    else ec = boost::asio::error::eof;
    return 0;
}

std::size_t kernel_receiver::read_urgent(std::span<const iovec> buffers, int flags,
                                         error_code& ec) noexcept {
    mind_urgent();
    ec.clear();
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(buffers.data());
    message.msg_iovlen = buffers.size();
    const ssize_t n =
        ::recvmsg(stream_.descriptor(), &message, MSG_OOB | MSG_DONTWAIT | (flags & MSG_PEEK));
    if (n > 0) return static_cast<std::size_t>(n);
    if (n < 0) ec = kernel_error(errno);
    else ec = boost::asio::error::eof;
    return 0;
}

void kernel_receiver::mind_urgent() noexcept {
    if (std::exchange(minds_urgent_, true)) return;
    halt();
}

bool kernel_receiver::cancel(const socket_operation* o) noexcept {
    return reads_.cancel(stream_.home(), o);
}

void kernel_receiver::cancel_all() noexcept { reads_.cancel_all(stream_.home()); }

void kernel_receiver::abandon() noexcept {
    kernel_transport& home = stream_.home();
    reads_.abandon(home);
    if (armed_ != nullptr) {
        home.cancel(*armed_);
        armed_->owner = nullptr;
        armed_ = nullptr;
    }
    home.buffers().drop(parked_);
}

}  // namespace coax::detail
