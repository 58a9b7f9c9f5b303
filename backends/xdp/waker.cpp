// Kicks and polls AF_XDP sockets by io_uring. Knows no frame.
#include "backends/xdp/waker.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

namespace coax::backends {

namespace {

constexpr std::chrono::nanoseconds shortest_pause = std::chrono::microseconds{50};
constexpr std::chrono::nanoseconds longest_pause = std::chrono::milliseconds{2};

}  // namespace

waker::waker(queue& q, int descriptor) noexcept
    : queue_(q),
      descriptor_(descriptor),
      kick_(*this, &waker::on_kick),
      poll_(*this, &waker::on_poll),
      pause_(*this, &waker::on_pause),
      fence_(*this, &waker::on_fence) {}

bool waker::kick_needed() const noexcept {
    return (again_ || queue_.transmitted() != sent_at_kick_) && link_up_ && !ended_;
}

void waker::submit_kick(ring& r) noexcept {
    if (!again_) pause_length_ = {};  // the last one sent everything
    again_ = false;
    blocked_ = false;
    sent_at_kick_ = queue_.transmitted();
    // Copy mode always wants the call; a driver in zero-copy mode may be polling by itself.
    if (!queue_.send_needs_call()) return;
    consumed_at_kick_ = queue_.send_position();
    ++kicks_;
    // A kick that sent everything must not end the sleep that it is submitted with.
    const bool silent = (r.native().features & IORING_FEAT_CQE_SKIP) != 0;
    r.submit(&kick_, [&](io_uring_sqe* entry) {
        // MSG_DONTWAIT: AF_XDP refuses to wait (EOPNOTSUPP), and io_uring would wait in its stead.
        io_uring_prep_send(entry, descriptor_, nullptr, 0, MSG_DONTWAIT);
        if (silent) entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    });
}

void waker::submit_poll(ring& r) noexcept {
    poll_armed_ = true;
    r.submit(&poll_,
             [&](io_uring_sqe* entry) { io_uring_prep_poll_add(entry, descriptor_, POLLIN); });
}

void waker::submit_pause(ring& r) noexcept {
    pause_armed_ = true;
    pause_length_ = std::clamp(pause_length_ * 2, shortest_pause, longest_pause);
    pause_time_ = {0, pause_length_.count()};
    r.submit(&pause_,
             [&](io_uring_sqe* entry) { io_uring_prep_timeout(entry, &pause_time_, 0, 0); });
}

void waker::kick(ring& r) noexcept {
    if (kick_needed()) submit_kick(r);
}

bool waker::prepare_to_sleep(ring& r) noexcept {
    if (ended_) return true;
    bool pause = false;
    if (kick_needed()) {
        pause = blocked_;
        if (!blocked_) submit_kick(r);
    }
    if (queue_.starved()) {
        pause = true;
        if (queue_.room_came()) {
            pause_length_ = {};
            return false;
        }
    }
    // No event tells that the interface took frames or gave some back.
    if (pause && !pause_armed_) submit_pause(r);
    // No frame can slip through between this look and the sleep: arming the poll looks again.
    if (queue_.frames_waiting()) return false;
    if (!poll_armed_) submit_poll(r);
    return true;
}

// Only failures are delivered, where the kernel can be told so.
void waker::on_kick(std::int32_t result) noexcept {
    if (result >= 0) return;
    switch (-result) {
        case EAGAIN:
        case ENOBUFS:
        case ENOMEM:
        case EINTR: {
            // The budget of one call, the socket's send buffer or the interface's queue is used
            // up. Nothing is lost.
            ++postponed_;
            again_ = true;
            const bool progress = queue_.send_position() != consumed_at_kick_;
            blocked_ = !progress;
            if (progress) pause_length_ = {};
            break;
        }
        case EBUSY:  // the interface dropped one frame, and the rest of the batch waits
            ++lost_;
            again_ = true;
            blocked_ = false;
            break;
        case ENETDOWN:
            again_ = true;
            trouble_ = std::max(trouble_, trouble::link_down);
            break;
        case ENXIO:
        case ENODEV:
        case EBADF: trouble_ = trouble::removed; break;
        default:
            ++failed_;
            again_ = true;
            blocked_ = true;
            break;
    }
}

void waker::on_poll(std::int32_t result) noexcept {
    poll_armed_ = false;
    if (ended_ || result == -ECANCELED) return;
    if (result < 0 || (static_cast<std::uint32_t>(result) & (POLLERR | POLLHUP | POLLNVAL)) != 0)
        trouble_ = trouble::removed;
}

void waker::on_pause(std::int32_t) noexcept {
    pause_armed_ = false;
    blocked_ = false;
}

void waker::on_fence(std::int32_t) noexcept { fence_armed_ = false; }

void waker::set_link_up(bool up) noexcept {
    if (up && !link_up_) again_ = true;
    link_up_ = up;
}

waker::trouble waker::take_trouble() noexcept { return std::exchange(trouble_, trouble::none); }

void waker::shut_down(ring& r) noexcept {
    if (ended_) return;
    ended_ = true;
    const auto cancel = [&r](bool armed, completion& target) {
        if (!armed) return;
        r.submit(nullptr,
                 [&target](io_uring_sqe* entry) { io_uring_prep_cancel(entry, &target, 0); });
    };
    cancel(poll_armed_, poll_);
    cancel(pause_armed_, pause_);
    // Completions come in the order of the submissions that need no waiting: behind this one, no
    // kick is in flight.
    fence_armed_ = true;
    r.submit(&fence_, [](io_uring_sqe* entry) { io_uring_prep_nop(entry); });
}

}  // namespace coax::backends
