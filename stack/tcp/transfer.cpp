// SEND, RECEIVE (RFC 9293 3.10.2, 3.10.3) and what can be asked about them.
#include <algorithm>

#include "stack/tcp/core.hpp"
#include "stack/tcp/output.hpp"

namespace coax::stack::tcp {

namespace {

// Why nothing can be read although nothing is readable.
error nothing_to_read(const connection& c) noexcept {
    if (c.current == state::listen) return error::invalid_argument;
    if (c.failure != error::none) return c.failure;
    if (c.fin_received || c.receive_shut) return error::end_of_stream;
    if (c.current == state::closed)
        return c.active_open ? error::end_of_stream : error::not_connected;
    return error::would_block;
}

error cannot_send(const connection& c) noexcept {
    if (c.failure != error::none) return c.failure;
    if (c.fin_queued) return error::broken_pipe;
    switch (c.current) {
        case state::syn_sent:  // RFC 9293 3.10.2: queued until ESTABLISHED
        case state::syn_received:
        case state::established:
        case state::close_wait: return error::none;
        case state::closed:
        case state::listen: return error::not_connected;
        default: return error::broken_pipe;
    }
}

// A promise of more is kept as far as there is memory to remember it.
// Returns how much was taken; `offered` is told, or more than what was taken where not all was.
[[gnu::noinline]] std::size_t append_each(core& k, connection& c,
                                          std::span<const const_bytes> pieces,
                                          std::size_t& offered) noexcept {
    std::size_t taken = 0;
    for (const const_bytes& piece : pieces) {
        const std::uint32_t n = c.sending.append(k.blocks, piece, c.snd.capacity);
        offered += piece.size();
        taken += n;
        if (n < piece.size()) break;
    }
    return taken;
}

[[gnu::noinline]] void note_flags(core& k, connection& c, send_flags how) noexcept {
    rare_state* const rare = rare_of(k, c);
    if (rare != nullptr) rare->more = how.more;
}

}  // namespace

result<std::size_t> layer::send(socket_id socket, std::span<const const_bytes> pieces, instant,
                                send_flags how) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (const error e = cannot_send(*c); e != error::none) return e;
    if (how.more || c->rare != nullptr) note_flags(k, *c, how);
    std::size_t offered = 0;
    std::size_t taken = 0;
    if (pieces.size() == 1) [[likely]] {
        offered = pieces.front().size();
        taken = c->sending.append(k.blocks, pieces.front(), c->snd.capacity);
    } else {
        taken = append_each(k, *c, pieces, offered);
    }
    if (taken < offered) c->wants_write = true;
    if (taken == 0) {
        if (offered == 0) return std::size_t{0};
        // With nothing in the buffer no acknowledgment will ever make room.
        return c->sending.size() == 0 ? error::no_buffer_space : error::would_block;
    }
    if (c->current == state::established || c->current == state::close_wait) k.make_ready(*c);
    return taken;
}

result<std::size_t> layer::receive(socket_id socket, std::span<const mutable_bytes> pieces,
                                   instant now) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (c->receiving.readable() == 0) {
        const error e = nothing_to_read(*c);
        return e;
    }
    const std::size_t n = c->receiving.read(k.blocks, pieces);
    if (c->receiving.is_past_mark()) tune_receive_buffer(k, *c, now);
    if (c->in_table && !c->fin_received && is_window_update_due(*c)) {
        c->ack_now = true;
        k.make_ready(*c);
    }
    return n;
}

result<std::size_t> layer::peek(socket_id socket, std::span<const mutable_bytes> pieces) noexcept {
    connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    if (c->receiving.readable() == 0) return nothing_to_read(*c);
    return std::size_t{c->receiving.peek(pieces)};
}

std::size_t layer::available(socket_id socket) const noexcept {
    const connection* c = core_->find(socket);
    return c == nullptr ? 0 : c->receiving.readable();
}

std::size_t layer::send_space(socket_id socket) const noexcept {
    const connection* c = core_->find(socket);
    if (c == nullptr || cannot_send(*c) != error::none) return 0;
    return c->snd.capacity > c->sending.size() ? c->snd.capacity - c->sending.size() : 0;
}

}  // namespace coax::stack::tcp
