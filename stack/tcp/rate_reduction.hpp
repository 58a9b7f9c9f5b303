// Proportional rate reduction (RFC 6937bis): how much may leave with each acknowledgment of a fast
// recovery, so that the window is the threshold when it ends. Arithmetic only.
#pragma once

#include <algorithm>
#include <cstdint>

namespace coax::stack::tcp {

// Bytes throughout.
class rate_reduction {
  public:
    // `flight`: RecoverFS. SND.NXT - SND.UNA, less what had been SACKed before the acknowledgment
    // that began recovery, and with what it acknowledged.
    void begin(std::uint32_t flight) noexcept {
        delivered_ = out_ = 0;
        flight_ = std::max(flight, 1U);
    }
    void on_sent(std::uint32_t bytes) noexcept { out_ += bytes; }

    // For each acknowledgment, the first included: sndcnt. `delivered`: DeliveredData; `safe`:
    // SafeACK, SND.UNA moved and nothing more was found lost. The part of the window that whole
    // segments make is counted in whole segments, rounded up, as a sender of segments has to.
    std::uint32_t allowance(std::uint32_t delivered, std::uint32_t in_flight,
                            std::uint32_t threshold, std::uint32_t mss, bool safe) noexcept {
        delivered_ += delivered;
        std::uint32_t count = 0;
        if (in_flight > threshold) {  // proportional: to the threshold over one round trip
            const std::uint64_t target =
                (std::uint64_t{delivered_} * threshold + flight_ - 1) / flight_;
            const std::uint64_t whole = (target + mss - 1) / mss * mss;
            count = whole > out_ ? static_cast<std::uint32_t>(whole - out_) : 0;
        } else {
            // PRR-CRB: what left may be replaced; PRR-SSRB: and a segment more when all is well
            // What proportional reduction kept back goes at twice the rate of delivery, as in slow
            // start: many losses found at once would else leave as one burst, to be lost again.
            const std::uint32_t behind = delivered_ > out_ ? delivered_ - out_ : 0;
            std::uint32_t limit = std::max(std::min(behind, 2 * (delivered + mss)), delivered);
            if (safe) limit += mss;
            count = std::min(threshold - in_flight, limit);
        }
        // The first retransmission leaves with the acknowledgment that began recovery.
        return out_ == 0 ? std::max(count, mss) : count;
    }

  private:
    std::uint32_t delivered_ = 0;  // prr_delivered
    std::uint32_t out_ = 0;        // prr_out
    std::uint32_t flight_ = 1;     // RecoverFS
};

}  // namespace coax::stack::tcp
