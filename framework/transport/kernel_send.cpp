// Sending to one kernel socket through the ring. MSG_NOSIGNAL everywhere: a broken pipe is an
// error code, never a signal.
#include "framework/transport/kernel_send.hpp"

#include <algorithm>
#include <cerrno>

#include <boost/asio/error.hpp>

#include "framework/transport/kernel_stream.hpp"
#include "framework/transport/kernel_transport.hpp"

namespace coax::detail {

namespace {

// The length of a send is 32 bits wide in a submission; the rest is for the next write_some.
constexpr std::size_t longest_send = std::size_t{1} << 30;

// Of the program's flags, those that mean something here.
int flags_of(int given) noexcept {
    return (given & (MSG_OOB | MSG_MORE | MSG_EOR | MSG_DONTROUTE)) | MSG_NOSIGNAL;
}

}  // namespace

void kernel_sender::start(transfer_operation& o) {
    if (size_of(buffers_of(o)) == 0) return stream_.home().finish(o, {}, 0);
    std::size_t n = 0;
    error_code ec;
    if (send_now(buffers_of(o), o.flags, n, ec)) return stream_.home().finish(o, ec, n);
    writes_.push(o);
    if (!writes_.in_flight()) send_front();
}

early_end kernel_sender::at_once(std::span<const iovec> buffers, std::size_t& transferred,
                                 error_code& ec) {
    return send_now(buffers, 0, transferred, ec) ? early_end::ended : early_end::not_tried;
}

// False: not now, or it would wait.
bool kernel_sender::send_now(std::span<const iovec> buffers, int flags, std::size_t& transferred,
                             error_code& ec) {
    if (!writes_.empty() || !stream_.home().may_send_at_once()) return false;
    transferred = try_write(buffers, flags, ec);
    if (ec == boost::asio::error::would_block) return false;
    ++stream_.home().count().sent_at_once;
    return true;
}

// One flight per socket: the kernel keeps no order between two that have to wait.
void kernel_sender::send_front() noexcept {
    kernel_transport& home = stream_.home();
    flight& f = writes_.take_off(home, flight::purpose::send, stream_);
    home.launch(f, [&](io_uring_sqe* e) {
        const int descriptor = stream_.descriptor();
        const transfer_operation& o = writes_.front();
        // One buffer needs no message header: less for the kernel to copy and check.
        if (o.buffer_count == 1)
            io_uring_prep_send(e, descriptor, o.buffers[0].iov_base,
                               std::min(o.buffers[0].iov_len, longest_send), flags_of(o.flags));
        else
            io_uring_prep_sendmsg(e, descriptor, &f.with.message,
                                  static_cast<unsigned>(flags_of(o.flags)));
    });
}

void kernel_sender::on_sent(flight& f, std::int32_t result) noexcept {
    kernel_transport& home = stream_.home();
    const error_code ec = result < 0 ? kernel_error(-result) : error_code{};
    if (writes_.land(home, f, ec, result)) ++home.count().sent;
    if (!writes_.empty()) send_front();
}

std::size_t kernel_sender::try_write(std::span<const iovec> buffers, int flags, error_code& ec) {
    ec.clear();
    if (!writes_.empty()) {
        ec = boost::asio::error::would_block;  // their turn first
        return 0;
    }
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(buffers.data());
    message.msg_iovlen = buffers.size();
    const ssize_t n = ::sendmsg(stream_.descriptor(), &message, MSG_DONTWAIT | flags_of(flags));
    if (n >= 0) return static_cast<std::size_t>(n);
    ec = kernel_error(errno);
    return 0;
}

bool kernel_sender::push_out() noexcept {
    backends::ring& ring = stream_.home().ring();
    while (!writes_.empty()) {
        const operation* const front = &writes_.front();
        if (!ring.settle()) return false;
        ring.reap();
        if (!writes_.empty() && &writes_.front() == front) break;
    }
    return true;
}

bool kernel_sender::cancel(const socket_operation* o) noexcept {
    return writes_.cancel(stream_.home(), o);
}

void kernel_sender::cancel_all() noexcept { writes_.cancel_all(stream_.home()); }

void kernel_sender::abandon() noexcept { writes_.abandon(stream_.home()); }

}  // namespace coax::detail
