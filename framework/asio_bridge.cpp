// The one file that names boost::asio::detail: scheduler, its task, reactor and the per-thread
// memory. Checked with Boost 1.81 (Asio 1.26); the constructor of scheduler changed in 1.87 (1.33).
#include "framework/asio_bridge.hpp"

#include <cerrno>
#include <cstdint>
#include <new>
#include <optional>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/detail/scheduler.hpp>
#include <boost/asio/detail/scheduler_task.hpp>
#include <boost/asio/detail/thread_context.hpp>
#include <boost/asio/detail/thread_info_base.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/version.hpp>
#include <boost/system/system_error.hpp>

#if BOOST_ASIO_VERSION < 102600
#error "coax needs Boost 1.81 or newer (Asio 1.26)"
#endif

namespace coax::detail {

namespace asio = boost::asio;

// The scheduler counts the work of foreign objects and tells nobody; to ask it for ready handlers
// costs a lock and a look at the ring's kernel side. Access is not checked in the arguments of an
// explicit instantiation ([temp.spec.general] 6), which is how the count is read.
long counted_work(const asio::detail::scheduler& of) noexcept;
template <auto Count>
struct reveal {
    friend long counted_work(const asio::detail::scheduler& of) noexcept { return of.*Count; }
};
template struct reveal<&asio::detail::scheduler::outstanding_work_>;

namespace {

// Microseconds; the loop's own deadline ends the sleep earlier, by way of the ring.
constexpr long longest_wait = 3'600'000'000;

// An executor of the context that counts no work: the watch on the ring's signals must not keep
// run() from ending. Runs what it is given at once; the scheduler calls it on the loop's thread.
class uncounted_executor {
  public:
    explicit uncounted_executor(asio::execution_context& context) noexcept : context_(&context) {}

    template <class Function>
    void execute(Function&& f) const {
        std::decay_t<Function> function(std::forward<Function>(f));
        function();
    }
    asio::execution_context& query(asio::execution::context_t) const noexcept { return *context_; }
    static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
        return asio::execution::blocking.possibly;
    }
    uncounted_executor require(asio::execution::blocking_t::never_t) const noexcept {
        return *this;
    }
    [[maybe_unused]] friend bool operator==(const uncounted_executor& a,
                                            const uncounted_executor& b) noexcept {
        return a.context_ == b.context_;
    }
    [[maybe_unused]] friend bool operator!=(const uncounted_executor& a,
                                            const uncounted_executor& b) noexcept {
        return !(a == b);
    }

  private:
    asio::execution_context* context_;
};

// The scheduler's idea of "wait for events": asks the loop to sleep.
class sleeping_task final : public asio::detail::scheduler_task {
  public:
    explicit sleeping_task(asio_bridge::sleeper& how) noexcept : how_(how) {}
    ~sleeping_task() = default;

    void run(long microseconds,
             asio::detail::op_queue<asio::detail::scheduler_operation>& ready) override {
        if (reactor_ != nullptr) {
            if (microseconds != 0) how_.watch_deadline_in_ring();
            reactor_->run(microseconds, ready);
        } else if (microseconds != 0) {
            how_.sleep_in_ring();
        }
    }
    // Called while run() sleeps, by other threads that gave the scheduler something to do.
    void interrupt() override {
        if (reactor_ != nullptr) reactor_->interrupt();
        how_.wake();
    }
    void set_reactor(asio::detail::reactor& reactor) noexcept { reactor_ = &reactor; }

  private:
    asio_bridge::sleeper& how_;
    asio::detail::reactor* reactor_ = nullptr;
};

// Where get_task() finds the task: the scheduler hands over nothing but the context.
class task_service final : public asio::execution_context::service {
  public:
    using key_type = task_service;
    inline static asio::execution_context::id id;

    explicit task_service(asio::execution_context& context) : service(context) {}
    sleeping_task* task = nullptr;

  private:
    void shutdown() noexcept override {}
};

asio::detail::scheduler_task* get_task(asio::execution_context& context) {
    return asio::use_service<task_service>(context).task;
}

asio::detail::scheduler& install_scheduler(asio::execution_context& context) {
#if BOOST_ASIO_VERSION >= 103300
    return asio::make_service<asio::detail::scheduler>(context, false, &get_task);
#else
    auto* const made = new asio::detail::scheduler(context, 1, false, &get_task);
    asio::add_service(context, made);
    return *made;
#endif
}

}  // namespace

struct asio_bridge::parts : asio::detail::thread_context {
    using stack_entry = thread_call_stack::context;
    static_assert(sizeof(stack_entry) <= sizeof(presence));

    parts(asio::execution_context& where, sleeper& s) : context(where), how(s), task(s) {
        asio::use_service<task_service>(context).task = &task;
        scheduler = &install_scheduler(context);
        scheduler->init_task();
        scheduler->work_started();  // it must never stop by itself
    }

    // Always armed, so that every event of the descriptor is a handler of ours, and is not counted.
    void watch_signals() {
        watched->async_wait(asio::posix::descriptor_base::wait_read,
                            [this](const boost::system::error_code& ec) {
                                ++own_handlers;
                                if (ec) return;
                                read_signals();
                                watch_signals();
                            });
    }
    void read_signals() {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(watched->native_handle(), &count, sizeof count);
    }
    // What the scheduler ran, without the watch on the signals.
    std::size_t foreign(std::size_t ran) noexcept {
        return ran - std::exchange(own_handlers, std::size_t{0});
    }

    using descriptor = asio::posix::basic_stream_descriptor<uncounted_executor>;

    asio::execution_context& context;
    sleeper& how;
    sleeping_task task;
    asio::detail::thread_info_base memory;
    asio::detail::scheduler* scheduler = nullptr;
    bool has_reactor = false;
    std::size_t own_handlers = 0;
    std::optional<descriptor> watched;
};

asio_bridge::asio_bridge(asio::execution_context& context, sleeper& how)
    : parts_(std::make_unique<parts>(context, how)) {}

asio_bridge::~asio_bridge() = default;

asio_bridge::presence::presence(asio_bridge& bridge) {
    ::new (static_cast<void*>(storage_))
        parts::stack_entry(bridge.parts_.get(), bridge.parts_->memory);
}

asio_bridge::presence::~presence() {
    std::launder(reinterpret_cast<parts::stack_entry*>(storage_))->~context();
}

bool asio_bridge::reactor_in_use() {
    parts& p = *parts_;
    if (p.has_reactor) return true;
    if (!asio::has_service<asio::detail::reactor>(p.context)) return false;
    p.task.set_reactor(asio::use_service<asio::detail::reactor>(p.context));
    const int signals = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signals < 0) throw boost::system::system_error(errno, boost::system::system_category());
    p.watched.emplace(uncounted_executor(p.context), signals);
    p.how.signal_completions_on(signals);
    p.watch_signals();
    return p.has_reactor = true;
}

// Our own: the count that keeps the scheduler from stopping, and the watch on the signals.
bool asio_bridge::has_work() const noexcept {
    return counted_work(*parts_->scheduler) > (parts_->watched ? 2 : 1);
}

void asio_bridge::forget_signals() noexcept { parts_->read_signals(); }

std::size_t asio_bridge::poll(bool one) {
    boost::system::error_code ec;
    return parts_->foreign(one ? parts_->scheduler->poll_one(ec) : parts_->scheduler->poll(ec));
}

std::size_t asio_bridge::wait() {
    boost::system::error_code ec;
    return parts_->foreign(parts_->scheduler->wait_one(longest_wait, ec));
}

void asio_bridge::shut_down() noexcept { parts_->watched.reset(); }

}  // namespace coax::detail
