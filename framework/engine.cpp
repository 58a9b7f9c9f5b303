// The turns of a context's loop, and its sleep.
#include "framework/engine.hpp"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

#include <boost/asio/error.hpp>

#include "framework/transport/open.hpp"

namespace coax::detail {

namespace {

// Handlers that a turn runs beyond those that were ready when it began, so that a chain of posted
// handlers is not charged a whole turn for each link.
constexpr std::uint32_t extra_handlers_per_turn = 32;
// Asio's reactor costs a system call to look at; its scheduler a lock.
constexpr std::uint32_t turns_between_reactor_polls = 16;
constexpr std::uint32_t turns_between_scheduler_polls = 64;

inline void relax() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

error_code aborted() noexcept { return boost::asio::error::operation_aborted; }

void open_ring(backends::ring& ring, std::uint32_t entries) {
    if (const auto ec = ring.open(entries)) {
        throw backend_error("io_uring is not usable: " + ec.message() +
                            "; coax needs Linux 5.19 or newer with kernel.io_uring_disabled=0");
    }
}

}  // namespace

// One thread at a time is inside; the same thread may come in again from a handler, or from a
// visit.
class engine::occupation {
  public:
    // Waits while another thread is inside, until `deadline` or stop(). Converts to false if it did
    // not get in.
    occupation(engine& e, clock::time_point deadline, bool even_if_stopped) : engine_(e) {
        const void* const self = this_thread_token();
        const void* found = nullptr;
        if (e.owner_.compare_exchange_strong(found, self, std::memory_order_seq_cst)) {
            outermost_ = inside_ = true;
        } else if (found == self) {
            inside_ = true;
        } else if (found == &tokens_of_this_thread().visiting) {
            e.owner_.store(self, std::memory_order_relaxed);
            outermost_ = inside_ = true;
            before_ = found;
        } else {
            wait(deadline, even_if_stopped);
        }
        if (outermost_) presence_.emplace(e.bridge_);
    }
    ~occupation() {
        if (!outermost_) return;
        engine_.flush_everything();
        presence_.reset();
        engine_.owner_.store(before_, std::memory_order_seq_cst);
        if (before_ == nullptr) engine_.place_left();
    }
    occupation(const occupation&) = delete;
    occupation& operator=(const occupation&) = delete;
    explicit operator bool() const noexcept { return inside_; }

  private:
    void wait(clock::time_point deadline, bool even_if_stopped) {
        const void* const self = this_thread_token();
        std::unique_lock lock(engine_.occupied_mutex_);
        engine_.waiting_threads_.fetch_add(1, std::memory_order_seq_cst);
        const auto over = [&] {
            if (!even_if_stopped && engine_.stopped()) return true;
            const void* found = nullptr;
            outermost_ = engine_.owner_.compare_exchange_strong(found, self);
            return outermost_;
        };
        while (!over()) {
            if (deadline == clock::time_point::max()) {
                engine_.left_.wait(lock);
            } else {
                const auto left = deadline - engine_.now();
                if (deadline == clock::time_point::min() || left <= clock::duration::zero()) break;
                engine_.left_.wait_for(lock, left);
            }
        }
        engine_.waiting_threads_.fetch_sub(1, std::memory_order_seq_cst);
        inside_ = outermost_;
    }

    engine& engine_;
    const void* before_ = nullptr;  // whose place it was: nobody's, or that of this thread's visit
    bool inside_ = false;
    bool outermost_ = false;
    std::optional<asio_bridge::presence> presence_;
};

engine::engine(io_context& context, boost::asio::execution_context& services,
               const context_options& options, shard_place* place)
    : loop(context),
      clock_(options.clock),
      spin_(options.spin),
      linger_(options.linger),
      bridge_(services, *this) {
    open_ring(ring_, options.ring_entries);
    if (const auto ec = doorbell_.open())
        throw backend_error("no pipe for the context: " + ec.message());
    turn_time_ = now();
    transport_ = open_transport(*this, options, place);
}

engine::~engine() = default;

clock::time_point engine::now() const noexcept {
    return clock_ == nullptr ? std::chrono::steady_clock::now() : clock_->now();
}

std::unique_ptr<stream_state> engine::open_stream(int family, error_code& ec) {
    return transport_->open_stream(family, ec);
}

std::unique_ptr<datagram_state> engine::open_datagram(int family, error_code& ec) {
    return transport_->open_datagram(family, ec);
}

name_resolver& engine::resolver() {
    if (!resolver_) {
        resolver_ = transport_->make_resolver();
        if (ending_) resolver_->abandon();
    }
    return *resolver_;
}

// --- running handlers

std::size_t engine::run_handlers(std::size_t most, clock::time_point deadline) {
    const occupation here(*this, deadline, false);
    if (!here) return 0;
    if (out_of_work()) {
        stop();
        return 0;
    }
    std::size_t ran = 0;
    while (ran != most && !stopped()) {
        if (operation* o = next_ready()) {
            do {
                ++ran;
                run_operation(o);
                if (ran == most || stopped()) return ran;
                o = next_ready();
            } while (o != nullptr);
        }
        // All I/O of the last turn is handled: foreign timers do not overtake it.
        if (turns_to_foreign_ == 0) ran += run_foreign(most - ran);
        if (stopped() || ran == most) break;
        next_turn();
        if (!batch_.empty()) continue;
        const std::size_t foreign = run_foreign(most - ran);
        ran += foreign;
        if (foreign != 0 || !ready_.empty() || stopped()) continue;
        if (out_of_work()) {
            stop();
            break;
        }
        if (deadline == clock::time_point::min() ||
            (deadline != clock::time_point::max() && now() >= deadline))
            break;
        ran += idle(deadline);
    }
    return ran;
}

operation* engine::next_ready() noexcept {
    if (operation* const o = batch_.pop()) return o;
    if (turn_left_ == 0) return nullptr;
    operation* const o = ready_.pop();
    if (o != nullptr) --turn_left_;
    return o;
}

// An exception of the handler leaves with queues and counts as if it had returned.
void engine::run_operation(operation* o) {
    struct finishing {
        engine& self;
        ~finishing() {
            --self.inside_work_;
            if (self.out_of_work()) self.stop();
        }
    };
    {
        const finishing guard{*this};
        ++counts_.handlers;
        left_to_go_on_ = times_to_go_on;
        o->complete();
    }
    if (captured_) rethrow_captured();
}

void engine::rethrow_captured() { std::rethrow_exception(std::exchange(captured_, nullptr)); }

std::size_t engine::run_foreign(std::size_t most) {
    turns_to_foreign_ = turns_between_scheduler_polls;
    if (!bridge_.has_work()) return 0;
    if (bridge_.reactor_in_use()) turns_to_foreign_ = turns_between_reactor_polls;
    const std::size_t ran = bridge_.poll(most == 1);
    counts_.handlers += ran;
    if (captured_) rethrow_captured();
    if (out_of_work()) stop();
    return ran;
}

// --- turning

// A turn with nothing to do is a few loads and compares.
void engine::next_turn() {
    ++counts_.turns;
    if (turns_to_foreign_ != 0) --turns_to_foreign_;
    // Read before output, so that retransmission timers start when segments leave, however long
    // the handlers took.
    turn_time_ = now();
    flush_output();
    mailbox_.take_all(ready_);
    if (!ring_.quiet()) turn_ring();
    const auto came = transport_->take_input(to_instant(turn_time_));
    if (came != transport::intake::nothing) {
        output_due_ = true;
        // No sleep follows, after all: the kick must not wait for the handlers.
        if (ring_.has_submissions()) ring_.flush();
    }
    more_input_ = came == transport::intake::more;
    if (timers_.next_expiry() <= turn_time_) expire_timers();
    if (!ready_.empty()) busy_time_ = turn_time_;
    if (!batch_.empty()) return;
    batch_.append(ready_);
    turn_left_ = extra_handlers_per_turn;
}

[[gnu::noinline]] void engine::expire_timers() noexcept {
    operation_queue expired;
    timers_.expire(turn_time_, expired);
    complete_all(expired);
}

void engine::flush_output() noexcept {
    if (output_due_) output_due_ = !transport_->flush_output(to_instant(turn_time_));
}

void engine::turn_ring() noexcept {
    // What waits to be handed to the kernel goes with the enter that sleeps, if one follows at
    // once.
    const auto will_not_sleep = [this] {
        return spin_ > clock::duration::zero() || !ready_.empty() || !mailbox_.empty() ||
               transport_->input_waiting() || io_uring_cq_ready(&ring_.native()) != 0;
    };
    if (ring_.has_submissions() && will_not_sleep()) ring_.flush();
    if (ring_.reap() != 0) output_due_ = true;
}

// Nothing is ready. Returns how many handlers of foreign objects ran.
std::size_t engine::idle(clock::time_point deadline) {
    if (more_input_) return 0;
    if (turn_time_ - busy_time_ < spin_) {
        ++counts_.spins;
        relax();
        return 0;
    }
    check_ring();
    if (!about_to_sleep(deadline)) {
        ring_.flush();  // what was to go with the sleep
        return 0;
    }
    struct awake {
        std::atomic<bool>& sleeping;
        ~awake() { sleeping.store(false, std::memory_order_relaxed); }
    } guard{sleeping_};
    if (out_of_work()) return 0;
    bridge_.reactor_in_use();  // one that came into use is watched in the sleep
    ++counts_.sleeps;
    const std::size_t ran = bridge_.wait();
    counts_.handlers += ran;
    if (captured_) rethrow_captured();
    if (out_of_work()) stop();
    return ran;
}

// A ring that refuses (the kernel has no memory for completions) would let the loop spin for ever.
void engine::check_ring() const {
    if (const std::error_code refusal = ring_.failure())
        throw backend_error("io_uring refuses to go on: " + refusal.message());
}

// Arms everything that ends the sleep. False: don't sleep, look again.
bool engine::about_to_sleep(clock::time_point deadline) noexcept {
    flush_output();
    if (!ready_.empty()) return false;
    sleep_until_ = std::min(deadline, next_deadline());
    if (sleep_until_ <= turn_time_) return false;
    if (clock_ != nullptr && sleep_until_ != clock::time_point::max() &&
        clock_->advance_to(sleep_until_))
        return false;
    if (!transport_->prepare_to_sleep()) return false;
    doorbell_.arm(ring_);
    sleeping_.store(true, std::memory_order_seq_cst);
    if (mailbox_.empty() && !stopped()) return true;
    sleeping_.store(false, std::memory_order_relaxed);
    return false;
}

void engine::sleep_in_ring() {
    if (sleep_until_ == clock::time_point::max()) return ring_.submit_and_wait(backends::no_limit);
    const clock::time_point present = now();
    if (sleep_until_ <= present) ring_.flush();
    else ring_.submit_and_wait(sleep_until_ - present);
}

clock::time_point engine::next_deadline() const noexcept {
    if (!batch_.empty() || !ready_.empty() || !mailbox_.empty()) return turn_time_;
    return std::min(timers_.next_expiry(), to_time_point(transport_->next_deadline()));
}

// For blocking calls: I/O goes on, handlers wait.
void engine::drive_until(const bool& done) {
    const occupation here(*this, clock::time_point::max(), true);
    while (!done) {
        next_turn();
        if (done) break;
        if (more_input_) continue;
        if (turn_time_ - busy_time_ < spin_) {
            relax();
            continue;
        }
        check_ring();
        // Ready handlers do not keep it awake, nor do foreign objects.
        flush_output();
        sleep_until_ = std::min(timers_.next_expiry(), to_time_point(transport_->next_deadline()));
        if (clock_ != nullptr && sleep_until_ != clock::time_point::max() &&
            clock_->advance_to(sleep_until_))
            continue;
        if (transport_->prepare_to_sleep()) sleep_in_ring();
    }
}

void engine::drive_once() {
    if (ending_) return;
    const occupation here(*this, clock::time_point::max(), true);
    next_turn();
}

void engine::flush_everything() noexcept {
    if (output_due_) turn_time_ = now();
    flush_output();
    if (ring_.has_submissions()) ring_.flush();
}

// --- from any thread

void engine::wake() noexcept { doorbell_.press(); }

void engine::stop() noexcept {
    stopped_.store(true, std::memory_order_seq_cst);
    wake_if_sleeping();
    place_left();
}

void engine::place_left() noexcept {
    if (waiting_threads_.load(std::memory_order_seq_cst) == 0) return;
    const std::lock_guard lock(occupied_mutex_);
    left_.notify_all();
}

// --- the end

void engine::discard_operations() noexcept {
    ending_ = true;
    for (;;) {
        // First: what it has in flight ends up in the mailbox, and its timers are its own.
        if (resolver_) resolver_->abandon();
        mailbox_.take_all(ready_);
        ready_.append(batch_);
        timers_.cancel_all(aborted(), ready_);
        transport_->abandon_operations();
        if (ready_.empty()) return;
        while (operation* const o = ready_.pop()) o->destroy();
    }
}

// What closed sockets have to send needs this side's turns; for a while it gets them.
void engine::linger() noexcept {
    if (clock_ != nullptr) return;  // virtual time: the program turns its peers itself, or not
    const clock::time_point limit = now() + linger_;
    while (transport_->is_delivering() && now() < limit) {
        next_turn();
        flush_output();
        if (more_input_ || !transport_->is_delivering()) continue;
        sleep_until_ = std::min(limit, to_time_point(transport_->next_deadline()));
        if (transport_->prepare_to_sleep()) sleep_in_ring();
    }
}

void engine::shut_down() noexcept {
    flush_everything();
    linger();
    transport_->shut_down();
    doorbell_.shut_down(ring_);
    reactor_watch_.shut_down(ring_);
    while (!transport_->idle() || !doorbell_.idle() || !reactor_watch_.idle()) {
        if (ring_.failure()) break;
        ring_.submit_and_wait(std::chrono::seconds{1});
        ring_.reap();
    }
    transport_.reset();
    ring_.close();
}

}  // namespace coax::detail
