// coax::io_context: an asio::execution_context with its own event loop, on a backend chosen at run
// time. Used as asio::io_context is; what differs stands with each function.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include <boost/asio/execution_context.hpp>
#include <boost/asio/version.hpp>

#include <coax/backend.hpp>
#include <coax/clock.hpp>
#include <coax/executor.hpp>

namespace coax {

class shard_group;

namespace detail {
class engine;
struct shard_place;
}  // namespace detail

// One context is for one thread at a time: it has one ring, one transport, and no locks inside.
//
// Threads. Any thread at any time: get_executor(), post/dispatch/defer to it, stop(), stopped(),
// starting an asynchronous operation on a socket or timer (it is handed over to the thread that
// runs the context). Only from the thread that runs the context, or while none does: everything
// else on its sockets and timers. When several threads call run(), one is inside and the others
// wait, to take its place if it leaves before the context is stopped or out of work.
//
// Fork: fork and exec is fine. A child that does not exec must not touch the context.
class io_context : public boost::asio::execution_context {
  public:
    using executor_type = executor;
    using count_type = std::size_t;
    class strand;  // <coax/io_context_strand.hpp>

    // Kernel sockets through io_uring. The hint is Asio's, and ignored: see above.
    explicit io_context(int concurrency_hint = 1);
    // Throws backend_error: bad specification, missing interface or privilege, ...
    explicit io_context(const context_options& options);
#if BOOST_ASIO_VERSION >= 103300
    explicit io_context(const boost::asio::execution_context::service_maker& initial_services);
#endif
    // Destroys handlers that have not run, without running them; connections of a userspace stack
    // are reset. No thread may be inside, and no socket or timer of it may outlive it.
    ~io_context();
    io_context(const io_context&) = delete;
    io_context& operator=(const io_context&) = delete;

    executor_type get_executor() const noexcept { return executor(*loop_); }

    // --- as asio::io_context. Returns the number of handlers run; an exception of a handler comes
    // through, and the next call goes on behind it. With a virtual clock, durations are of it.
    count_type run();
    count_type run_one();
    count_type poll();
    count_type poll_one();
    template <class Rep, class Period>
    count_type run_for(const std::chrono::duration<Rep, Period>& limit) {
        return run_until_deadline(after(limit), no_handler_limit);
    }
    template <class Rep, class Period>
    count_type run_one_for(const std::chrono::duration<Rep, Period>& limit) {
        return run_until_deadline(after(limit), 1);
    }
    template <class Clock, class Duration>
    count_type run_until(const std::chrono::time_point<Clock, Duration>& when) {
        return run_until_deadline(deadline(when), no_handler_limit);
    }
    template <class Clock, class Duration>
    count_type run_one_until(const std::chrono::time_point<Clock, Duration>& when) {
        return run_until_deadline(deadline(when), 1);
    }
    void stop();
    bool stopped() const;
    void restart();

    // --- beyond Asio
    // What it really runs on.
    const backend_description& backend() const noexcept;
    // Every counter of the loop, the stack and the backend. The context's thread.
    std::vector<counter> counters() const;
    // The context's time (its clock's).
    clock::time_point now() const noexcept { return loop_->now(); }
    // The earliest moment at which it has something to do without input; time_point::max(): never.
    // For programs that turn several contexts on a virtual clock. The context's thread.
    clock::time_point next_deadline() const noexcept;

  private:
    friend class shard_group;
    // One of several on a backend that is open already.
    io_context(const context_options& options, detail::shard_place& place);

    static constexpr count_type no_handler_limit = SIZE_MAX;

    count_type run_until_deadline(clock::time_point when, count_type most);

    template <class Rep, class Period>
    clock::time_point after(const std::chrono::duration<Rep, Period>& limit) const {
        const clock::time_point present = now();
        if (limit <= limit.zero()) return present;
        // Compared as floating point: the duration may be too long for nanoseconds.
        using seconds = std::chrono::duration<double>;
        if (seconds(limit) >= seconds(clock::time_point::max() - present) - seconds(1))
            return clock::time_point::max();
        return present + std::chrono::duration_cast<clock::duration>(limit);
    }
    template <class Clock, class Duration>
    clock::time_point deadline(const std::chrono::time_point<Clock, Duration>& when) const {
        if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>)
            return std::chrono::time_point_cast<clock::duration>(when);
        else return after(when - Clock::now());
    }

    std::unique_ptr<detail::engine> engine_;
    detail::loop* loop_;
};

}  // namespace coax
