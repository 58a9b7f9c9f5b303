// What a congestion control decides, and what it may know. Loss is detected elsewhere (recovery);
// an algorithm answers with a window. Stateless objects: the state stands in the connection.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stack/base/time.hpp"

namespace coax::stack::tcp {

// A congestion window that was clamped to at least one full segment and at most 1 GiB, the largest
// window TCP can express (RFC 7323 2.2). Bytes. Can't be made otherwise.
class congestion_window {
  public:
    static congestion_window clamped(std::uint64_t bytes, std::uint32_t mss) noexcept {
        return congestion_window(static_cast<std::uint32_t>(
            std::clamp<std::uint64_t>(bytes, std::max(mss, 1U), 1U << 30)));
    }
    std::uint32_t bytes() const noexcept { return bytes_; }

  private:
    explicit congestion_window(std::uint32_t bytes) noexcept : bytes_(bytes) {}
    std::uint32_t bytes_;
};

// One connection's. `own` belongs to the algorithm; it starts as zeros.
struct congestion_state {
    congestion_window window = congestion_window::clamped(1, 1);
    std::uint32_t slow_start_threshold = 0xffffffffU;  // bytes; RFC 5681 3.1: arbitrarily high
    std::uint32_t mss = 536;                           // bytes of a full segment
    std::uint32_t pacing_rate = 0;                     // bytes/s; 0: not paced
    std::array<std::uint32_t, 8> own{};

    bool in_slow_start() const noexcept { return window.bytes() < slow_start_threshold; }
};

// An acknowledgment of new data outside recovery.
struct acknowledged {
    instant now;
    std::uint32_t bytes = 0;      // newly acknowledged
    std::uint32_t in_flight = 0;  // bytes, before this acknowledgment
    duration round_trip{};        // smoothed; zero: not measured yet
    // The window was in use: RFC 5681 3.1 lets it grow only then (RFC 7661).
    bool window_limited = false;
};

class congestion_control {
  public:
    virtual std::string_view name() const noexcept = 0;
    // The connection is established: `initial` bytes may be sent.
    virtual void start(congestion_state& s, std::uint32_t initial) const noexcept = 0;
    virtual void on_acknowledged(congestion_state& s, const acknowledged& a) const noexcept = 0;
    // Loss found by duplicate acknowledgments; once per window. Sets threshold and window.
    virtual void on_loss(congestion_state& s, std::uint32_t in_flight,
                         instant now) const noexcept = 0;
    // Everything outstanding at the time of the loss is acknowledged.
    virtual void on_recovered(congestion_state& s, std::uint32_t in_flight,
                              instant now) const noexcept = 0;
    // The retransmission timer expired. `again`: for the same data (RFC 5681 3.1 keeps ssthresh).
    virtual void on_timeout(congestion_state& s, std::uint32_t in_flight, bool again,
                            instant now) const noexcept = 0;
    // About to send after nothing was sent for `idle`, longer than a retransmission timeout.
    virtual void on_idle(congestion_state& s, std::uint32_t initial,
                         duration idle) const noexcept = 0;

  protected:
    ~congestion_control() = default;
};

// RFC 6928 2: min(10 * MSS, max(2 * MSS, 14600)), with `segments` in place of 10.
std::uint32_t initial_window(std::uint32_t mss, std::uint8_t segments) noexcept;

}  // namespace coax::stack::tcp
