// SEND, RECEIVE (RFC 9293 3.10.2, 3.10.3) and what can be asked about them.
#include <algorithm>

#include "stack/tcp/core.hpp"
#include "stack/tcp/output.hpp"
#include "stack/tcp/urgent.hpp"

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
    if (c.current == state::established && c.failure == error::none && !c.fin_queued) [[likely]]
        return error::none;
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

// Returns how much was taken; `offered` is told, or more than what was taken where not all was.
[[gnu::noinline]] std::size_t append_each(core& k, connection& c,
                                          std::span<const const_bytes> pieces, std::size_t& offered,
                                          instant now) noexcept {
    std::size_t taken = 0;
    for (const const_bytes& piece : pieces) {
        const std::uint32_t n = c.sending.append(k.blocks, piece, c.snd.capacity, now);
        offered += piece.size();
        taken += n;
        if (n < piece.size()) break;
    }
    return taken;
}

// What a send() with flags needs before it takes anything.
[[gnu::noinline]] error prepare_flags(core& k, connection& c, send_flags how) noexcept {
    rare_state* const rare = rare_of(k, c);
    if (rare == nullptr) return error::no_buffer_space;
    if (!how.end_of_record || rare->records.make_room(k.blocks)) return error::none;
    c.wants_write = true;
    return c.sending.size() == 0 ? error::no_buffer_space : error::would_block;
}

// What was said of the bytes just taken; of the last one, if all were.
[[gnu::noinline]] void note_flags(core& k, connection& c, send_flags how, bool all) noexcept {
    rare_state& rare = *c.rare;
    rare.more = how.more;
    rare.more_since = c.snd.una;
    if (!all) return;
    if (how.end_of_record) rare.records.push(stream_end(c));
    if (how.urgent) mark_urgent(k, c);
}

// At a mark, or near one (RFC 9293 3.8.5).
[[gnu::noinline]] std::size_t read_carefully(core& k, connection& c,
                                             std::span<const mutable_bytes> pieces) noexcept {
    return c.receiving.read(k.blocks, pieces, readable_before_mark(k, c));
}

}  // namespace

namespace {

template <class... Flags>  // none, or send_flags
[[gnu::always_inline]] inline result<std::size_t> take_bytes(core& k, connection* c,
                                                             std::span<const const_bytes> pieces,
                                                             instant now, Flags... how) noexcept {
    if (c == nullptr) return error::bad_handle;
    if (const error e = cannot_send(*c); e != error::none) return e;
    if constexpr (sizeof...(how) != 0) {
        if (const error e = prepare_flags(k, *c, how...); e != error::none) return e;
    }
    std::size_t offered = 0;
    std::size_t taken = 0;
    if (pieces.size() == 1) [[likely]] {
        offered = pieces.front().size();
        taken = c->sending.append(k.blocks, pieces.front(), c->snd.capacity, now);
    } else {
        taken = append_each(k, *c, pieces, offered, now);
    }
    if (taken < offered) c->wants_write = true;
    if (taken == 0) {
        if (offered == 0) return std::size_t{0};
        // With nothing in the buffer no acknowledgment will ever make room.
        return c->sending.size() == 0 ? error::no_buffer_space : error::would_block;
    }
    if (c->rare != nullptr) [[unlikely]]
        note_flags(k, *c, send_flags{how...}, taken == offered);
    if (c->current == state::established || c->current == state::close_wait) [[likely]]
        k.make_ready(*c);
    return taken;
}

}  // namespace

result<std::size_t> layer::send(socket_id socket, std::span<const const_bytes> pieces,
                                instant now) noexcept {
    core& k = *core_;
    return take_bytes(k, k.find(socket), pieces, now);
}

result<std::size_t> layer::send(socket_id socket, std::span<const const_bytes> pieces, instant now,
                                send_flags how) noexcept {
    core& k = *core_;
    return take_bytes(k, k.find(socket), pieces, now, how);
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
    std::size_t n = c->receiving.read_all(k.blocks, pieces);
    if (n == 0) [[unlikely]] {
        n = read_carefully(k, *c, pieces);
        // The urgent octet is all there is.
        if (n == 0 && visible_before_mark(*c) == 0) return nothing_to_read(*c);
    }
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
    const std::uint32_t most = visible_before_mark(*c);
    if (most == 0) return nothing_to_read(*c);
    // At a mark, where a receive() would skip the octet.
    const bool skips =
        most < c->receiving.readable() && c->receiving.read_position() == c->rare->urgent_at;
    return std::size_t{c->receiving.peek(pieces, skips ? 1 : 0, most)};
}

std::size_t layer::available(socket_id socket) const noexcept {
    const connection* c = core_->find(socket);
    return c == nullptr ? 0 : visible_before_mark(*c);
}

std::size_t layer::send_space(socket_id socket) const noexcept {
    const connection* c = core_->find(socket);
    if (c == nullptr || cannot_send(*c) != error::none) return 0;
    return c->snd.capacity > c->sending.size() ? c->snd.capacity - c->sending.size() : 0;
}

}  // namespace coax::stack::tcp
