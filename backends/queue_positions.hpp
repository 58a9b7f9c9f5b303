// How far the two ends of a bounded queue between two threads are: one producer, one consumer, no
// lock. Knows nothing of what lies in the queue; a position counts bytes or places, and wraps.
#pragma once

#include <atomic>
#include <cstdint>

namespace coax::backends {

// reclaimed <= given back <= taken <= published <= written <= reclaimed + capacity. What each end
// writes lies in cache lines of its own, and an end reads those of the other once a burst.
class queue_positions {
  public:
    queue_positions() = default;
    queue_positions(const queue_positions&) = delete;
    queue_positions& operator=(const queue_positions&) = delete;

    // --- the producer's end
    std::uint32_t written() const noexcept { return written_; }
    // Positions between which the consumer may still read, or will.
    std::uint32_t outstanding() const noexcept { return written_ - reclaimed_; }
    // Not visible to the consumer before publish().
    void write(std::uint32_t count) noexcept { written_ += count; }
    // Release: what was stored before is there for who sees the position.
    void publish() noexcept { published_.store(written_, std::memory_order_release); }
    std::uint32_t reclaimed() const noexcept { return reclaimed_; }
    // What the consumer has given back so far, to be reclaimed.
    std::uint32_t given_back() const noexcept {
        return given_back_.load(std::memory_order_acquire);
    }
    void reclaim(std::uint32_t until) noexcept { reclaimed_ = until; }

    // --- the consumer's end
    std::uint32_t published() const noexcept { return published_.load(std::memory_order_acquire); }
    std::uint32_t taken() const noexcept { return taken_; }
    bool waiting() const noexcept { return published() != taken_; }
    void take(std::uint32_t until) noexcept { taken_ = until; }
    // All that was taken may be written again.
    void give_back() noexcept { given_back_.store(taken_, std::memory_order_release); }

  private:
    alignas(64) std::uint32_t written_ = 0;  // producer
    std::uint32_t reclaimed_ = 0;            // producer
    alignas(64) std::atomic<std::uint32_t> published_{0};
    alignas(64) std::atomic<std::uint32_t> given_back_{0};
    alignas(64) std::uint32_t taken_ = 0;  // consumer
};

}  // namespace coax::backends
