// What few senders count: what they sent again. A connection that did not has no such block.
#pragma once

#include <cstdint>

namespace coax::stack::tcp {

struct core;
struct connection;

struct sender_totals {
    explicit sender_totals(std::uint32_t pool_index) noexcept : index(pool_index) {}

    std::uint32_t index;
    std::uint32_t resent_segments = 0;  // SYNs too
    std::uint64_t resent_bytes = 0;     // of payload
};

// A segment with so much payload went again. Without memory for it, nobody will know.
void count_resent(core& k, connection& c, std::uint32_t bytes) noexcept;
// nullptr: nothing was sent again.
const sender_totals* totals_of(core& k, const connection& c) noexcept;
void forget_totals(core& k, connection& c) noexcept;

}  // namespace coax::stack::tcp
