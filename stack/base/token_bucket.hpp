// A rate limit in virtual time: so many per second, with a burst of the same size.
#pragma once

#include <algorithm>
#include <cstdint>

#include "stack/base/time.hpp"

namespace coax::stack {

class token_bucket {
  public:
    // per_second: 1 .. 10^9; also the largest burst, with which it starts.
    explicit token_bucket(std::uint32_t per_second) noexcept
        : cost_(std::chrono::nanoseconds(std::chrono::seconds(1)) / std::max(per_second, 1U)),
          credit_(std::chrono::seconds(1)) {}

    // True if one more is allowed now. `weight`: what it costs, 1 on average. A limit that
    // strangers share and that is exact tells one what others caused (CVE-2016-5696,
    // CVE-2020-25705): there, it is drawn from 0, 1 and 2.
    bool take(instant now, unsigned weight = 1) noexcept {
        if (now > last_) {
            // From `last_` on, no more than the full burst: the difference cannot overflow.
            const bool full = last_ == instant::min() || now - last_ >= std::chrono::seconds(1);
            credit_ = full ? duration(std::chrono::seconds(1))
                           : std::min<duration>(credit_ + (now - last_), std::chrono::seconds(1));
            last_ = now;
        }
        if (credit_ < cost_) return false;
        credit_ -= cost_ * weight;
        return true;
    }

  private:
    duration cost_;
    duration credit_;
    instant last_ = instant::min();
};

}  // namespace coax::stack
