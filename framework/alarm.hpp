// Makes a ring readable at a moment: one timeout on it, moved only when it would come too late.
// Needed only while somebody else waits for the ring's descriptor; the ring's own sleep takes its
// deadline along.
#pragma once

#include <coax/clock.hpp>

#include "backends/ring.hpp"

namespace coax::detail {

class alarm final : public backends::completion {
  public:
    alarm() = default;
    alarm(const alarm&) = delete;
    alarm& operator=(const alarm&) = delete;

    // At `when` of CLOCK_MONOTONIC, or before; time_point::max(): no need.
    void set(backends::ring& ring, clock::time_point when) noexcept;
    void shut_down(backends::ring& ring) noexcept;
    bool idle() const noexcept { return !armed_; }

    void on_completion(std::int32_t result, std::uint32_t flags) noexcept override;

  private:
    bool armed_ = false;
    clock::time_point when_{};
    __kernel_timespec limit_{};
};

}  // namespace coax::detail
