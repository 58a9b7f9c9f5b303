// An operation that holds a completion handler: its memory, its work on the handler's executor,
// its cancellation slot, and the call at the end. What differs between reads, writes, accepts and
// waits is the base class and `Finish`, which turns the finished base into the handler's arguments.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/recycling_allocator.hpp>

#include <coax/detail/find_loop.hpp>
#include <coax/detail/function_operation.hpp>
#include <coax/detail/immediate_executor.hpp>
#include <coax/detail/loop.hpp>

namespace coax::detail {

// A handler with its arguments, to be run by an executor; it keeps the handler's associations.
template <class Handler, class Arguments>
struct completion {
    Handler handler;
    Arguments arguments;

    void operator()() { std::apply(std::move(handler), std::move(arguments)); }
};

// Calls at once: nothing stands between the loop and the handler.
template <class Handler, class Arguments>
void call(Handler&& handler, Arguments&& arguments) {
    std::apply(std::forward<Handler>(handler), std::forward<Arguments>(arguments));
}

// By way of an executor that runs the handler itself.
template <class Executor, class Handler, class Arguments>
void submit(const Executor& e, Handler&& handler, Arguments&& arguments) {
    const auto allocator = boost::asio::get_associated_allocator(handler);
    completion<std::decay_t<Handler>, std::decay_t<Arguments>> whole{
        std::forward<Handler>(handler), std::forward<Arguments>(arguments)};
    if constexpr (boost::asio::execution::is_executor_v<Executor>) {
        boost::asio::prefer(e, boost::asio::execution::allocator(allocator))
            .execute(std::move(whole));
    } else {
        e.dispatch(std::move(whole), allocator);
    }
}

// Work on, and the way to, the executor on which the handler wants to run. Nothing of both when
// that is the loop's own: the operation itself is the loop's work, and the loop calls directly.
// The comparison is by value: the same type may name another context, or forbid running inline.
// In general: some executor that is not the loop's, a strand for example.
template <class Executor>
class handler_executor {
    using tracked = boost::asio::execution::outstanding_work_t::tracked_t;
    using held_type = std::decay_t<typename boost::asio::prefer_result<Executor, tracked>::type>;

  public:
    handler_executor(const Executor& wanted, const loop&)
        : held_(boost::asio::prefer(wanted, tracked())) {}
    template <class Handler, class Arguments>
    void run(Handler&& handler, Arguments&& arguments) {
        submit(held_, std::forward<Handler>(handler), std::forward<Arguments>(arguments));
    }

  private:
    held_type held_;
};

// Of the Networking TS.
template <class Executor>
    requires(!boost::asio::execution::is_executor_v<Executor>)
class handler_executor<Executor> {
  public:
    handler_executor(const Executor& wanted, const loop&) : held_(wanted) {}
    template <class Handler, class Arguments>
    void run(Handler&& handler, Arguments&& arguments) {
        submit(held_.get_executor(), std::forward<Handler>(handler),
               std::forward<Arguments>(arguments));
    }

  private:
    boost::asio::executor_work_guard<Executor> held_;
};

// Type-erased: empty when it held the loop's own.
template <class Executor>
    requires(boost::asio::execution::is_executor_v<Executor> && holds_executor<Executor>)
class handler_executor<Executor> {
  public:
    handler_executor(const Executor& wanted, const loop& where) {
        const executor* const own = wanted.template target<executor>();
        if (own == nullptr || *own != executor(where))
            held_ = boost::asio::prefer(wanted, boost::asio::execution::outstanding_work.tracked);
    }
    template <class Handler, class Arguments>
    void run(Handler&& handler, Arguments&& arguments) {
        if (held_)
            submit(held_, std::forward<Handler>(handler), std::forward<Arguments>(arguments));
        else call(std::forward<Handler>(handler), std::forward<Arguments>(arguments));
    }

  private:
    Executor held_;
};

// coax::executor, nearly always the loop's own.
template <>
class handler_executor<executor> {
  public:
    handler_executor(const executor& wanted, const loop& where) noexcept
        : wanted_(wanted), foreign_(wanted != executor(where)) {
        if (foreign_) wanted_.get_loop().work_started();
    }
    handler_executor(handler_executor&& other) noexcept
        : wanted_(other.wanted_), foreign_(std::exchange(other.foreign_, false)) {}
    handler_executor& operator=(handler_executor&&) = delete;
    ~handler_executor() {
        if (foreign_) wanted_.get_loop().work_finished();
    }
    template <class Handler, class Arguments>
    void run(Handler&& handler, Arguments&& arguments) {
        if (foreign_)
            submit(wanted_, std::forward<Handler>(handler), std::forward<Arguments>(arguments));
        else call(std::forward<Handler>(handler), std::forward<Arguments>(arguments));
    }

  private:
    executor wanted_;
    bool foreign_;
};

template <class Base, class Handler, class IoExecutor, class Finish>
class handler_operation final : public Base {
    using allocator_type =
        boost::asio::associated_allocator_t<Handler, boost::asio::recycling_allocator<void>>;
    using memory_allocator = typename recycled<allocator_type>::type;
    using memory = node_memory<handler_operation, memory_allocator>;
    using wanted_executor = boost::asio::associated_executor_t<Handler, IoExecutor>;

  public:
    template <class H>
    static handler_operation* make(H&& handler, const IoExecutor& io, loop& where, Finish finish) {
        const auto allocator = get_allocator(handler);
        return memory::make(allocator, std::forward<H>(handler), io, where, std::move(finish));
    }

    template <class H>
    handler_operation(H&& handler, const IoExecutor& io, loop& where, Finish finish)
        : Base(&handler_operation::end),
          handler_(std::forward<H>(handler)),
          executor_(boost::asio::get_associated_executor(handler_, io), where),
          loop_(where),
          finish_(std::move(finish)) {}

    // On the loop's thread, before it is started. All three kinds of cancellation are obeyed: a
    // cancelled operation has had no effect.
    void connect_slot(loop::cancel_function cancel) {
        auto slot = boost::asio::get_associated_cancellation_slot(handler_);
        if (!slot.is_connected()) return;
        key_ = loop_.remember(this, cancel);
        slot.template emplace<canceller>(loop_, key_);
    }

#ifdef COAX_HAS_IMMEDIATE_EXECUTORS
    // Between these two the operation is started. If it ends meanwhile, that is only noted, and the
    // second one gives the handler to its immediate executor, which may run it at once.
    void watch_start() noexcept
        requires has_immediate_executor<Handler>
    {
        this->set_completes_at_once(true);
    }
    void end_start(const IoExecutor& io)
        requires has_immediate_executor<Handler>
    {
        this->set_completes_at_once(false);
        if (!ended_in_start_.value) return;
        loop_.forget(key_);
        const auto allocator = get_allocator(handler_);
        releasing guard{this, allocator};
        // Work of both until the handler is handed over or has run, however that ends.
        const finishing_work work{loop_};
        [[maybe_unused]] const auto work_of_handler = std::move(executor_);
        const auto immediate = boost::asio::get_associated_immediate_executor(handler_, io);
        using arguments_type = decltype(finish_(static_cast<Base&>(*this)));
        completion<Handler, arguments_type> whole{std::move(handler_),
                                                  finish_(static_cast<Base&>(*this))};
        guard.now();
        boost::asio::dispatch(immediate, std::move(whole));
    }
#endif

  private:
    // Only of handlers that have an immediate executor.
    struct nothing {};
    struct noted {
        bool value = false;
    };
    struct finishing_work {
        loop& where;
        ~finishing_work() { where.work_finished(); }
    };

    // Lives in the slot, longer than the operation: it knows only the key.
    struct canceller {
        canceller(loop& l, cancel_key k) noexcept : where(l), key(k) {}
        void operator()(boost::asio::cancellation_type_t type) {
            using boost::asio::cancellation_type;
            constexpr auto all =
                cancellation_type::terminal | cancellation_type::partial | cancellation_type::total;
            if ((type & all) != cancellation_type::none) where.cancel(key);
        }
        loop& where;
        cancel_key key;
    };

    static memory_allocator get_allocator(const Handler& handler) noexcept {
        return recycled<allocator_type>::get(boost::asio::get_associated_allocator(
            handler, boost::asio::recycling_allocator<void>()));
    }

    static void end(operation* base, bool run) {
        auto* const self = static_cast<handler_operation*>(base);
        if constexpr (has_immediate_executor<Handler>) {
            if (self->completes_at_once()) {
                self->ended_in_start_.value = true;
                return;
            }
        }
        self->loop_.forget(self->key_);
        const auto allocator = get_allocator(self->handler_);
        releasing guard{self, allocator};
        if (!run) {
            // Its destructor may do anything, this operation's own loop included.
            [[maybe_unused]] Handler handler(std::move(self->handler_));
            guard.now();
            return;
        }
        auto arguments = self->finish_(static_cast<Base&>(*self));
        auto executor = std::move(self->executor_);
        Handler handler(std::move(self->handler_));
        guard.now();
        executor.run(std::move(handler), std::move(arguments));
    }
    struct releasing {
        handler_operation* self;
        const memory_allocator& allocator;
        void now() noexcept { memory::release(std::exchange(self, nullptr), allocator); }
        ~releasing() {
            if (self != nullptr) now();
        }
    };

    Handler handler_;
    handler_executor<wanted_executor> executor_;
    loop& loop_;
    cancel_key key_;
    [[no_unique_address]] Finish finish_;
    [[no_unique_address]] std::conditional_t<has_immediate_executor<Handler>, noted, nothing>
        ended_in_start_;
};

// Starts `o` on the loop's thread: at once, or by way of the mailbox when another thread is inside.
// The operation counts as work from here on.
template <class Operation, class Start>
void begin(loop& where, Operation* o, loop::cancel_function cancel, Start start) {
    struct owned {
        Operation* o;
        explicit owned(Operation* given) noexcept : o(given) {}
        owned(owned&& other) noexcept : o(std::exchange(other.o, nullptr)) {}
        ~owned() {
            if (o != nullptr) o->destroy();
        }
    };
    owned mine(o);
    if (const loop::visit here(where); here) {
        o->connect_slot(cancel);
        where.work_started();
        start(std::exchange(mine.o, nullptr));
        return;
    }
    auto later = [&where, cancel, start, mine = std::move(mine)]() mutable {
        Operation* const given = std::exchange(mine.o, nullptr);
        where.work_started();
        if constexpr (std::is_base_of_v<socket_operation, Operation>) {
            if (given->target != nullptr && !given->target->start_arrived()) {
                given->result = boost::asio::error::operation_aborted;
                where.complete(given);
                return;
            }
        }
        given->connect_slot(cancel);
        start(given);
    };
    operation* const handed_over =
        make_function_operation(std::move(later), std::allocator<void>());
    if constexpr (std::is_base_of_v<socket_operation, Operation>)
        if (o->target != nullptr) o->target->expect_start();
    where.post(handed_over);
}

// The same for operations that may end while they are started: the handler's immediate executor is
// asked then, if there is one. `io`: of the object on which it is started.
template <class Operation, class IoExecutor, class Start>
void begin(loop& where, Operation* o, [[maybe_unused]] const IoExecutor& io,
           loop::cancel_function cancel, Start start) {
#ifdef COAX_HAS_IMMEDIATE_EXECUTORS
    if constexpr (requires { o->watch_start(); }) {
        return begin(where, o, cancel, [io, start](Operation* started) {
            started->watch_start();
            start(started);
            started->end_start(io);
        });
    }
#endif
    begin(where, o, cancel, start);
}

}  // namespace coax::detail

template <template <class, class> class Associator, class Handler, class Arguments, class Default>
struct boost::asio::associator<Associator, coax::detail::completion<Handler, Arguments>, Default>
    : Associator<Handler, Default> {
    using whole = coax::detail::completion<Handler, Arguments>;
    static typename Associator<Handler, Default>::type get(const whole& c) noexcept {
        return Associator<Handler, Default>::get(c.handler);
    }
    static typename Associator<Handler, Default>::type get(const whole& c,
                                                           const Default& d) noexcept {
        return Associator<Handler, Default>::get(c.handler, d);
    }
};
