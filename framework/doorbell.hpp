// Wakes a context that sleeps in its ring, from any thread: a pipe that the ring reads.
// Knows nothing of why.
#pragma once

#include <cstdint>
#include <system_error>

#include "backends/ring.hpp"
#include "backends/wake_pipe.hpp"

namespace coax::detail {

class doorbell final : public backends::completion {
  public:
    doorbell() = default;
    doorbell(const doorbell&) = delete;
    doorbell& operator=(const doorbell&) = delete;

    std::error_code open() noexcept { return pipe_.open(); }
    // Before each sleep; does nothing while armed.
    void arm(backends::ring& ring) noexcept;
    // Any thread.
    void press() noexcept { pipe_.press(); }
    // For the end: what is armed is cancelled; idle() tells when that is through.
    void shut_down(backends::ring& ring) noexcept;
    bool idle() const noexcept { return !armed_; }
    std::uint64_t presses() const noexcept { return presses_; }

    void on_completion(std::int32_t result, std::uint32_t flags) noexcept override;

  private:
    backends::wake_pipe pipe_;
    bool armed_ = false;
    std::uint64_t value_ = 0;
    std::uint64_t presses_ = 0;  // seen
};

}  // namespace coax::detail
