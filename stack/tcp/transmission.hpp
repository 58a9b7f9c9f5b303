// What was sent and not acknowledged: records of transmissions, the blocks they lie in, and the
// pool of these blocks. Data only; flight.hpp keeps them in order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

#include "stack/base/time.hpp"
#include "stack/tcp/sequence.hpp"

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

// Blocks of all connections together. A few instructions to take and give back; grows by slabs.
class flight_pool {
  public:
    explicit flight_pool(std::uint64_t limit_bytes) noexcept
        : limit_(limit_bytes / sizeof(flight_block)) {}
    ~flight_pool() {
        while (slabs_ != nullptr) {
            slab* next = slabs_->next;
            delete slabs_;
            slabs_ = next;
        }
    }
    flight_pool(const flight_pool&) = delete;
    flight_pool& operator=(const flight_pool&) = delete;

    // nullptr at the limit. The contents are whatever they were.
    flight_block* take() noexcept {
        if (free_ == nullptr && !grow()) return nullptr;
        flight_block* b = free_;
        free_ = b->next;
        ++used_;
        return b;
    }
    void give_back(flight_block* b) noexcept {
        b->next = free_;
        free_ = b;
        --used_;
    }
    std::size_t used() const noexcept { return used_; }  // blocks

  private:
    static constexpr std::size_t blocks_per_slab = 128;
    struct slab {
        slab* next;
        flight_block blocks[blocks_per_slab];
        slab() noexcept {}  // NOLINT(modernize-use-equals-default): memory is touched when used
    };

    bool grow() noexcept {
        if (total_ >= limit_) return false;
        slab* s = new (std::nothrow) slab;
        if (s == nullptr) return false;
        s->next = slabs_;
        slabs_ = s;
        for (std::size_t i = blocks_per_slab; i-- > 0 && total_ < limit_; ++total_) {
            s->blocks[i].next = free_;
            free_ = &s->blocks[i];
        }
        return true;
    }

    std::size_t limit_;
    std::size_t total_ = 0;
    std::size_t used_ = 0;
    flight_block* free_ = nullptr;
    slab* slabs_ = nullptr;
};

}  // namespace coax::stack::tcp
