// One IORING_OP_POLL_ADD at a time.
#include "framework/reactor_watch.hpp"

#include <poll.h>

namespace coax::detail {

bool reactor_watch::has_news(backends::ring& ring, int epoll) noexcept {
    if (armed_) return false;
    armed_ = true;
    ring.submit(this,
                [epoll](io_uring_sqe* entry) { io_uring_prep_poll_add(entry, epoll, POLLIN); });
    return true;
}

void reactor_watch::shut_down(backends::ring& ring) noexcept {
    if (!armed_) return;
    ring.submit(nullptr, [this](io_uring_sqe* entry) { io_uring_prep_cancel(entry, this, 0); });
}

void reactor_watch::on_completion(std::int32_t, std::uint32_t) noexcept { armed_ = false; }

}  // namespace coax::detail
