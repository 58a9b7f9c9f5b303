// How one port wakes another that sleeps: a word that says what the sleeper waits for, and an
// pipe. Knows nothing of rings of frames or of io_uring.
#pragma once

#include <atomic>
#include <cstdint>

#include "backends/wake_pipe.hpp"

namespace coax::backends::wire {

// The protocol: the sleeper stores what it waits for, a full fence, and looks once more; the waker
// publishes, a full fence, and looks at the word. One of the two sees the other.
class doorbell {
  public:
    static constexpr std::uint32_t for_frames = 1;  // incoming frames
    static constexpr std::uint32_t for_room = 2;    // own frames given back by a receiver

    doorbell() = default;
    doorbell(const doorbell&) = delete;
    doorbell& operator=(const doorbell&) = delete;

    // Before the port joins a segment. False: no file descriptor left (errno). Without open() the
    // port can't be woken: for ports that are polled.
    bool open() noexcept { return !pipe_.open(); }
    int descriptor() const noexcept { return pipe_.descriptor(); }

    // --- the sleeper
    void wait_for(std::uint32_t what) noexcept {
        waiting_for_.store(what, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    void awake() noexcept { waiting_for_.store(0, std::memory_order_relaxed); }

    // --- the waker, after a full fence
    void ring(std::uint32_t what) noexcept {
        if ((waiting_for_.load(std::memory_order_relaxed) & what) == 0) return;
        if (waiting_for_.exchange(0, std::memory_order_acq_rel) == 0) return;  // another one did
        pipe_.press();
    }

  private:
    alignas(64) std::atomic<std::uint32_t> waiting_for_{0};
    wake_pipe pipe_;
};

}  // namespace coax::backends::wire
