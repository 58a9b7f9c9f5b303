// The part of a context's loop that handlers, sockets and timers touch in their fast paths: the
// ready queue, the count of outstanding work, who owns the loop, and what can be cancelled.
// Knows no ring, no device and no clock: those are engine's (framework/engine.hpp), behind the
// virtual functions.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include <coax/clock.hpp>
#include <coax/detail/datagram_state.hpp>
#include <coax/detail/mailbox.hpp>
#include <coax/detail/operation.hpp>
#include <coax/detail/resolve_operation.hpp>
#include <coax/detail/stream_state.hpp>
#include <coax/detail/timer_queue.hpp>

namespace coax {
class io_context;
}

namespace coax::detail {

// Their addresses name the calling thread: as the one inside run(), and as a visitor.
struct thread_tokens {
    char inside = 0;
    char visiting = 0;
};
inline const thread_tokens& tokens_of_this_thread() noexcept {
    static thread_local constinit thread_tokens tokens;
    return tokens;
}
inline const void* this_thread_token() noexcept { return &tokens_of_this_thread().inside; }

// Names a cancellable operation; a stale one names nothing.
struct cancel_key {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  // 0: none
};

class loop {
  public:
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    // --- any thread
    io_context& context() const noexcept { return context_; }
    // The calling thread is inside run(), poll(), ... of this context.
    bool running_in_this_thread() const noexcept {
        return owner_.load(std::memory_order_relaxed) == this_thread_token();
    }
    // Another thread is inside or visits; then sockets and timers must not be touched directly. If
    // not, one may come in at once: visit.
    bool running_elsewhere() const noexcept {
        const void* const owner = owner_.load(std::memory_order_relaxed);
        return owner != nullptr && owner != this_thread_token() &&
               owner != &tokens_of_this_thread().visiting;
    }
    class visit;
    // To the end of the ready queue; counts as work until it has run.
    void post(operation* o) noexcept {
        if (running_in_this_thread()) {
            ++inside_work_;
            ready_.push(o);
        } else {
            post_from_outside(o);
        }
    }
    void work_started() noexcept {
        if (running_in_this_thread()) ++inside_work_;
        else outside_work_.fetch_add(1, std::memory_order_relaxed);
    }
    void work_finished() noexcept {
        if (running_in_this_thread()) --inside_work_;
        else work_finished_outside();
    }

    // --- the context's thread, or any while no thread runs it
    // A pending operation is finished: it goes to the ready queue. Its work is counted already
    // (since work_started() when it was started).
    void complete(operation* o) noexcept {
        if (o->completes_at_once()) o->complete();
        else ready_.push(o);
    }
    void complete(socket_operation* o) noexcept {
        o->target = nullptr;
        complete(static_cast<operation*>(o));
    }
    // What ends inside its start may resume the coroutine that waits for it, so often in one
    // handler's run: I/O, timers and other handlers get their turn from a coroutine that never has
    // to wait, too.
    bool may_go_on() const noexcept { return left_to_go_on_ != 0; }
    void went_on() noexcept { --left_to_go_on_; }
    void complete_all(operation_queue& finished) noexcept {
        while (operation* const o = finished.pop()) complete(o);
    }
    // A handler that ran inside execute() threw: leaves run() after the present handler.
    void capture_exception(std::exception_ptr e) noexcept {
        if (!captured_) captured_ = std::move(e);
    }

    // Cancellation by key: `how` is called with the operation, until forget().
    using cancel_function = void (*)(loop& where, operation* o);
    cancel_key remember(operation* o, cancel_function how);  // throws bad_alloc
    void forget(cancel_key key) noexcept {
        if (key.generation != 0) forget_known(key);
    }
    void cancel(cancel_key key) noexcept;

    timer_queue& timers() noexcept { return timers_; }

    // The context's time, read now.
    virtual clock::time_point now() const noexcept = 0;
    // A socket of the context's transport: TCP, UDP.
    virtual std::unique_ptr<stream_state> open_stream(int family, error_code& ec) = 0;
    virtual std::unique_ptr<datagram_state> open_datagram(int family, error_code& ec) = 0;
    // Made by the first one who asks.
    virtual name_resolver& resolver() = 0;
    // Turns I/O, sleeping when there is none, but runs no handler, until `done`: for blocking
    // calls. Must not be called while another thread runs the context.
    virtual void drive_until(const bool& done) = 0;
    // One turn of I/O without sleeping and without handlers.
    virtual void drive_once() = 0;

  protected:
    explicit loop(io_context& context) noexcept : context_(context) {}
    ~loop() = default;

    // Ends the sleep of the loop's thread. Any thread.
    virtual void wake() noexcept = 0;
    // The loop's place has become free, and threads may wait for it.
    virtual void place_left() noexcept = 0;
    void post_from_outside(operation* o) noexcept;
    void forget_known(cancel_key key) noexcept;
    void work_finished_outside() noexcept;
    // Exact at one moment of the call; only where inside_work_ may be read.
    bool out_of_work() const noexcept {
        return inside_work_ + outside_work_.load(std::memory_order_seq_cst) == 0;
    }
    // Sleeping threads are woken once per sleep.
    void wake_if_sleeping() noexcept {
        if (sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(false)) wake();
    }

    io_context& context_;
    std::atomic<const void*> owner_{nullptr};
    std::atomic<bool> sleeping_{false};
    std::int64_t inside_work_ = 0;  // may be negative: finished inside what was started outside
    std::atomic<std::int64_t> outside_work_{0};
    static constexpr std::uint32_t times_to_go_on = 16;
    std::uint32_t left_to_go_on_ = 0;
    operation_queue ready_;
    mailbox mailbox_;
    timer_queue timers_;
    std::exception_ptr captured_;

  private:
    struct cancellable {
        operation* target = nullptr;
        cancel_function cancel = nullptr;
        std::uint32_t generation = 1;
        std::uint32_t next_free = 0;
    };
    std::vector<cancellable> cancellables_;
    std::uint32_t first_free_ = no_entry;
    static constexpr std::uint32_t no_entry = UINT32_MAX;
};

// Where any thread may touch an object of the context. Inside run() it is there anyway; while
// nobody is, it keeps others from entering run() until it has gone, as a thread started a moment
// ago may do. Converts to false when another thread is there: what is to be done must be posted
// then.
class loop::visit {
  public:
    explicit visit(loop& where) noexcept : loop_(where) {
        allowed_ = where.running_in_this_thread() || come_in();
    }
    ~visit() {
        if (alone_) leave();
    }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    explicit operator bool() const noexcept { return allowed_; }

  private:
    bool come_in() noexcept;
    void leave() noexcept;

    loop& loop_;
    bool allowed_ = false;
    bool alone_ = false;  // nobody was inside
};

}  // namespace coax::detail
