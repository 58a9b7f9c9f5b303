// Reading, writing, accepting and waiting on the userspace stack.
#include <array>
#include <utility>

#include <sys/socket.h>

#include <boost/asio/error.hpp>

#include "framework/transport/stack_stream.hpp"
#include "framework/transport/stack_transport.hpp"
#include "framework/transport/stack_values.hpp"

namespace coax::detail {

namespace error = boost::asio::error;

// --- one call of the stack

namespace {

template <class Bytes>
Bytes to_piece(const iovec& b) noexcept {
    return Bytes(static_cast<typename Bytes::pointer>(b.iov_base), b.iov_len);
}

template <class Bytes, class Call>
[[gnu::noinline]] auto with_many_pieces(std::span<const iovec> buffers, Call& call) noexcept {
    std::array<Bytes, buffers_per_operation> pieces;
    std::size_t count = 0;
    for (const iovec& b : buffers.first(std::min(buffers.size(), pieces.size())))
        pieces[count++] = to_piece<Bytes>(b);
    return call(std::span<const Bytes>(pieces.data(), count));
}

// The stack's pieces from iovecs, for `call(pieces)`; nearly always one, which needs no list.
template <class Bytes, class Call>
[[gnu::always_inline]] inline auto with_pieces(std::span<const iovec> buffers,
                                               Call&& call) noexcept {
    if (buffers.size() == 1) [[likely]] {
        const Bytes one = to_piece<Bytes>(buffers.front());
        return call(std::span<const Bytes>(&one, 1));
    }
    return with_many_pieces<Bytes>(buffers, call);
}

}  // namespace

// Inlined where a message passes; an error_code, which names its category, only at the end of a
// connection.
[[gnu::always_inline]] inline bool stack_stream::receive(std::span<const iovec> buffers, int flags,
                                                         std::size_t& n, error_code& ec) noexcept {
    stack::ip_stack& s = where_.stack_for_data();
    const auto got = with_pieces<stack::mutable_bytes>(buffers, [&](auto pieces) {
        return (flags & MSG_PEEK) != 0 ? s.tcp_peek(id_, pieces)
                                       : s.tcp_receive(id_, pieces, where_.present());
    });
    n = got ? *got : 0;
    if (got) [[likely]] {
        ec = {};
        return true;
    }
    if (got.code() == stack::error::would_block) return false;
    ec = told_once(got.code(), error::eof);
    return true;
}

// The urgent octet (RFC 9293 3.8.5).
std::size_t stack_stream::receive_urgent(std::span<const iovec> buffers, bool peek,
                                         error_code& ec) noexcept {
    const auto octet = where_.stack().tcp_receive_urgent(id_, peek);
    ec = to_error_code(octet.code());
    if (!octet) return 0;
    for (const iovec& b : buffers) {
        if (b.iov_len == 0) continue;
        *static_cast<std::byte*>(b.iov_base) = *octet;
        break;
    }
    return 1;
}

[[gnu::always_inline]] inline bool stack_stream::send(std::span<const iovec> buffers, int flags,
                                                      std::size_t& n, error_code& ec) noexcept {
    stack::ip_stack& s = where_.stack_for_data();
    const auto taken = with_pieces<stack::const_bytes>(buffers, [&](auto pieces) {
        return flags == 0 ? s.tcp_send(id_, pieces, where_.present())
                          : s.tcp_send(id_, pieces, where_.present(),
                                       {.more = (flags & MSG_MORE) != 0,
                                        .urgent = (flags & MSG_OOB) != 0,
                                        .end_of_record = (flags & MSG_EOR) != 0});
    });
    n = taken ? *taken : 0;
    if (taken) [[likely]] {
        ec = {};
        return true;
    }
    if (taken.code() == stack::error::would_block) return false;
    ec = told_once(taken.code(), error::broken_pipe);
    return true;
}

// As the kernel: what ended the connection is told once; then reading is at its end, and writing a
// broken pipe.
error_code stack_stream::told_once(stack::error code, error_code afterwards) noexcept {
    switch (code) {
        case stack::error::connection_reset:
        case stack::error::timed_out:
        case stack::error::host_unreachable:
        case stack::error::network_unreachable:
            return std::exchange(failure_told_, true) ? afterwards : to_error_code(code);
        default: return to_error_code(code);
    }
}

// --- without waiting

std::size_t stack_stream::try_read(std::span<const iovec> buffers, int flags, error_code& ec) {
    if (where_.is_dead()) {
        ec = error::network_down;
        return 0;
    }
    if (use_ == use::none || use_ == use::listening) {
        ec = error::not_connected;
        return 0;
    }
    const bool urgent = (flags & MSG_OOB) != 0;
    if (use_ == use::connecting || !(urgent ? urgent_reads_ : reads_).empty()) {
        ec = error::would_block;
        return 0;
    }
    if (urgent) return receive_urgent(buffers, (flags & MSG_PEEK) != 0, ec);
    std::size_t n = 0;
    if (!receive(buffers, flags, n, ec)) ec = error::would_block;
    return n;
}

std::size_t stack_stream::try_write(std::span<const iovec> buffers, int flags, error_code& ec) {
    if (where_.is_dead()) {
        ec = error::network_down;
        return 0;
    }
    if (use_ == use::none || use_ == use::listening) {
        ec = error::broken_pipe;  // as Linux
        return 0;
    }
    if (use_ == use::connecting || !writes_.empty()) {
        ec = error::would_block;
        return 0;
    }
    std::size_t n = 0;
    if (!send(buffers, flags, n, ec)) ec = error::would_block;
    return n;
}

std::unique_ptr<stream_state> stack_stream::try_accept(tcp_endpoint& remote, error_code& ec) {
    ec = {};
    if (parked_) {
        remote = parked_remote_;
        return std::move(parked_);
    }
    if (where_.is_dead()) {
        ec = error::network_down;
        return nullptr;
    }
    if (use_ != use::listening) {
        ec = error::invalid_argument;
        return nullptr;
    }
    const auto got = where_.stack().tcp_accept(id_);
    if (!got) {
        ec = to_error_code(got.code());
        return nullptr;
    }
    remote = to_asio(got->ends.remote, family_);
    auto* const fresh = new stack_stream(where_, family_, got->socket, use::connected);
    std::unique_ptr<stream_state> accepted(fresh);
    fresh->options_ = options_;  // inherited, as on Linux
    static_cast<void>(fresh->apply_options());
    return accepted;
}

std::size_t stack_stream::available(error_code& ec) const {
    ec = {};
    return use_ == use::connected ? where_.stack().tcp_available(id_) : 0;
}

bool stack_stream::at_mark(error_code& ec) {
    const auto at = where_.stack().tcp_at_mark(id_);
    ec = to_error_code(at.code());
    return at && *at;
}

early_end stack_stream::read_at_once(std::span<const iovec> buffers, std::size_t& transferred,
                                     error_code& ec) noexcept {
    if (use_ != use::connected || where_.is_dead() || !reads_.empty()) return early_end::not_tried;
    return receive(buffers, 0, transferred, ec) ? early_end::ended : early_end::would_wait;
}

early_end stack_stream::write_at_once(std::span<const iovec> buffers, std::size_t& transferred,
                                      error_code& ec) noexcept {
    if (use_ != use::connected || where_.is_dead() || !writes_.empty()) return early_end::not_tried;
    return send(buffers, 0, transferred, ec) ? early_end::ended : early_end::would_wait;
}

// --- operations: try at once, if nobody waits before it; else wait for an event

void stack_stream::start_read(transfer_operation* o) {
    if (o->would_wait) return reads_.push(o);
    const std::span<const iovec> buffers(o->buffers.data(), o->buffer_count);
    const bool urgent = (o->flags & MSG_OOB) != 0;
    o->transferred = try_read(buffers, o->flags, o->result);
    // As Asio for kernel sockets: one that is asynchronous waits until something is urgent.
    if (urgent && o->result == error::invalid_argument) o->result = error::would_block;
    if (o->result == error::would_block) (urgent ? urgent_reads_ : reads_).push(o);
    else finish(o, o->result);
}

void stack_stream::start_write(transfer_operation* o) {
    if (o->would_wait) return writes_.push(o);
    const std::span<const iovec> buffers(o->buffers.data(), o->buffer_count);
    o->transferred = try_write(buffers, o->flags, o->result);
    if (o->result == error::would_block) writes_.push(o);
    else finish(o, o->result);
}

void stack_stream::start_accept(accept_operation* o) {
    o->result = error::would_block;
    if (accepts_.empty()) o->accepted = try_accept(o->remote, o->result);
    if (o->result == error::would_block) accepts_.push(o);
    else finish(o, o->result);
}

void stack_stream::start_wait(wait_operation* o) {
    if (where_.is_dead()) return finish(o, error::network_down);
    if (is_ready(o->kind)) finish(o, {});
    else waits_.push(o);
}

// --- after an event

void stack_stream::serve_accepts() noexcept {
    while (auto* const o = static_cast<accept_operation*>(accepts_.front())) {
        o->accepted = try_accept(o->remote, o->result);
        if (o->result == error::would_block) return;
        accepts_.pop();
        finish(o, o->result);
    }
}

void stack_stream::serve_reads() noexcept {
    if (use_ == use::connecting) return;
    while (auto* const o = static_cast<transfer_operation*>(reads_.front())) {
        const std::span<const iovec> buffers(o->buffers.data(), o->buffer_count);
        if (!receive(buffers, o->flags, o->transferred, o->result)) return;
        reads_.pop();
        where_.loop_of().complete(o);
    }
}

void stack_stream::serve_urgent_reads() noexcept {
    if (use_ == use::connecting || urgent_reads_.empty()) return;
    serve_waits();  // those who wait for an urgent octet see it before it is taken
    while (auto* const o = static_cast<transfer_operation*>(urgent_reads_.front())) {
        const std::span<const iovec> buffers(o->buffers.data(), o->buffer_count);
        o->transferred = receive_urgent(buffers, (o->flags & MSG_PEEK) != 0, o->result);
        if (o->result == error::invalid_argument) {  // nothing is urgent; it may yet come
            std::byte one{};
            const iovec probe{&one, 1};
            std::size_t n = 0;
            if (!receive({&probe, 1}, MSG_PEEK, n, o->result) || !o->result)
                o->result = error::would_block;
        }
        if (o->result == error::would_block) return;
        urgent_reads_.pop();
        finish(o, o->result);
    }
}

void stack_stream::serve_writes() noexcept {
    if (use_ == use::connecting) return;
    while (auto* const o = static_cast<transfer_operation*>(writes_.front())) {
        const std::span<const iovec> buffers(o->buffers.data(), o->buffer_count);
        if (!send(buffers, o->flags, o->transferred, o->result)) return;
        writes_.pop();
        where_.loop_of().complete(o);
    }
}

void stack_stream::serve_waits() noexcept {
    if (waits_.empty()) return;
    operation_queue all(std::move(waits_));
    while (auto* const o = static_cast<wait_operation*>(all.pop())) {
        if (is_ready(o->kind)) finish(o, {});
        else waits_.push(o);
    }
}

// --- what a wait waits for

bool stack_stream::is_ready(wait_kind kind) noexcept {
    switch (kind) {
        case wait_kind::read: return readable();
        case wait_kind::write: return writable();
        case wait_kind::error: return failed_ || where_.stack().tcp_has_urgent(id_);
    }
    return true;
}

bool stack_stream::readable() noexcept {
    if (use_ == use::connecting) return false;
    if (use_ == use::listening) {
        error_code ec;
        if (!parked_) parked_ = try_accept(parked_remote_, ec);
        return ec != error::would_block;
    }
    // Looking at one byte also asks the stack for an event when there is none.
    std::byte one{};
    const stack::mutable_bytes probe(&one, 1);
    return where_.stack().tcp_peek(id_, {&probe, 1}).code() != stack::error::would_block;
}

bool stack_stream::writable() noexcept {
    if (use_ == use::connecting) return false;
    if (where_.stack().tcp_send_space(id_) != 0) return true;
    // Full, or not connected any more. An empty send would not ask for an event: a byte does, and
    // cannot be taken, as there is no space.
    const std::byte one{};
    const iovec probe{const_cast<std::byte*>(&one), 1};
    std::size_t n = 0;
    error_code ec;
    return send({&probe, 1}, 0, n, ec);
}

}  // namespace coax::detail
