// What few senders count: what they sent again, and for how long something else than the network
// held them back. A connection with nothing of it has no such block.
#pragma once

#include <array>
#include <cstdint>

#include "stack/base/time.hpp"

namespace coax::stack::tcp {

struct core;
struct connection;

// Why nothing is sent, beside congestion control.
enum class sending_limit : std::uint8_t {
    none,
    receiver,     // the peer's window does not take the next segment, which could go otherwise
    send_buffer,  // all that fits is sent and the window has room, but the user waits for space
};

struct sender_totals {
    explicit sender_totals(std::uint32_t pool_index) noexcept : index(pool_index) {}

    std::uint32_t index;
    std::uint32_t resent_segments = 0;  // SYNs too
    std::uint64_t resent_bytes = 0;     // of payload
    instant limited_since{};
    std::array<duration, 3> limited{};  // in all, by sending_limit; without the current one
    sending_limit limit = sending_limit::none;
};

// A segment with so much payload went again. Without memory for it, nobody will know.
void count_resent(core& k, connection& c, std::uint32_t bytes) noexcept;
// The sender has sent what it may, and will be asked again when that changes: what limits it now?
void watch_limits(core& k, connection& c, instant now) noexcept;
// Nothing does.
void end_limit(core& k, connection& c, instant now) noexcept;
// How long it was, in all.
duration time_limited(const sender_totals& t, sending_limit by, instant now) noexcept;
// nullptr: nothing of it happened.
const sender_totals* totals_of(core& k, const connection& c) noexcept;
void forget_totals(core& k, connection& c) noexcept;

}  // namespace coax::stack::tcp
