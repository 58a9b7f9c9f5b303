// The one file that names boost::asio::detail: scheduler, its task, reactor and the per-thread
// memory. Checked with Boost 1.81 (Asio 1.26); the constructor of scheduler changed in 1.87 (1.33).
#include "framework/asio_bridge.hpp"

#include <cerrno>
#include <new>

#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/detail/scheduler.hpp>
#include <boost/asio/detail/scheduler_task.hpp>
#include <boost/asio/detail/thread_context.hpp>
#include <boost/asio/detail/thread_info_base.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/version.hpp>
#include <boost/system/system_error.hpp>

#if BOOST_ASIO_VERSION < 102600
#error "coax needs Boost 1.81 or newer (Asio 1.26)"
#endif
#if !defined(BOOST_ASIO_HAS_EPOLL) || !defined(BOOST_ASIO_HAS_TIMERFD)
#error "coax needs Asio's epoll reactor: build without BOOST_ASIO_DISABLE_EPOLL"
#endif

namespace coax::detail {

namespace asio = boost::asio;

// What Asio tells nobody. Access is not checked in the arguments of an explicit instantiation
// ([temp.spec.general] 6), which is how it is read.
//
// The scheduler's count of the work of foreign objects: to ask for ready handlers costs a lock.
long counted_work(const asio::detail::scheduler& of) noexcept;
// The reactor's descriptors: the ring sleeps for the first; the second is -1 if there was none
// left.
int epoll_descriptor(const asio::detail::reactor& of) noexcept;
int timer_descriptor(const asio::detail::reactor& of) noexcept;

template <auto Count>
struct reveal_work {
    friend long counted_work(const asio::detail::scheduler& of) noexcept { return of.*Count; }
};
template struct reveal_work<&asio::detail::scheduler::outstanding_work_>;
template <auto Epoll, auto Timer>
struct reveal_descriptors {
    friend int epoll_descriptor(const asio::detail::reactor& of) noexcept { return of.*Epoll; }
    friend int timer_descriptor(const asio::detail::reactor& of) noexcept { return of.*Timer; }
};
template struct reveal_descriptors<&asio::detail::epoll_reactor::epoll_fd_,
                                   &asio::detail::epoll_reactor::timer_fd_>;

namespace {

// Microseconds; the loop's own deadline ends the sleep earlier, by way of the ring.
constexpr long longest_wait = 3'600'000'000;

// The scheduler's idea of "wait for events": asks the loop to sleep.
class sleeping_task final : public asio::detail::scheduler_task {
  public:
    explicit sleeping_task(asio_bridge::sleeper& how) noexcept : how_(how) {}
    ~sleeping_task() = default;

    void run(long microseconds,
             asio::detail::op_queue<asio::detail::scheduler_operation>& ready) override {
        if (reactor_ != nullptr && how_.reactor_has_news(epoll_descriptor(*reactor_)))
            reactor_->run(0, ready);
        if (microseconds != 0 && ready.empty()) how_.sleep_in_ring();
    }
    // Called while run() sleeps, by other threads that gave the scheduler something to do.
    void interrupt() override { how_.wake(); }
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

    asio::execution_context& context;
    sleeper& how;
    sleeping_task task;
    asio::detail::thread_info_base memory;
    asio::detail::scheduler* scheduler = nullptr;
    bool has_reactor = false;
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
    auto& reactor = asio::use_service<asio::detail::reactor>(p.context);
    // Without one the reactor counts on being the one that sleeps until its timers are due.
    if (timer_descriptor(reactor) < 0)
        throw boost::system::system_error(EMFILE, boost::system::system_category(),
                                          "no timerfd for Asio's timers");
    p.task.set_reactor(reactor);
    return p.has_reactor = true;
}

// One is our own, which keeps the scheduler from stopping.
bool asio_bridge::has_work() const noexcept { return counted_work(*parts_->scheduler) > 1; }

std::size_t asio_bridge::poll(bool one) {
    boost::system::error_code ec;
    return one ? parts_->scheduler->poll_one(ec) : parts_->scheduler->poll(ec);
}

std::size_t asio_bridge::wait() {
    boost::system::error_code ec;
    return parts_->scheduler->wait_one(longest_wait, ec);
}

}  // namespace coax::detail
