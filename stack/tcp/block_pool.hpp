// Memory of all socket buffers: blocks of one size, taken while bytes wait and given back at once
// when they don't (DESIGN, rule 7). Knows neither streams nor connections.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stack/tcp/sequence.hpp"
#include "stack/tcp/slab_pool.hpp"

namespace coax::stack::tcp {

struct block {
    static constexpr std::uint32_t capacity = 4096 - 16;  // bytes of data

    block* next;
    seq start;  // receive side: sequence number of data[0]
    std::uint32_t reserved;
    std::byte data[capacity];
};
static_assert(sizeof(block) == 4096);

class block_pool : public slab_pool<block, 64> {
  public:
    using slab_pool::slab_pool;

    // As take(), but a sixteenth is left for others: what an application has to send can wait, what
    // arrived in order must not be lost for it.
    block* take_leaving_reserve() noexcept {
        return used() >= limit() - limit() / 16 ? nullptr : take();
    }
    // What take() can still give.
    std::uint64_t free_bytes() const noexcept {
        return (limit() - used()) * std::uint64_t{block::capacity};
    }
    // Three quarters are taken: what is not needed to make progress should be refused.
    bool scarce() const noexcept { return used() >= limit() - limit() / 4; }
};

}  // namespace coax::stack::tcp
