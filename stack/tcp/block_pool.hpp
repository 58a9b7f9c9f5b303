// Memory of all socket buffers: blocks of one size, taken while bytes wait and given back at once
// when they don't (DESIGN, rule 7). Knows neither streams nor connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "stack/tcp/sequence.hpp"

namespace coax::stack::tcp {

struct block {
    static constexpr std::uint32_t capacity = 4096 - 16;  // bytes of data

    block* next;
    seq start;  // receive side: sequence number of data[0]
    std::uint32_t reserved;
    std::byte data[capacity];
};
static_assert(sizeof(block) == 4096);

class block_pool {
  public:
    explicit block_pool(std::uint64_t limit_bytes) noexcept : limit_(limit_bytes / sizeof(block)) {}
    ~block_pool() {
        while (slabs_ != nullptr) {
            slab* next = slabs_->next;
            delete slabs_;
            slabs_ = next;
        }
    }
    block_pool(const block_pool&) = delete;
    block_pool& operator=(const block_pool&) = delete;

    // nullptr at the limit. The contents are whatever they were.
    block* take() noexcept {
        if (free_ == nullptr && !grow()) return nullptr;
        block* b = free_;
        free_ = b->next;
        ++used_;
        return b;
    }
    // As take(), but a sixteenth is left for others: what an application has to send can wait, what
    // arrived in order must not be lost for it.
    block* take_leaving_reserve() noexcept {
        return used_ >= limit_ - limit_ / 16 ? nullptr : take();
    }
    void give_back(block* b) noexcept {
        b->next = free_;
        free_ = b;
        --used_;
    }
    std::size_t used() const noexcept { return used_; }  // blocks
    // What take() can still give.
    std::uint64_t free_bytes() const noexcept {
        return (limit_ - used_) * std::uint64_t{block::capacity};
    }
    // Three quarters are taken: what is not needed to make progress should be refused.
    bool scarce() const noexcept { return used_ >= limit_ - limit_ / 4; }

  private:
    static constexpr std::size_t blocks_per_slab = 64;
    struct slab {
        slab* next;
        block blocks[blocks_per_slab];
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
    block* free_ = nullptr;
    slab* slabs_ = nullptr;
};

}  // namespace coax::stack::tcp
