// Where the user's records end, in what he gave and nobody sent yet (MSG_EOR): a segment goes no
// further than such an end. A ring in one block of the buffers' memory, taken while there are any.
// Knows no segment.
#pragma once

#include <cstring>
#include <optional>

#include "stack/tcp/block_pool.hpp"
#include "stack/tcp/sequence.hpp"

namespace coax::stack::tcp {

class record_ends {
  public:
    // Of records that wait: a user with more has to wait, too.
    static constexpr std::uint32_t most = block::capacity / sizeof(seq);

    // One more can be remembered. False: there are too many, or there is no memory.
    bool make_room(block_pool& pool) noexcept {
        if (block_ == nullptr) block_ = pool.take_leaving_reserve();
        return block_ != nullptr && count_ < most;
    }
    // After make_room(). Not before the last one.
    void push(seq end) noexcept {
        std::memcpy(place(first_ + count_), &end, sizeof end);
        ++count_;
    }
    // The first one behind `sent`; forgets those before it, and the memory with the last one.
    std::optional<seq> next_after(block_pool& pool, seq sent) noexcept {
        while (count_ != 0) {
            seq end;
            std::memcpy(&end, place(first_), sizeof end);
            if (end > sent) return end;
            first_ = (first_ + 1) % most;
            --count_;
        }
        clear(pool);
        return std::nullopt;
    }
    bool empty() const noexcept { return count_ == 0; }
    void clear(block_pool& pool) noexcept {
        if (block_ != nullptr) pool.give_back(block_);
        block_ = nullptr;
        first_ = count_ = 0;
    }

  private:
    std::byte* place(std::uint32_t index) noexcept {
        return block_->data + index % most * sizeof(seq);
    }

    block* block_ = nullptr;
    std::uint32_t first_ = 0;
    std::uint32_t count_ = 0;
};

}  // namespace coax::stack::tcp
