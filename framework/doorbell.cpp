// The pipe of a context and its read on the ring.
#include "framework/doorbell.hpp"

namespace coax::detail {

void doorbell::arm(backends::ring& ring) noexcept {
    if (armed_) return;
    armed_ = true;
    ring.submit(this, [this](io_uring_sqe* entry) {
        io_uring_prep_read(entry, pipe_.descriptor(), &value_, sizeof value_, 0);
    });
}

void doorbell::shut_down(backends::ring& ring) noexcept {
    if (!armed_) return;
    ring.submit(nullptr, [this](io_uring_sqe* entry) { io_uring_prep_cancel(entry, this, 0); });
}

void doorbell::on_completion(std::int32_t result, std::uint32_t) noexcept {
    armed_ = false;
    if (result > 0) ++presses_;
}

}  // namespace coax::detail
