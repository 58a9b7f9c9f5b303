// The receive window: how much of the buffer is offered, and when a change is told.
#include <algorithm>

#include "stack/tcp/output.hpp"

namespace coax::stack::tcp {

namespace {

// As far as the window field can tell (RFC 7323 2.2).
std::uint32_t tellable(const connection& c, std::uint32_t bytes) noexcept {
    return std::min(bytes, 0xffffU << c.rcv.scale);
}

std::uint32_t capacity(const connection& c) noexcept { return tellable(c, c.rcv.capacity); }

std::uint32_t room(const connection& c) noexcept {
    const std::uint32_t waiting = c.receiving.readable();
    return c.rcv.capacity > waiting ? tellable(c, c.rcv.capacity - waiting) : 0;
}

std::uint32_t offered(const connection& c) noexcept {
    return c.rcv.edge > c.rcv.nxt ? c.rcv.edge - c.rcv.nxt : 0;
}

}  // namespace

std::uint32_t advertise_window(connection& c) noexcept {
    const std::uint32_t now_offered = offered(c);
    std::uint32_t wanted = room(c);
    // RFC 9293 3.8.6.2.2 (MUST-39): the edge moves by whole segments or half the buffer
    const std::uint32_t step = std::min<std::uint32_t>(capacity(c) / 2, c.rcv.mss);
    if (wanted < now_offered + step) wanted = now_offered;  // and never to the left (SHLD-14)
    std::uint32_t field = wanted >> c.rcv.scale;
    // RFC 7323 2.4: scaling must not shrink it; but rounding up for each of many small segments
    // must not carry the edge past the buffer by more than one unit either.
    const std::uint32_t unit = 1U << c.rcv.scale;
    const bool rounded_down = (field << c.rcv.scale) < now_offered;
    if (rounded_down && ((field + 1) << c.rcv.scale) < room(c) + unit) ++field;
    field = std::min(field, 0xffffU);
    c.rcv.edge = later_of(c.rcv.edge, c.rcv.nxt + (field << c.rcv.scale));
    return field;
}

bool is_window_update_due(const connection& c) noexcept {
    const std::uint32_t now_offered = offered(c);
    const std::uint32_t free = room(c);
    if (free < now_offered + std::min<std::uint32_t>(capacity(c) / 2, 2U * c.rcv.mss)) return false;
    // While the peer still has half of the buffer to fill, the next acknowledgment tells it.
    return now_offered < capacity(c) / 2 && free >= now_offered + capacity(c) / 4;
}

}  // namespace coax::stack::tcp
