// One IORING_OP_TIMEOUT with an absolute time, and its update.
#include "framework/alarm.hpp"

#include <algorithm>

namespace coax::detail {

void alarm::set(backends::ring& ring, clock::time_point when) noexcept {
    if (when == clock::time_point::max() || (armed_ && when_ <= when)) return;
    const auto since_boot = std::max(when.time_since_epoch(), clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
    limit_.tv_sec = seconds.count();
    limit_.tv_nsec = (since_boot - seconds).count();
    when_ = when;
    if (armed_) {
        ring.submit(nullptr, [this](io_uring_sqe* entry) {
            io_uring_prep_timeout_update(entry, &limit_, reinterpret_cast<std::uintptr_t>(this),
                                         IORING_TIMEOUT_ABS);
        });
        return;
    }
    armed_ = true;
    ring.submit(this, [this](io_uring_sqe* entry) {
        io_uring_prep_timeout(entry, &limit_, 0, IORING_TIMEOUT_ABS);
    });
}

void alarm::shut_down(backends::ring& ring) noexcept {
    if (!armed_) return;
    ring.submit(nullptr, [this](io_uring_sqe* entry) {
        io_uring_prep_timeout_remove(entry, reinterpret_cast<std::uintptr_t>(this), 0);
    });
}

void alarm::on_completion(std::int32_t, std::uint32_t) noexcept { armed_ = false; }

}  // namespace coax::detail
