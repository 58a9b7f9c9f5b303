// The loop of a context: one thread, one ring, one transport. Turns them, and is the only place
// that sleeps. Handlers and their executors know only its base, <coax/detail/loop.hpp>.
//
// One turn:
//     1. handlers: all that were ready when it began, and a bounded number of those they made ready
//     2. transport::flush_output(): what the handlers caused; the device is kicked once
//     3. mailbox, ring completions, transport::take_input(): finished operations become ready
//     4. expired timers, behind the I/O that came with them
// With nothing ready: look again for the configured moment, then transport::prepare_to_sleep() and
// sleep in one io_uring_enter.
//
// What a transport uses of it: ring(), now_of_turn(), complete(). Rules for ring submissions:
// - never flush the ring: the loop does, once per turn, or by the enter that sleeps;
// - a completion with -ECANCELED that was not asked for means that the context changed threads (the
//   ring moved, or the thread that submitted has ended): submit it again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include <coax/backend.hpp>
#include <coax/detail/loop.hpp>

#include "backends/ring.hpp"
#include "framework/asio_bridge.hpp"
#include "framework/doorbell.hpp"
#include "framework/reactor_watch.hpp"
#include "framework/transport/transport.hpp"
#include "stack/base/time.hpp"

namespace coax::detail {

struct shard_place;

class engine final : public loop, private asio_bridge::sleeper {
  public:
    // Throws backend_error. `context` is only kept, and given to the bridge as execution_context.
    // `place`: in a group of shards, which has opened the backend.
    engine(io_context& context, boost::asio::execution_context& services,
           const context_options& options, shard_place* place = nullptr);
    ~engine();

    // --- for transports
    backends::ring& ring() noexcept { return ring_; }
    // The time at which this turn began; the same for everything in it.
    stack::instant now_of_turn() const noexcept { return to_instant(turn_time_); }
    // The same inside a turn; outside (a call while no thread runs the context) the clock is read.
    stack::instant present() noexcept {
        if (!running_in_this_thread()) turn_time_ = now();
        return to_instant(turn_time_);
    }

    // transport::flush_output() has something to do: called for each turn after which it was told.
    void output_is_due() noexcept { output_due_ = true; }

    // --- for io_context
    // Runs at most `most` handlers, sleeping until `deadline` when there are none (time_point::min:
    // not at all, max: without limit). Another thread that is inside makes this one wait until that
    // one leaves, or the context is stopped.
    std::size_t run_handlers(std::size_t most, clock::time_point deadline);
    void stop() noexcept;
    bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }
    void restart() noexcept { stopped_.store(false, std::memory_order_release); }
    const backend_description& describe() const noexcept { return transport_->describe(); }
    std::vector<counter> counters() const;
    // When this context has something to do without input; time_point::max(): never.
    clock::time_point next_deadline() const noexcept;
    // Destroys all that is queued or pending, without running it. The services of the context are
    // shut down already.
    void discard_operations() noexcept;
    // Ends what is in flight in the kernel. Nothing may be started afterwards.
    void shut_down() noexcept;

    clock::time_point now() const noexcept override;
    std::unique_ptr<stream_state> open_stream(int family, error_code& ec) override;
    std::unique_ptr<datagram_state> open_datagram(int family, error_code& ec) override;
    name_resolver& resolver() override;
    void drive_until(const bool& done) override;
    void drive_once() override;

  private:
    class occupation;
    struct counts {
        std::uint64_t turns = 0;
        std::uint64_t handlers = 0;
        std::uint64_t sleeps = 0;
        std::uint64_t spins = 0;
    };

    static stack::instant to_instant(clock::time_point t) noexcept {
        return stack::instant{t.time_since_epoch()};
    }
    static clock::time_point to_time_point(stack::instant t) noexcept {
        return clock::time_point{t.time_since_epoch()};
    }

    operation* next_ready() noexcept;
    void run_operation(operation* o);
    void next_turn();
    void expire_timers() noexcept;
    void flush_output() noexcept;
    void turn_ring() noexcept;
    std::size_t run_foreign(std::size_t most);
    std::size_t idle(clock::time_point deadline);
    bool about_to_sleep(clock::time_point deadline) noexcept;
    void sleep_in_ring() override;
    bool reactor_has_news(int epoll_descriptor) noexcept override {
        return reactor_watch_.has_news(ring_, epoll_descriptor);
    }
    void flush_everything() noexcept;
    void linger() noexcept;
    void rethrow_captured();
    void check_ring() const;
    void wake() noexcept override;
    void place_left() noexcept override;

    clock* clock_;  // null: CLOCK_MONOTONIC
    clock::duration spin_;
    clock::duration linger_;
    backends::ring ring_;
    doorbell doorbell_;
    reactor_watch reactor_watch_;
    asio_bridge bridge_;
    std::unique_ptr<transport> transport_;
    std::unique_ptr<name_resolver> resolver_;

    clock::time_point turn_time_{};
    clock::time_point busy_time_{};  // of the last turn that had something to do
    clock::time_point sleep_until_{};
    bool more_input_ = false;  // take_input() left some
    bool output_due_ = true;
    operation_queue batch_;        // what was ready when the turn began
    std::uint32_t turn_left_ = 0;  // handlers of ready_ that may still run in this turn
    std::uint32_t turns_to_foreign_ = 0;
    counts counts_;
    bool ending_ = false;  // the context is being destroyed

    std::atomic<bool> stopped_{false};
    // Only for threads that find another one inside.
    std::mutex occupied_mutex_;
    std::condition_variable left_;
    std::atomic<int> waiting_threads_{0};
};

}  // namespace coax::detail
