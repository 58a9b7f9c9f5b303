// Datagrams on the userspace stack.
#include "framework/transport/stack_datagram.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/socket.h>

#include <boost/asio/error.hpp>

#include "framework/transport/stack_transport.hpp"
#include "framework/transport/stack_values.hpp"

namespace coax::detail {

namespace error = boost::asio::error;

namespace {

error_code system_error(int number) noexcept { return {number, boost::system::system_category()}; }

}  // namespace

std::unique_ptr<datagram_state> stack_datagram::open(stack_transport& where, int family,
                                                     error_code& ec) {
    ec = where.check_open(family);
    if (ec) return nullptr;
    const auto id = where.stack().udp_open(nullptr);
    ec = to_error_code(id.code());
    if (!id) return nullptr;
    return std::unique_ptr<datagram_state>(new stack_datagram(where, family, *id));
}

stack_datagram::stack_datagram(stack_transport& where, int family, stack::udp_socket id) noexcept
    : where_(where), id_(id), family_(family) {
    static_cast<void>(where_.stack().udp_set_user(id_, this));
    where_.enlist(*this);
}

stack_datagram::~stack_datagram() {
    stack_datagram::close();
    where_.delist(*this);
}

// --- naming

error_code stack_datagram::bind(const ip_endpoint& local) {
    if (const error_code wrong = check_family(local, family_)) return wrong;
    if (bound_) return error::invalid_argument;
    const auto done = where_.stack().udp_bind(id_, to_stack(local));
    if (!done) return to_error_code(done.code());
    bound_ = true;
    return {};
}

bool stack_datagram::is_connected() const noexcept {
    const auto ends = where_.stack().udp_ends(id_);
    return ends && ends->remote.port != 0;
}

ip_endpoint stack_datagram::local_endpoint(error_code& ec) const {
    const auto ends = where_.stack().udp_ends(id_);
    ec = {};
    return to_asio(ends ? ends->local : stack::endpoint(), family_);
}

ip_endpoint stack_datagram::remote_endpoint(error_code& ec) const {
    const auto ends = where_.stack().udp_ends(id_);
    if (!ends || ends->remote.port == 0) {
        ec = error::not_connected;
        return {};
    }
    ec = {};
    return to_asio(ends->remote, family_);
}

std::size_t stack_datagram::available(error_code& ec) const {
    ec = {};
    return where_.stack().udp_available(id_);
}

void stack_datagram::start_connect(connect_operation* o) {
    if (where_.is_dead()) return finish(o, error::network_down);
    if (const error_code wrong = check_family(o->remote, family_)) return finish(o, wrong);
    finish(o, to_error_code(where_.stack().udp_connect(id_, to_stack(o->remote)).code()));
}

// --- options

error_code stack_datagram::set_option(int level, int name, const void* data, std::size_t size) {
    return options_.set(where_.stack(), id_, level, name, data, size);
}

error_code stack_datagram::get_option(int level, int name, void* data, std::size_t* size) const {
    return options_.get(where_.stack(), id_, level, name, data, size);
}

// --- one call of the stack

stack::result<stack::udp::received> stack_datagram::receive(std::span<const iovec> buffers,
                                                            bool peek, error_code& ec) noexcept {
    std::array<stack::mutable_bytes, buffers_per_operation> pieces;
    std::size_t count = 0;
    for (const iovec& b : buffers.first(std::min(buffers.size(), pieces.size())))
        pieces[count++] = {static_cast<std::byte*>(b.iov_base), b.iov_len};
    auto got = where_.stack().udp_receive_from(id_, {pieces.data(), count}, peek);
    ec = to_error_code(got.code());
    return got;
}

std::size_t stack_datagram::send(std::span<const iovec> buffers, const ip_endpoint* remote,
                                 int flags, error_code& ec) noexcept {
    ec = {};
    if ((flags & MSG_OOB) != 0) ec = error::operation_not_supported;
    else if (remote != nullptr) ec = check_family(*remote, family_);
    else if (!is_connected()) ec = system_error(EDESTADDRREQ);
    if (!ec && remote != nullptr && remote->port() == 0) ec = error::invalid_argument;
    if (!ec && send_shut_) ec = error::broken_pipe;
    if (ec) return 0;
    std::array<stack::const_bytes, buffers_per_operation> pieces;
    std::size_t count = 0;
    std::size_t size = 0;
    for (const iovec& b : buffers.first(std::min(buffers.size(), pieces.size()))) {
        pieces[count++] = {static_cast<const std::byte*>(b.iov_base), b.iov_len};
        size += b.iov_len;
    }
    const std::span<const stack::const_bytes> all(pieces.data(), count);
    stack::ip_stack& s = where_.stack();
    const auto taken = remote != nullptr
                           ? s.udp_send_to(id_, to_stack(*remote), all, where_.present())
                           : s.udp_send(id_, all, where_.present());
    ec = to_error_code(taken.code());
    return taken ? size : 0;
}

std::size_t stack_datagram::receive_many(std::span<incoming_datagram> to, error_code& ec) noexcept {
    std::size_t count = 0;
    for (incoming_datagram& d : to) {
        // An error is for the next call, unless it comes first.
        if (count != 0 && where_.stack().udp_pending_error(id_, false) != stack::error::none) break;
        const iovec room{d.room.data(), d.room.size()};
        const auto got = receive({&room, 1}, false, ec);
        if (!got) break;
        d.size = got->size;
        d.truncated = got->truncated;
        d.from = from_ip<boost::asio::ip::udp::endpoint>(to_asio(got->source, family_));
        ++count;
    }
    if (count != 0) ec = {};
    return count;
}

std::size_t stack_datagram::send_many(std::span<const outgoing_datagram> from,
                                      error_code& ec) noexcept {
    std::size_t count = 0;
    for (const outgoing_datagram& d : from) {
        if (count != 0 && where_.stack().udp_pending_error(id_, false) != stack::error::none) break;
        const iovec piece{const_cast<void*>(d.data.data()), d.data.size()};
        const ip_endpoint remote = to_ip(d.to);
        send({&piece, 1}, remote.port() != 0 ? &remote : nullptr, 0, ec);
        if (ec) break;
        ++count;
    }
    if (count != 0) ec = {};
    return count;
}

// --- without waiting

std::size_t stack_datagram::try_receive(std::span<const iovec> buffers, ip_endpoint& remote,
                                        int flags, error_code& ec) {
    ec = {};
    if (where_.is_dead()) ec = error::network_down;
    else if (!receives_.empty()) ec = error::would_block;  // their turn first
    if (ec) return 0;
    const auto got = receive(buffers, (flags & MSG_PEEK) != 0, ec);
    if (ec == error::would_block && receive_shut_) ec = {};  // as Linux: empty, and no error
    if (!got) return 0;
    remote = to_asio(got->source, family_);
    return got->size;
}

std::size_t stack_datagram::try_send(std::span<const iovec> buffers, const ip_endpoint* remote,
                                     int flags, error_code& ec) {
    ec = {};
    if (where_.is_dead()) ec = error::network_down;
    else if (!sends_.empty()) ec = error::would_block;
    return ec ? 0 : send(buffers, remote, flags, ec);
}

std::size_t stack_datagram::try_receive_many(std::span<incoming_datagram> to, error_code& ec) {
    ec = {};
    if (where_.is_dead()) ec = error::network_down;
    else if (!receives_.empty()) ec = error::would_block;
    if (ec) return 0;
    const std::size_t count = receive_many(to, ec);
    if (ec == error::would_block && receive_shut_) ec = {};
    return count;
}

std::size_t stack_datagram::try_send_many(std::span<const outgoing_datagram> from, error_code& ec) {
    ec = {};
    if (where_.is_dead()) ec = error::network_down;
    else if (!sends_.empty()) ec = error::would_block;
    return ec ? 0 : send_many(from, ec);
}

// --- operations: try at once, if nobody waits before it; else wait for an event

void stack_datagram::perform_receive(datagram_operation& o) noexcept {
    if (o.several) o.transferred = try_receive_many(o.incoming, o.result);
    else
        o.transferred =
            try_receive({o.buffers.data(), o.buffer_count}, o.remote, o.flags, o.result);
}

void stack_datagram::perform_send(datagram_operation& o) noexcept {
    if (o.several) o.transferred = try_send_many(o.outgoing, o.result);
    else
        o.transferred = try_send({o.buffers.data(), o.buffer_count},
                                 o.addressed ? &o.remote : nullptr, o.flags, o.result);
}

void stack_datagram::start_receive(datagram_operation* o) {
    perform_receive(*o);
    if (o->result == error::would_block) receives_.push(o);
    else finish(o, o->result);
}

void stack_datagram::start_send(datagram_operation* o) {
    perform_send(*o);
    if (o->result == error::would_block) sends_.push(o);
    else finish(o, o->result);
}

void stack_datagram::start_wait(wait_operation* o) {
    if (where_.is_dead()) return finish(o, error::network_down);
    if (is_ready(o->kind)) finish(o, {});
    else waits_.push(o);
}

bool stack_datagram::is_ready(wait_kind kind) noexcept {
    stack::ip_stack& s = where_.stack();
    switch (kind) {
        case wait_kind::read: return receive_shut_ || s.udp_is_readable(id_);
        case wait_kind::write: return send_shut_ || s.udp_is_writable(id_);
        case wait_kind::error: break;
    }
    return (receive_shut_ && send_shut_) || s.udp_pending_error(id_, false) != stack::error::none;
}

// --- events

// Each in its turn, with the queue behind it out of sight.
void stack_datagram::on_event() noexcept {
    serve_waits();  // those who wait for an error see it before it is taken
    for (const bool receiving : {true, false}) {
        operation_queue& queue = receiving ? receives_ : sends_;
        operation_queue waiting;
        waiting.append(queue);
        while (auto* const o = static_cast<datagram_operation*>(waiting.pop())) {
            receiving ? perform_receive(*o) : perform_send(*o);
            if (o->result == error::would_block) {
                waiting.push_front(o);
                break;
            }
            finish(o, o->result);
        }
        queue.append(waiting);
    }
}

void stack_datagram::serve_waits() noexcept {
    operation_queue waiting;
    waiting.append(waits_);
    while (auto* const o = static_cast<wait_operation*>(waiting.pop())) {
        if (is_ready(o->kind)) finish(o, {});
        else waits_.push(o);
    }
}

void stack_datagram::fail_operations(error_code why) noexcept {
    for (operation_queue* const queue : {&receives_, &sends_, &waits_}) finish_all(*queue, why);
}

void stack_datagram::finish(socket_operation* o, error_code result) noexcept {
    o->result = result;
    where_.loop_of().complete(o);
}

void stack_datagram::finish_all(operation_queue& pending, error_code result) noexcept {
    while (operation* const o = pending.pop()) finish(static_cast<socket_operation*>(o), result);
}

// --- ending

void stack_datagram::cancel(socket_operation* o) {
    for (operation_queue* const queue : {&receives_, &sends_, &waits_})
        if (queue->remove(o)) return finish(o, error::operation_aborted);
}

void stack_datagram::cancel_all() { fail_operations(error::operation_aborted); }

// As Linux: without a peer it has its effect, and answers not_connected all the same.
error_code stack_datagram::shutdown(bool receive, bool send) {
    receive_shut_ = receive_shut_ || receive;
    send_shut_ = send_shut_ || send;
    on_event();
    return is_connected() ? error_code() : error_code(error::not_connected);
}

error_code stack_datagram::close() {
    cancel_all();
    if (!id_) return {};
    where_.stack().udp_close(id_);
    id_ = {};
    return {};
}

}  // namespace coax::detail
