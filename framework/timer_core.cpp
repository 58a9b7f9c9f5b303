// Timers between their user and the heap.
#include <cassert>

#include <boost/asio/error.hpp>

#include <coax/detail/timer_core.hpp>

namespace coax::detail {

namespace {

error_code aborted() noexcept { return boost::asio::error::operation_aborted; }

class blocking_wait final : public timer_operation {
  public:
    blocking_wait() : timer_operation(&blocking_wait::note, true) {}
    bool done = false;

  private:
    static void note(operation* o, bool) { static_cast<blocking_wait*>(o)->done = true; }
};

}  // namespace

timer_core::timer_core(timer_core&& other) noexcept : loop_(other.loop_) {
    loop_->timers().move(other.node_, node_);
}

timer_core& timer_core::operator=(timer_core&& other) noexcept {
    if (this == &other) return *this;
    cancel();
    loop_ = other.loop_;
    loop_->timers().move(other.node_, node_);
    return *this;
}

std::size_t timer_core::expires_at(clock::time_point when) noexcept {
    const std::size_t cancelled = cancel();
    node_.expiry = when;
    return cancelled;
}

std::size_t timer_core::expires_after(clock::duration delay) noexcept {
    return expires_at(add_saturating(loop_->now(), delay));
}

std::size_t timer_core::end_waits(bool only_one) noexcept {
    if (!node_.is_waiting()) return 0;
    assert(!loop_->running_elsewhere());  // only the thread that runs the context
    operation_queue finished;
    timer_queue& timers = loop_->timers();
    const std::size_t count = only_one ? timers.cancel_one(node_, aborted(), finished)
                                       : timers.cancel(node_, aborted(), finished);
    loop_->complete_all(finished);
    return count;
}

std::size_t timer_core::cancel() noexcept { return end_waits(false); }

std::size_t timer_core::cancel_one() noexcept { return end_waits(true); }

void timer_core::wait() {
    if (expiry() <= loop_->now()) return;
    blocking_wait o;
    start(&o);
    loop_->drive_until(o.done);
}

void timer_core::start(timer_operation* o) { loop_->timers().add(node_, o); }

void timer_core::cancel_operation(loop& where, operation* o) {
    operation_queue finished;
    where.timers().cancel(static_cast<timer_operation*>(o), aborted(), finished);
    where.complete_all(finished);
}

}  // namespace coax::detail
