// What timeout.hpp starts: an operation and a wait for its limit, which share one node. The first
// to end ends the other; the handler is called once, when the operation has ended.
//
//     handler's slot --> signal --> the operation        (cancellation goes through)
//     timer heap ------> signal                          (at the limit)
//     the operation ---> timed_handler --> the handler   (the end)
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <coax/detail/find_loop.hpp>
#include <coax/detail/function_operation.hpp>
#include <coax/detail/handler_operation.hpp>
#include <coax/detail/loop.hpp>
#include <coax/detail/node_memory.hpp>
#include <coax/detail/spawned_signature.hpp>
#include <coax/detail/timer_queue.hpp>

namespace coax::detail {

template <class... Signatures>
struct signature_list {};

// A completion token that starts nothing: it gives what an operation is made of.
struct asking {};

template <class Signatures, class Initiation, class... Arguments>
struct asked_operation {
    using signatures = Signatures;
    Initiation initiation;
    std::tuple<Arguments...> arguments;
};

template <class T>
struct is_asked_operation : std::false_type {};
template <class... T>
struct is_asked_operation<asked_operation<T...>> : std::true_type {};

template <class Operation>
using asked = decltype(std::declval<Operation>()(asking()));

template <class Operation>
concept timeable = requires { requires is_asked_operation<asked<Operation>>::value; };

// --- an awaitable as an operation
template <class T, class Executor>
struct spawned {
    boost::asio::awaitable<T, Executor> coroutine;
};

// --- the end that the limit made
inline void tell_limit(boost::system::error_code& ec) {
    if (ec == boost::asio::error::operation_aborted) ec = boost::asio::error::timed_out;
}
inline void tell_limit(std::exception_ptr& e) {
    if (!e) return;
    try {
        std::rethrow_exception(e);
    } catch (const boost::system::system_error& error) {
        if (error.code() != boost::asio::error::operation_aborted) return;
        e = std::make_exception_ptr(
            boost::system::system_error(make_error_code(boost::asio::error::timed_out)));
    } catch (...) {
        return;  // the operation's own
    }
}
template <class... Arguments>
void tell_limit_first(std::tuple<Arguments...>& arguments) {
    if constexpr (sizeof...(Arguments) != 0)
        if constexpr (requires { tell_limit(std::get<0>(arguments)); })
            tell_limit(std::get<0>(arguments));
}

// Nanoseconds that a clock can hold, whatever was given.
template <class Rep, class Period>
clock::duration saturate(std::chrono::duration<Rep, Period> limit) noexcept {
    using wide = std::chrono::duration<long double, clock::duration::period>;
    if (wide(limit) >= wide(clock::duration::max())) return clock::duration::max();
    if (!(wide(limit) > wide::zero())) return clock::duration::zero();
    return std::chrono::duration_cast<clock::duration>(limit);
}

// The node. It lives until the operation has ended and the wait is neither in the timer heap nor in
// the ready queue. All on the loop's thread.
template <class Handler, class IoExecutor>
class timed_state final : private timer_operation {
    using allocator_type =
        boost::asio::associated_allocator_t<Handler, boost::asio::recycling_allocator<void>>;
    using memory_allocator = typename recycled<allocator_type>::type;
    using memory = node_memory<timed_state, memory_allocator>;
    using wanted_executor = boost::asio::associated_executor_t<Handler, IoExecutor>;

  public:
    template <class H>
    static timed_state* make(H&& handler, const IoExecutor& io, loop& where) {
        const auto allocator = get_allocator_of(handler);
        return memory::make(allocator, std::forward<H>(handler), io, where);
    }
    template <class H>
    timed_state(H&& handler, const IoExecutor& io, loop& where)
        : timer_operation(&timed_state::wait_ended),
          handler_(std::forward<H>(handler)),
          executor_(boost::asio::get_associated_executor(handler_, io), where),
          loop_(where) {}
    timed_state(const timed_state&) = delete;
    timed_state& operator=(const timed_state&) = delete;
    ~timed_state() = default;

    loop& where() const noexcept { return loop_; }
    const Handler& handler() const noexcept { return handler_; }
    boost::asio::cancellation_slot slot() noexcept { return signal_.slot(); }
    memory_allocator get_allocator() const noexcept { return get_allocator_of(handler_); }

    // Before the operation starts. May throw bad_alloc; then the node is to be abandoned.
    void arm(clock::duration limit) {
        timer_.expiry = add_saturating(loop_.now(), limit);
        loop_.timers().add(timer_, this);
        loop_.work_started();
        waiting_ = true;
        auto slot = boost::asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) slot.template emplace<forwarder>(this);
    }

    // The wait is over but its turn in the ready queue has not come.
    bool is_wait_queued() const noexcept { return waiting_ && timer_operation::node == nullptr; }
    void note_end() noexcept { ended_ = true; }

    // The operation has ended: this node too, then the handler.
    template <class... Arguments>
    void finish(std::tuple<Arguments...> arguments) {
        if (limit_passed_) tell_limit_first(arguments);
        disarm();
        auto slot = boost::asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) slot.clear();
        const auto allocator = get_allocator();
        auto executor = std::move(executor_);
        Handler handler(std::move(handler_));
        memory::release(this, allocator);
        executor.run(std::move(handler), std::move(arguments));
    }
    // The operation was destroyed and will not end (its context is being destroyed).
    void abandon() noexcept {
        disarm();
        if (waiting_) abandoned_ = true;
        else release();
    }

  private:
    // In the handler's slot.
    struct forwarder {
        explicit forwarder(timed_state* s) noexcept : state(s) {}
        void operator()(boost::asio::cancellation_type_t type) { state->signal_.emit(type); }
        timed_state* state;
    };

    static memory_allocator get_allocator_of(const Handler& handler) noexcept {
        return recycled<allocator_type>::get(boost::asio::get_associated_allocator(
            handler, boost::asio::recycling_allocator<void>()));
    }

    static void wait_ended(operation* base, bool run) {
        auto* const self = static_cast<timed_state*>(base);
        self->waiting_ = false;
        if (self->abandoned_) return self->release();
        if (!run || self->ended_) return;
        self->limit_passed_ = true;
        self->signal_.emit(boost::asio::cancellation_type::terminal);
    }
    // Out of the heap, if it is there.
    void disarm() noexcept {
        if (timer_operation::node == nullptr) return;
        operation_queue taken_out;
        loop_.timers().cancel(static_cast<timer_operation*>(this), {}, taken_out);
        taken_out.pop();
        waiting_ = false;
        loop_.work_finished();
    }
    void release() noexcept {
        const auto allocator = get_allocator();
        // Its destructor may do anything, and must find the node gone.
        [[maybe_unused]] Handler handler(std::move(handler_));
        memory::release(this, allocator);
    }

    Handler handler_;
    handler_executor<wanted_executor> executor_;
    loop& loop_;
    boost::asio::cancellation_signal signal_;
    timer_node timer_;
    bool waiting_ = false;       // in the heap or in the ready queue
    bool ended_ = false;         // the operation has, while the wait was in the ready queue
    bool limit_passed_ = false;  // the operation was cancelled for it
    bool abandoned_ = false;
};

// The operation's handler: owns the node. It runs on the loop, whatever the handler's executor.
template <class Handler, class IoExecutor>
class timed_handler {
    using state_type = timed_state<Handler, IoExecutor>;

  public:
    using executor_type = coax::executor;
    using allocator_type = decltype(std::declval<const state_type&>().get_allocator());
    using cancellation_slot_type = boost::asio::cancellation_slot;

    explicit timed_handler(state_type* s) noexcept : state_(s) {}
    timed_handler(timed_handler&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    timed_handler& operator=(timed_handler&&) = delete;
    ~timed_handler() {
        if (state_ != nullptr) state_->abandon();
    }

    executor_type get_executor() const noexcept { return executor_type(state_->where()); }
    allocator_type get_allocator() const noexcept { return state_->get_allocator(); }
    cancellation_slot_type get_cancellation_slot() const noexcept { return state_->slot(); }
    state_type& state() const noexcept { return *state_; }

    template <class... Arguments>
    void operator()(Arguments&&... arguments) {
        std::tuple<std::decay_t<Arguments>...> values(std::forward<Arguments>(arguments)...);
        if (!state_->is_wait_queued())
            return std::exchange(state_, nullptr)->finish(std::move(values));
        // Both ended in this turn. The wait is in the ready queue: behind it, the node is free.
        state_->note_end();
        loop& where = state_->where();
        const auto allocator = state_->get_allocator();
        auto behind = [self = std::move(*this), values = std::move(values)]() mutable {
            std::exchange(self.state_, nullptr)->finish(std::move(values));
        };
        where.post(make_function_operation(std::move(behind), allocator));
    }

  private:
    state_type* state_;
};

struct initiate_timed;

// --- the parts of an operation: on which executor it works, and how it starts
template <class Operation>
auto take_apart(Operation&& op) {
    return std::forward<Operation>(op)(asking());
}
template <class T, class Executor>
auto take_apart(spawned<T, Executor>&& op) {
    return std::move(op);
}

// The operation's own, or that of its handler where it has none; through nested limits.
template <class Parts, class Handler>
auto find_executor(const Parts&, const Handler& handler) {
    return boost::asio::get_associated_executor(handler);
}
template <class Signatures, class Initiation, class... Arguments, class Handler>
auto find_executor(const asked_operation<Signatures, Initiation, Arguments...>& parts,
                   const Handler& handler) {
    if constexpr (std::is_same_v<Initiation, initiate_timed>)
        return find_executor(std::get<0>(parts.arguments), handler);
    else if constexpr (requires { parts.initiation.get_executor(); })
        return parts.initiation.get_executor();
    else return boost::asio::get_associated_executor(handler);
}

template <class Signatures, class Initiation, class TimedHandler, class... Arguments>
void start_parts(asked_operation<Signatures, Initiation, Arguments...>&& parts,
                 TimedHandler handler) {
    std::apply(
        [&](Arguments&... arguments) {
            std::move(parts.initiation)(std::move(handler), std::move(arguments)...);
        },
        parts.arguments);
}
template <class T, class Executor, class TimedHandler>
void start_parts(spawned<T, Executor>&& parts, TimedHandler handler) {
    const auto executor = boost::asio::get_associated_executor(handler.state().handler());
    static_assert(std::is_convertible_v<decltype(executor), Executor>,
                  "the executor of the handler must convert to the coroutine's own");
    boost::asio::co_spawn(Executor(executor), std::move(parts.coroutine), std::move(handler));
}

struct initiate_timed {
    clock::duration limit;

    template <class Handler, class Parts>
    void operator()(Handler&& handler, Parts&& parts) const {
        const auto io = find_executor(parts, handler);
        loop& where = find_loop_of(io);
        using io_executor = std::remove_const_t<decltype(io)>;
        using state_type = timed_state<std::decay_t<Handler>, io_executor>;
        timed_handler<std::decay_t<Handler>, io_executor> watching(
            state_type::make(std::forward<Handler>(handler), io, where));
        auto start = [time = limit, parts = std::forward<Parts>(parts),
                      watching = std::move(watching)]() mutable {
            watching.state().arm(time);
            start_parts(std::move(parts), std::move(watching));
        };
        if (const loop::visit here(where); here) return start();
        where.post(make_function_operation(std::move(start), std::allocator<void>()));
    }
};

template <class... Signatures, class Operation, class Token>
auto start_timed(signature_list<Signatures...>, clock::duration limit, Operation&& op,
                 Token& token) {
    return boost::asio::async_initiate<Token, Signatures...>(
        initiate_timed{limit}, token, take_apart(std::forward<Operation>(op)));
}

}  // namespace coax::detail

template <boost::asio::completion_signature... Signatures>
class boost::asio::async_result<coax::detail::asking, Signatures...> {
  public:
    template <class Initiation, class Token, class... Arguments>
    static auto initiate(Initiation&& initiation, Token&&, Arguments&&... arguments) {
        using parts =
            coax::detail::asked_operation<coax::detail::signature_list<Signatures...>,
                                          std::decay_t<Initiation>, std::decay_t<Arguments>...>;
        return parts{std::forward<Initiation>(initiation), {std::forward<Arguments>(arguments)...}};
    }
};
