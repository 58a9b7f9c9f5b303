// The receive window: how much of the buffer is offered, and when a change is told.
#include <algorithm>

#include "stack/tcp/output.hpp"

namespace coax::stack::tcp {

namespace {

// The buffer, its free part, and what of it is offered; as far as the window field can tell
// (RFC 7323 2.2).
struct receive_room {
    std::uint32_t capacity;
    std::uint32_t free;
    std::uint32_t offered;
};

receive_room room_of(const connection& c) noexcept {
    const std::uint32_t tellable = 0xffffU << c.rcv.scale;
    const std::uint32_t waiting = c.receiving.readable();
    const std::uint32_t free = c.rcv.capacity > waiting ? c.rcv.capacity - waiting : 0;
    return {std::min(c.rcv.capacity, tellable), std::min(free, tellable),
            c.rcv.edge > c.rcv.nxt ? c.rcv.edge - c.rcv.nxt : 0};
}

}  // namespace

// What nobody reads keeps it closed, for ever if need be (RFC 9293 3.8.6.1, MAY-8).
std::uint32_t advertise_unusual_window(connection& c) noexcept {
    const receive_room room = room_of(c);
    // RFC 9293 3.8.6.2.2 (MUST-39): the edge moves by whole segments or half the buffer
    const std::uint32_t step = std::min<std::uint32_t>(room.capacity / 2, c.rcv.mss);
    const bool moves = room.free >= room.offered + step;
    std::uint32_t field = (moves ? room.free : room.offered) >> c.rcv.scale;  // SHLD-14: not left
    if ((field << c.rcv.scale) < room.offered) {
        // RFC 7323 2.4: scaling must not shrink it; but rounding up for each of many small segments
        // must not carry the edge past the buffer by more than one unit either.
        const std::uint32_t unit = 1U << c.rcv.scale;
        if (((field + 1) << c.rcv.scale) < room.free + unit) ++field;
        field = std::min(field, 0xffffU);
    }
    c.rcv.edge = later_of(c.rcv.edge, c.rcv.nxt + (field << c.rcv.scale));
    return field;
}

bool is_large_window_update(const connection& c) noexcept {
    const receive_room room = room_of(c);
    if (room.offered >= room.capacity / 2) return false;
    return room.free >=
           room.offered + std::max(room.capacity / 4,
                                   std::min<std::uint32_t>(room.capacity / 2, 2U * c.rcv.mss));
}

}  // namespace coax::stack::tcp
