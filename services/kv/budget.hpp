// Bytes that many share: what connections hold beyond the keys.
#pragma once

#include <cstddef>

namespace coax::services::kv {

class budget {
  public:
    explicit budget(std::size_t limit) noexcept : limit_(limit) {}

    std::size_t limit() const noexcept { return limit_; }
    std::size_t used() const noexcept { return used_; }
    std::size_t left() const noexcept { return used_ < limit_ ? limit_ - used_ : 0; }

    // A share is now so large instead of `before`; false: all of them are too much. Counted anyhow,
    // as it is there; whoever took it gives it back.
    bool change(std::size_t before, std::size_t now) noexcept {
        used_ += now - before;
        return used_ <= limit_ || now <= before;
    }

  private:
    std::size_t limit_;
    std::size_t used_ = 0;
};

}  // namespace coax::services::kv
