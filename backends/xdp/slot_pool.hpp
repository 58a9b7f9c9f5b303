// Who has which transmit slot: free, lent to the stack, or with the kernel. Knows the slots'
// numbers only, neither addresses nor rings. Invariant: free + lent + kernel = size.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace coax::backends {

class slot_pool {
  public:
    slot_pool() = default;
    explicit slot_pool(std::uint32_t size) : pieces_(size, piece_free) {
        free_.reserve(size);
        // The lowest is on top: a lightly used pool touches little memory.
        for (std::uint32_t slot = size; slot != 0; --slot) free_.push_back(slot - 1);
    }

    std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(pieces_.size()); }
    std::uint32_t free() const noexcept { return static_cast<std::uint32_t>(free_.size()); }
    std::uint32_t lent() const noexcept { return lent_; }
    std::uint32_t with_kernel() const noexcept { return kernel_; }
    bool balanced() const noexcept { return free() + lent_ + kernel_ == size(); }

    // free -> lent: the slot that came back last, as it is likely still in the cache. One must be
    // free.
    std::uint32_t lend() noexcept {
        assert(!free_.empty());
        const std::uint32_t slot = free_.back();
        free_.pop_back();
        assert(pieces_[slot] == piece_free);
        pieces_[slot] = piece_lent;
        ++lent_;
        return slot;
    }
    // lent -> free
    void take_back(std::uint32_t slot) noexcept {
        assert(pieces_[slot] == piece_lent);
        --lent_;
        put(slot);
    }
    // lent -> kernel, which will complete it in `pieces` pieces (1..250).
    void hand_over(std::uint32_t slot, std::uint32_t pieces) noexcept {
        assert(pieces_[slot] == piece_lent && pieces != 0 && pieces < piece_lent);
        pieces_[slot] = static_cast<std::uint8_t>(pieces);
        --lent_;
        ++kernel_;
    }
    // kernel -> free with the last piece. False, and nothing is done, if the kernel does not have
    // this slot.
    bool complete_piece(std::uint32_t slot) noexcept {
        if (slot >= size() || pieces_[slot] == piece_free || pieces_[slot] == piece_lent)
            return false;
        if (--pieces_[slot] == piece_free) {
            --kernel_;
            put(slot);
        }
        return true;
    }

  private:
    static constexpr std::uint8_t piece_free = 0;
    static constexpr std::uint8_t piece_lent = 255;

    void put(std::uint32_t slot) noexcept {
        pieces_[slot] = piece_free;
        free_.push_back(slot);  // never beyond the reserved capacity
    }

    std::vector<std::uint32_t> free_;
    std::vector<std::uint8_t> pieces_;  // of each slot: free, lent, or pieces that the kernel has
    std::uint32_t lent_ = 0;
    std::uint32_t kernel_ = 0;
};

}  // namespace coax::backends
