// System calls of one AF_XDP queue, through the ring: the kick that makes the kernel send, the poll
// that ends a sleep when frames come, and the pause before a kick that found no room is repeated.
// Knows no frame.
#pragma once

#include <chrono>
#include <cstdint>

#include "backends/ring.hpp"
#include "backends/xdp/member_completion.hpp"
#include "backends/xdp/queue.hpp"

namespace coax::backends {

class waker {
  public:
    // `descriptor`: the socket of the queue.
    waker(queue& q, int descriptor) noexcept;
    waker(const waker&) = delete;
    waker& operator=(const waker&) = delete;

    // Kicks if frames wait to be sent, with the ring's next submission.
    void kick(ring& r) noexcept;
    // Kicks if frames wait, and arms the poll; both with the ring's next submission. False: frames
    // came meanwhile.
    bool prepare_to_sleep(ring& r) noexcept;
    void shut_down(ring& r) noexcept;
    bool idle() const noexcept { return !poll_armed_ && !pause_armed_ && !fence_armed_; }

    // While the link is down nothing is kicked; when it is up again, what waits is.
    void set_link_up(bool up) noexcept;

    // Something about the interface is wrong: the driver must look. Cleared by asking.
    enum class trouble : std::uint8_t { none, link_down, removed };
    trouble take_trouble() noexcept;

    std::uint64_t kicks() const noexcept { return kicks_; }
    // Frames that the interface had no room for and that the kernel dropped (EBUSY), as far as it
    // tells: it says nothing of a frame that it drops while a poll is armed, which sends, too.
    std::uint64_t lost() const noexcept { return lost_; }
    // Kicks that found no room (EAGAIN); nothing is lost by them.
    std::uint64_t postponed() const noexcept { return postponed_; }
    // Kicks that failed for any other reason.
    std::uint64_t failed() const noexcept { return failed_; }

  private:
    bool kick_needed() const noexcept;
    void submit_kick(ring& r) noexcept;
    void submit_poll(ring& r) noexcept;
    void submit_pause(ring& r) noexcept;
    void on_kick(std::int32_t result) noexcept;
    void on_poll(std::int32_t result) noexcept;
    void on_pause(std::int32_t result) noexcept;
    void on_fence(std::int32_t result) noexcept;

    queue& queue_;
    int descriptor_;
    member_completion<waker> kick_;
    member_completion<waker> poll_;
    member_completion<waker> pause_;
    member_completion<waker> fence_;
    std::uint64_t sent_at_kick_ = 0;      // the queue's count of sent frames at the last kick
    std::uint32_t consumed_at_kick_ = 0;  // the kernel's index of the transmit ring then
    std::chrono::nanoseconds pause_length_{0};
    __kernel_timespec pause_time_{};
    bool again_ = false;    // the last kick left frames behind
    bool blocked_ = false;  // and sent none: wait a little before the next
    bool link_up_ = true;
    bool ended_ = false;
    bool poll_armed_ = false;
    bool pause_armed_ = false;
    bool fence_armed_ = false;
    trouble trouble_ = trouble::none;
    std::uint64_t kicks_ = 0;
    std::uint64_t lost_ = 0;
    std::uint64_t postponed_ = 0;
    std::uint64_t failed_ = 0;
};

}  // namespace coax::backends
