// The urgent mark: where it stands, what it makes of reading, and the calls about it.
#include "stack/tcp/urgent.hpp"

#include <algorithm>

#include "stack/tcp/input.hpp"

namespace coax::stack::tcp {

// --- the sender

void mark_urgent(core& k, connection& c) noexcept {
    c.rare->urgent_sent = true;
    c.rare->urgent_end = stream_end(c);
    // RFC 9293 3.8.5: a closed window does not keep the news back; data that may go brings it.
    if (c.current >= state::established) c.ack_now = true;
    k.make_ready(c);
}

bool is_urgent(connection& c) noexcept {
    if (c.rare == nullptr || !c.rare->urgent_sent) return false;
    c.rare->urgent_sent = c.rare->urgent_end > c.snd.una;
    return c.rare->urgent_sent;
}

void tell_urgent(connection& c, segment& out) noexcept {
    const seq first(out.header.sequence);
    if (!is_urgent(c) || first >= c.rare->urgent_end) return;
    // RFC 9293 3.8.5 (MUST-62): the octet behind the last one. MUST-31: a mark that is farther than
    // the field reaches stands at its end, as long as that octet was not sent: what is sent later
    // moves it (as Linux).
    const std::uint32_t distance = c.rare->urgent_end - first;
    if (distance > 0xffff && first + 0xffffU <= c.snd.nxt) return;
    out.header.flags.urg = true;
    out.header.urgent_pointer = static_cast<std::uint16_t>(std::min(distance, 0xffffU));
}

// --- the receiver

namespace {

using urgent = rare_state::urgent_octet;

bool has_mark(const connection& c) noexcept {
    return c.rare != nullptr && c.rare->urgent != urgent::none;
}

// The octet before the mark is in the stream, or can be.
void forget_mark(connection& c) noexcept {
    c.rare->urgent = urgent::none;
    c.receiving.watch_reading(false);
}

}  // namespace

void on_urgent(core& k, connection& c, const incoming& in) noexcept {
    // RFC 9293 3.8.5: one past the last octet. Zero is what a middlebox leaves (RFC 6093 3.4).
    if (in.header.urgent_pointer == 0 || c.is_orphan() || c.fin_received) return;
    const seq octet = in.first + (in.header.urgent_pointer - 1U);
    // Read long ago, or in the stream already: the mark only moves forward (RCV.UP).
    if (octet < c.receiving.read_position() || octet < c.rcv.nxt) return;
    if (has_mark(c) && octet <= c.rare->urgent_at) return;
    if (rare_of(k, c) == nullptr) return;
    // The user stands before an octet that is not in line: it goes with its mark.
    const bool stands = has_mark(c) && c.rare->urgent_at == c.receiving.read_position();
    if (stands && !c.rare->urgent_inline && c.receiving.readable() != 0)
        c.receiving.skip(k.blocks, 1);
    c.rare->urgent = urgent::here;
    c.rare->urgent_at = octet;
    c.receiving.watch_reading(true);
    k.count.add(counted::urgent_marks);
    k.notify(c, &readiness::urgent);  // MUST-32
}

std::uint32_t visible_before_mark(const connection& c) noexcept {
    const std::uint32_t all = c.receiving.readable();
    if (!has_mark(c)) return all;
    const std::uint32_t before = c.rare->urgent_at - c.receiving.read_position();
    if (before != 0) return std::min(all, before);
    return c.rare->urgent_inline || all == 0 ? all : all - 1;
}

std::uint32_t readable_before_mark(core& k, connection& c) noexcept {
    if (!has_mark(c)) return c.receiving.readable();
    const std::uint32_t all = c.receiving.readable();
    const std::uint32_t before = c.rare->urgent_at - c.receiving.read_position();
    if (before != 0) return std::min(all, before);
    if (all == 0) return 0;
    // In line it is the first byte of what is read now; else it is left out, as on Linux, if more
    // follows: until then the user stands at the mark.
    if (!c.rare->urgent_inline) {
        if (all == 1) return 0;
        c.receiving.skip(k.blocks, 1);
    }
    forget_mark(c);
    return c.receiving.readable();
}

// --- calls

result<std::byte> layer::receive_urgent(socket_id socket, bool peek) noexcept {
    connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    if (!has_mark(*c) || c->rare->urgent_inline || c->rare->urgent == urgent::taken)
        return error::invalid_argument;
    if (c->rare->urgent_at >= c->receiving.end())
        return c->current == state::closed || c->fin_received ? error::end_of_stream
                                                              : error::would_block;
    const std::byte octet = c->receiving.byte_at(c->rare->urgent_at - c->receiving.read_position());
    if (!peek) c->rare->urgent = urgent::taken;
    return octet;
}

result<bool> layer::at_mark(socket_id socket) const noexcept {
    const connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    return has_mark(*c) && c->receiving.read_position() == c->rare->urgent_at;
}

bool layer::has_urgent(socket_id socket) const noexcept {
    const connection* c = core_->find(socket);
    return c != nullptr && has_mark(*c) && c->rare->urgent == urgent::here &&
           c->rare->urgent_at < c->receiving.end();
}

status layer::set_urgent_inline(socket_id socket, bool on) noexcept {
    connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    if (!on && c->rare == nullptr) return {};
    if (rare_of(*core_, *c) == nullptr) return error::no_buffer_space;
    c->rare->urgent_inline = on;
    return {};
}

}  // namespace coax::stack::tcp
