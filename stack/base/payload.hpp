// A view of payload that may lie in several pieces (a multi-buffer frame): trimmed and copied by
// the layers, owned by the device's receive burst.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

namespace coax::stack {

using const_bytes = std::span<const std::byte>;
using mutable_bytes = std::span<std::byte>;

// First piece held directly, the others by reference: nearly every frame is one piece. Valid as
// long as the frame it was cut from (until device::release()).
class payload_view {
  public:
    payload_view() = default;
    payload_view(const_bytes head) noexcept : head_(head), size_(head.size()) {}
    payload_view(const_bytes head, std::span<const const_bytes> rest) noexcept
        : head_(head), rest_(rest), size_(head.size()) {
        for (const auto& piece : rest) size_ += piece.size();
    }

    std::size_t size() const noexcept { return size_; }  // bytes in all pieces
    bool empty() const noexcept { return size_ == 0; }
    const_bytes head() const noexcept { return head_.size() <= size_ ? head_ : head_.first(size_); }

    // Drop `count` bytes (at most size()) from the front / from the back.
    void trim_front(std::size_t count) noexcept {
        size_ -= count;
        if (count < head_.size()) {  // nearly always
            head_ = head_.subspan(count);
            return;
        }
        while (count >= head_.size() && !rest_.empty()) {
            count -= head_.size();
            head_ = rest_.front();
            rest_ = rest_.subspan(1);
        }
        head_ = head_.subspan(count);
    }
    void trim_back(std::size_t count) noexcept { size_ -= count; }
    // True if head() is all there is.
    bool is_one_piece() const noexcept { return size_ <= head_.size(); }

    // Copies size() bytes to `target`, which must be at least that long.
    void copy_to(std::byte* target) const noexcept {
        for_each([&target](const_bytes piece) {
            std::memcpy(target, piece.data(), piece.size());
            target += piece.size();
        });
    }

    // Calls visit(const_bytes) for each non-empty piece in order.
    template <class Visit>
    void for_each(Visit&& visit) const {
        std::size_t left = size_;
        const_bytes piece = head_;
        std::span<const const_bytes> rest = rest_;
        while (left != 0) {
            if (piece.size() > left) piece = piece.first(left);
            if (!piece.empty()) visit(piece);
            left -= piece.size();
            if (left == 0) break;
            piece = rest.front();
            rest = rest.subspan(1);
        }
    }

  private:
    const_bytes head_;
    std::span<const const_bytes> rest_;
    std::size_t size_ = 0;
};

}  // namespace coax::stack
