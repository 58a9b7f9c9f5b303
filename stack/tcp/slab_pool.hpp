// Blocks of one type for all connections together, up to a limit. A few instructions to take and
// give back; grows by slabs, which it keeps. Knows nothing of what the blocks hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace coax::stack::tcp {

// `Block` has a member `next`, a pointer to another; it is the pool's while the block is free.
template <class Block, std::size_t BlocksPerSlab>
class slab_pool {
  public:
    explicit slab_pool(std::uint64_t limit_bytes) noexcept : limit_(limit_bytes / sizeof(Block)) {}
    ~slab_pool() {
        while (slabs_ != nullptr) {
            slab* next = slabs_->next;
            delete slabs_;
            slabs_ = next;
        }
    }
    slab_pool(const slab_pool&) = delete;
    slab_pool& operator=(const slab_pool&) = delete;

    // nullptr at the limit. The contents are whatever they were.
    Block* take() noexcept {
        if (free_ == nullptr && !grow()) [[unlikely]]
            return nullptr;
        return take_next();
    }
    // The one that take() would give, which stays the pool's; its member `next` is not to be
    // touched. nullptr at the limit.
    Block* next() noexcept { return free_ != nullptr || grow() ? free_ : nullptr; }
    // take() right after next().
    Block* take_next() noexcept {
        Block* b = free_;
        free_ = b->next;
        ++used_;
        return b;
    }
    void give_back(Block* b) noexcept {
        b->next = free_;
        free_ = b;
        --used_;
    }
    std::size_t used() const noexcept { return used_; }    // blocks
    std::size_t limit() const noexcept { return limit_; }  // blocks

  private:
    struct slab {
        slab* next;
        Block blocks[BlocksPerSlab];
        slab() noexcept {}  // NOLINT(modernize-use-equals-default): memory is touched when used
    };

    [[gnu::noinline]] bool grow() noexcept {
        if (total_ >= limit_) return false;
        slab* s = new (std::nothrow) slab;
        if (s == nullptr) return false;
        s->next = slabs_;
        slabs_ = s;
        for (std::size_t i = BlocksPerSlab; i-- > 0 && total_ < limit_; ++total_) {
            s->blocks[i].next = free_;
            free_ = &s->blocks[i];
        }
        return true;
    }

    std::size_t limit_;
    std::size_t total_ = 0;
    std::size_t used_ = 0;
    Block* free_ = nullptr;
    slab* slabs_ = nullptr;
};

}  // namespace coax::stack::tcp
