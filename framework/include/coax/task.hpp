// coax::task: the leanest coroutine on a coax::io_context. It reads as coax::awaitable does, and
// waits for the same things; the operation that it waits for lives in the task's own memory, its
// result is handed over without type erasure, and one coroutine calls another by a jump.
//
//     coax::task<> session(coax::fast_socket s) {
//         std::array<char, 4096> data;
//         for (;;) {
//             const std::size_t n = co_await s.async_read_some(boost::asio::buffer(data));
//             co_await boost::asio::async_write(s, boost::asio::buffer(data, n),
//                                               boost::asio::deferred);
//         }
//     }
//     coax::co_spawn(io, session(std::move(s)), boost::asio::detached);
//
// What co_await takes in a task: another task; any operation that takes a completion token, such as
// s.async_connect(e), timer.async_wait(), asio::async_read(s, b, asio::deferred),
// asio::co_spawn(e, an_awaitable, asio::deferred); and Asio's this_coro: executor,
// cancellation_state, reset_cancellation_state, throw_if_cancelled. Errors are thrown as
// system_error, unless the operation was given asio::as_tuple.
#pragma once

#include <coroutine>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <coax/detail/handler_operation.hpp>
#include <coax/detail/spawned_signature.hpp>
#include <coax/detail/task_promise.hpp>
#include <coax/detail/task_root.hpp>
#include <coax/executor.hpp>
#include <coax/io_context.hpp>

namespace coax {

// Does nothing until it is waited for, or spawned: once. Destroying it before destroys what it
// holds. T: movable, no reference.
template <class T = void>
class [[nodiscard]] task {
    static_assert(!std::is_reference_v<T>, "a task hands its result over by value");

  public:
    using promise_type = detail::task_promise<T>;

    task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    task& operator=(task&& other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~task() {
        if (frame_) frame_.destroy();
    }

  private:
    friend promise_type;
    friend class detail::subtask<T>;

    explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    std::coroutine_handle<> start(detail::task_root& root,
                                  std::coroutine_handle<> caller) noexcept {
        frame_.promise().begin(root, caller);
        return frame_;
    }
    T take_result() { return frame_.promise().take(); }

    std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object() noexcept {
    return task<T>(std::coroutine_handle<task_promise>::from_promise(*this));
}
inline task<void> task_promise<void>::get_return_object() noexcept {
    return task<void>(std::coroutine_handle<task_promise>::from_promise(*this));
}

template <class T>
struct is_task : std::false_type {};
template <class T>
struct is_task<task<T>> : std::true_type {};

// What a spawned task tells at its end.
template <class T>
struct task_end {
    std::exception_ptr failure;
    T value{};
    std::tuple<std::exception_ptr, T> arguments() && {
        return {std::move(failure), std::move(value)};
    }
};
template <>
struct task_end<void> {
    std::exception_ptr failure;
    std::tuple<std::exception_ptr> arguments() && { return {std::move(failure)}; }
};

// The first coroutine of a spawned task: its frame owns everything, and is gone before the handler
// is called.
template <class T, class Handler>
class spawned_task {
  public:
    class promise_type : public recycled_frame, public task_awaits {
      public:
        template <class F>
        promise_type(const executor& e, F&, Handler& handler)
            : root_(e),
              handler_(std::move(handler)),
              executor_(boost::asio::get_associated_executor(handler_, e), e.get_loop()) {
            set_root(root_);
            root_.set_frame(std::coroutine_handle<promise_type>::from_promise(*this));
            if (const auto slot = boost::asio::get_associated_cancellation_slot(handler_);
                slot.is_connected())
                root_.connect(slot, boost::asio::enable_terminal_cancellation());
        }
        spawned_task get_return_object() noexcept {
            return spawned_task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        auto final_suspend() noexcept { return tell{}; }
        void return_value(task_end<T> end) { end_ = std::move(end); }
        void unhandled_exception() noexcept { end_.failure = std::current_exception(); }

      private:
        struct tell {
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> frame) const noexcept {
                promise_type& p = frame.promise();
                loop& where = p.root_.get_executor().get_loop();
                const bool inside_spawn = !p.root_.has_waited();
                auto arguments = std::move(p.end_).arguments();
                Handler handler(std::move(p.handler_));
                auto executor = std::move(p.executor_);
                frame.destroy();
                try {
                    if (inside_spawn) later(where, executor, handler, arguments);
                    else executor.run(std::move(handler), std::move(arguments));
                } catch (...) {  // leaves run(), as from any handler
                    where.capture_exception(std::current_exception());
                }
            }
            void await_resume() const noexcept {}
            // Never inside the function that was given the handler.
            template <class Way, class Arguments>
            static void later(loop& where, Way& way, Handler& handler, Arguments& arguments) {
                auto tell = [way = std::move(way), handler = std::move(handler),
                             arguments = std::move(arguments)]() mutable {
                    way.run(std::move(handler), std::move(arguments));
                };
                where.post(make_function_operation(std::move(tell), std::allocator<void>()));
            }
        };

        task_root root_;
        Handler handler_;
        handler_executor<boost::asio::associated_executor_t<Handler, executor>> executor_;
        task_end<T> end_;
    };

    void start() const { frame_.resume(); }
    void destroy() const { frame_.destroy(); }

  private:
    explicit spawned_task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    std::coroutine_handle<promise_type> frame_;
};

// `f`: a task, or what makes one and lives as long as it does.
template <class T, class F, class Handler>
spawned_task<T, Handler> spawn_task([[maybe_unused]] executor e, F f,
                                    [[maybe_unused]] Handler handler) {
    task_end<T> end;
    if constexpr (is_task<F>::value) {
        if constexpr (std::is_void_v<T>) co_await std::move(f);
        else end.value = co_await std::move(f);
    } else {
        if constexpr (std::is_void_v<T>) co_await f();
        else end.value = co_await f();
    }
    co_return end;
}

template <class T>
struct initiate_spawn {
    using executor_type = executor;
    executor where;
    const executor& get_executor() const noexcept { return where; }
    template <class Handler, class F>
    void operator()(Handler&& handler, F&& f) const {
        auto made = spawn_task<T, std::decay_t<F>, std::decay_t<Handler>>(
            where, std::forward<F>(f), std::forward<Handler>(handler));
        // Until it runs it belongs to this function object.
        struct starter {
            explicit starter(const spawned_task<T, std::decay_t<Handler>>& s) noexcept : it(s) {}
            starter(starter&& other) noexcept
                : it(other.it), owns(std::exchange(other.owns, false)) {}
            starter& operator=(starter&&) = delete;
            ~starter() {
                if (owns) it.destroy();
            }
            void operator()() {
                owns = false;
                it.start();
            }
            spawned_task<T, std::decay_t<Handler>> it;
            bool owns = true;
        };
        where.execute(starter(made));
    }
};

template <class F>
struct spawnable {};
template <class T>
struct spawnable<task<T>> {
    using type = T;
};
template <class F>
    requires(!is_task<F>::value) && is_task<std::invoke_result_t<F&>>::value
struct spawnable<F> : spawnable<std::invoke_result_t<F&>> {};

}  // namespace detail

// Starts a task, or what `f()` returns (`f` is kept as long as the task runs): at once if the
// calling thread runs the context, else when that does. Signature: void(std::exception_ptr), or
// void(std::exception_ptr, T) with T() beside an exception. The context has work until the end.
// Cancellation: terminal, of the operation that it waits for (this_coro::reset_cancellation_state
// for other kinds). Destroying the context destroys the task; the handler is not called. Any
// thread.
template <class F, class Token = detail::default_token_t<executor>>
    requires requires { typename detail::spawnable<std::decay_t<F>>::type; }
auto co_spawn(const executor& e, F&& f, Token&& token = detail::default_token_t<executor>()) {
    using result = typename detail::spawnable<std::decay_t<F>>::type;
    return boost::asio::async_initiate<Token, typename detail::spawned_signature<result>::type>(
        detail::initiate_spawn<result>{e}, token, std::forward<F>(f));
}
template <class F, class Token = detail::default_token_t<executor>>
    requires requires { typename detail::spawnable<std::decay_t<F>>::type; }
auto co_spawn(io_context& io, F&& f, Token&& token = detail::default_token_t<executor>()) {
    return co_spawn(io.get_executor(), std::forward<F>(f), std::forward<Token>(token));
}

}  // namespace coax
