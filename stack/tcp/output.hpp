// What a sender puts on the wire next. Each question has its function; the first that answers yes
// has filled the segment. Knows no frame and no route but the MTU.
#pragma once

#include <algorithm>

#include "stack/tcp/core.hpp"
#include "stack/tcp/recovery.hpp"

namespace coax::stack::tcp {

// The usual answer after the last segment, without asking each question. Not for SYN-SENT and
// SYN-RECEIVED, which owe a SYN.
inline bool has_nothing_to_send(const connection& c) noexcept {
    return c.sending.size() <= c.outstanding() && !c.ack_now && !c.fin_queued && !c.syn_pending &&
           !c.probe_pending && !c.keep_alive_pending && !has_retransmission(c);
}

// The bare beginning of any segment.
inline void address(segment& out, const flow& ends, seq first) noexcept {
    out.ends = ends;
    out.header = wire::tcp_header();
    out.header.source_port = ends.local.port;
    out.header.destination_port = ends.remote.port;
    out.header.sequence = first.value();
    out.payload_pieces = 0;
    out.payload_size = 0;
    out.gso_bytes = 0;
    out.traffic_class = out.hops = 0;
}

// False: nothing to send now. A reply, once sent, is freed by the call that answers false.
bool next_segment(core& k, connection& c, instant now, segment& out) noexcept;
bool next_segment(core& k, half_open& h, instant now, segment& out) noexcept;
bool next_segment(core& k, time_wait& t, instant now, segment& out) noexcept;
bool next_segment(core& k, reply& r, segment& out) noexcept;

// The window to advertise, with silly-window avoidance (RFC 9293 3.8.6.2.2); moves rcv.edge.
[[gnu::noinline]] std::uint32_t advertise_unusual_window(connection& c) noexcept;
inline std::uint32_t advertise_window(connection& c) noexcept {
    // Nearly always the window has to stay as it is, less what came: the edge does not move yet,
    // for not enough was read, nor is there less room than was offered. Then rounding up keeps the
    // edge from moving left (RFC 7323 2.4), and carries it no further than the buffer goes.
    const std::uint32_t offered = c.rcv.edge - c.rcv.nxt;
    const std::uint32_t free = c.rcv.capacity - c.receiving.readable();
    const std::uint32_t step = std::min<std::uint32_t>(c.rcv.capacity / 2, c.rcv.mss);
    // Where more waits than there is room for, `free` is beyond all steps: no buffer has half of
    // the numbers. What of a larger one the window field can't tell, is not looked at here.
    if (offered > free || free - offered >= step || c.rcv.capacity > 0xffffU << c.rcv.scale)
        [[unlikely]]
        return advertise_unusual_window(c);
    const std::uint32_t field = (offered + (1U << c.rcv.scale) - 1) >> c.rcv.scale;
    c.rcv.edge = c.rcv.nxt + (field << c.rcv.scale);
    return field;
}
// The user took data: is the news worth a segment of its own? While the peer still has half of the
// buffer to fill, the next acknowledgment tells it.
bool is_large_window_update(const connection& c) noexcept;
inline bool is_window_update_due(const connection& c) noexcept {
    if (c.rcv.edge > c.rcv.nxt && c.rcv.edge - c.rcv.nxt >= c.rcv.capacity / 2) [[likely]]
        return false;
    return is_large_window_update(c);
}

}  // namespace coax::stack::tcp
