// The eventfd of a context and its read on the ring.
#include "framework/doorbell.hpp"

#include <cerrno>

#include <sys/eventfd.h>
#include <unistd.h>

namespace coax::detail {

doorbell::~doorbell() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::error_code doorbell::open() noexcept {
    descriptor_ = ::eventfd(0, EFD_CLOEXEC);
    return descriptor_ >= 0 ? std::error_code{} : std::error_code{errno, std::system_category()};
}

void doorbell::arm(backends::ring& ring) noexcept {
    if (armed_) return;
    armed_ = true;
    ring.submit(this, [this](io_uring_sqe* entry) {
        io_uring_prep_read(entry, descriptor_, &value_, sizeof value_, 0);
    });
}

void doorbell::press() noexcept {
    const std::uint64_t one = 1;
    // Can only fail when the counter is at its maximum: then it is readable, which is all we want.
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, &one, sizeof one);
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
