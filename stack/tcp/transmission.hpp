// What was sent and not acknowledged: records of transmissions, the blocks they lie in, and
// the pool of these blocks. Data only; flight.hpp keeps them in order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

#include "stack/base/time.hpp"
#include "stack/tcp/sequence.hpp"
#include "stack/tcp/slab_pool.hpp"

namespace coax::stack::tcp {

// One segment, or several that left together (a super-segment): [first, last). FIN counts as one.
struct transmission {
    seq first;
    seq last;
    instant sent_at{};  // the last time
    // The connection's totals when it was sent (only for a congestion control that samples rates).
    std::uint32_t delivered = 0;      // bytes
    std::uint32_t delivered_at = 0;   // microseconds
    std::uint32_t first_sent_at = 0;  // microseconds
    std::uint32_t in_flight = 0;      // bytes, this one included
    std::uint32_t lost_before = 0;    // bytes
    std::uint16_t segment = 1;        // bytes of each segment in it: where it may be cut
    bool sacked : 1 = false;          // the receiver holds it (RFC 2018)
    bool lost : 1 = false;            // thought to be lost
    bool again : 1 = false;           // sent again, and that one is thought to be under way
    bool resent : 1 = false;          // was ever sent again (Karn)
    bool app_limited : 1 = false;
    bool pushed : 1 = false;       // a full segment with PSH, which it has again
    bool ends_record : 1 = false;  // what follows goes in a segment of its own (MSG_EOR)

    // Written where it lies, not copied there.
    void begin(seq from, seq to, std::uint16_t each, instant now) noexcept {
        ::new (this) transmission{.first = from, .last = to, .sent_at = now, .segment = each};
    }
    std::uint32_t size() const noexcept { return last - first; }
    // Something of it is under way and may yet be found lost.
    bool is_under_way() const noexcept { return !sacked && (!lost || again); }
    bool is_due() const noexcept { return lost && !again && !sacked; }
};
static_assert(sizeof(transmission) == 40);

// Records in order of sequence, [begin, end) of `records`.
struct flight_block {
    static constexpr std::uint8_t capacity = 12;

    flight_block* next;
    flight_block* previous;
    // No record that is under way was sent before this; `never`: there is none.
    instant oldest;
    std::uint32_t blocks;  // of the flight; in its first block only
    std::uint8_t begin;
    std::uint8_t end;
    std::array<transmission, capacity> records;

    flight_block() noexcept {}  // NOLINT(modernize-use-equals-default): written when taken
};
static_assert(sizeof(flight_block) == 512);

using flight_pool = slab_pool<flight_block, 128>;

}  // namespace coax::stack::tcp
