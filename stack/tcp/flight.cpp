// The flight's rare moves: another block, a record in the middle, a cut.
#include "stack/tcp/flight.hpp"

#include <algorithm>

namespace coax::stack::tcp {

flight_block* flight::insert_block(flight_pool& pool, flight_block* after,
                                   std::uint32_t blocks_max) noexcept {
    if (oldest_ != nullptr && oldest_->blocks >= blocks_max) return nullptr;
    flight_block* b = pool.take();
    if (b == nullptr) return nullptr;
    b->begin = b->end = 0;
    b->oldest = never;
    if (after == nullptr) {
        b->next = b->previous = b;
        b->blocks = 1;
        oldest_ = b;
    } else {
        ++oldest_->blocks;
        b->next = after->next;
        b->previous = after;
        after->next->previous = b;
        after->next = b;
    }
    return b;
}

bool flight::record_lone(flight_pool& pool, seq first, seq last) noexcept {
    flight_block* const b = pool.take();
    if (b == nullptr) return false;
    const instant sent_at = lone_sent_at();
    b->next = b->previous = b;
    b->oldest = sent_at;
    b->blocks = 1;
    b->begin = 0;
    b->end = 1;
    b->records[0].begin(first, last, static_cast<std::uint16_t>(last - first), sent_at);
    oldest_ = b;
    return true;
}

flight_block* flight::append_block(flight_pool& pool, std::uint32_t blocks_max) noexcept {
    return insert_block(pool, oldest_ == nullptr ? nullptr : oldest_->previous, blocks_max);
}

transmission* flight::grow_newest(seq last) noexcept {
    if (oldest_ == nullptr) return nullptr;
    transmission& t = newest();
    if (t.sacked || t.lost || t.resent) return nullptr;
    t.last = last;
    return &t;
}

flight::position flight::find(seq at, position from) const noexcept {
    position p = from;
    if (!p || at < p->first) return {};
    while (p.block->records[p.block->end - 1U].last <= at) {
        p = next_block(p);
        if (!p) return {};
    }
    transmission* const records = p.block->records.data();
    const transmission* found =
        std::upper_bound(records + p.block->begin, records + p.block->end, at,
                         [](seq wanted, const transmission& t) { return wanted < t.last; });
    return {p.block, static_cast<std::uint8_t>(found - records)};
}

flight::position flight::split(flight_pool& pool, position p, seq at,
                               std::uint32_t blocks_max) noexcept {
    flight_block* b = p.block;
    if (b->begin != 0) {  // room at the front: the records before move there
        std::move(b->records.begin() + b->begin, b->records.begin() + p.index + 1,
                  b->records.begin() + b->begin - 1);
        --b->begin;
        --p.index;
    } else {
        if (b->end == flight_block::capacity) {  // the upper half moves to a block of its own
            flight_block* upper = insert_block(pool, b, blocks_max);
            if (upper == nullptr) return {};
            constexpr std::uint8_t half = flight_block::capacity / 2;
            std::move(b->records.begin() + half, b->records.end(), upper->records.begin());
            upper->end = flight_block::capacity - half;
            upper->oldest = b->oldest;
            b->end = half;
            if (p.index >= half) {
                p = {upper, static_cast<std::uint8_t>(p.index - half)};
                b = upper;
            }
        }
        std::move_backward(b->records.begin() + p.index, b->records.begin() + b->end,
                           b->records.begin() + b->end + 1);
        ++b->end;
    }
    transmission& lower = b->records[p.index];
    transmission& upper = b->records[p.index + 1U];
    lower = upper;
    lower.last = at;
    lower.pushed = lower.ends_record = false;
    upper.first = at;
    lower.in_flight -= std::min(lower.in_flight, upper.size());  // it was sent first
    return p;
}

void flight::merge_next(position p) noexcept {
    flight_block& b = *p.block;
    const transmission& next = b.records[p.index + 1U];
    p->last = next.last;
    p->pushed = p->pushed || next.pushed;
    p->ends_record = next.ends_record;
    std::move(b.records.begin() + p.index + 2, b.records.begin() + b.end,
              b.records.begin() + p.index + 1);
    --b.end;
}

}  // namespace coax::stack::tcp
