// The promise of a coax::task: what it may wait for, and who goes on when it ends.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/this_coro.hpp>

#include <coax/detail/task_operation.hpp>
#include <coax/detail/task_root.hpp>

namespace coax {
template <class T>
class task;
}

namespace coax::detail {

// An awaiter that has its value already.
template <class T>
struct ready_value {
    T value;
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    T await_resume() { return std::move(value); }
};
template <>
struct ready_value<void> : std::suspend_never {};

// Starts a task from another one, and returns to that at its end; neither uses the stack of the
// other.
template <class T>
class subtask {
  public:
    subtask(task<T>&& of, task_root& root) noexcept : task_(std::move(of)), root_(root) {}
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
        return task_.start(root_, caller);
    }
    T await_resume() { return task_.take_result(); }

  private:
    task<T> task_;
    task_root& root_;
};

// Frames are recycled per thread, as those of asio::awaitable are.
class recycled_frame {
    using unit = std::max_align_t;
    using allocator = boost::asio::recycling_allocator<unit>;
    static constexpr std::size_t units(std::size_t bytes) noexcept {
        return (bytes + sizeof(unit) - 1) / sizeof(unit);
    }

  public:
    static void* operator new(std::size_t size) { return allocator().allocate(units(size)); }
    static void operator delete(void* frame, std::size_t size) noexcept {
        allocator().deallocate(static_cast<unit*>(frame), units(size));
    }
};

// What may stand behind co_await. Everything but a subtask throws operation_aborted when the task
// has been cancelled, as in asio::awaitable.
class task_awaits {
  public:
    template <class T>
    subtask<T> await_transform(task<T>&& other) {
        root_->check_cancelled();
        return subtask<T>(std::move(other), *root_);
    }
    // Anything that takes a completion token: sockets and timers of coax without a token, with
    // `deferred` or `as_tuple`, Asio's functions, other tasks by co_spawn().
    template <class Operation>
        requires boost::asio::is_async_operation<Operation>::value
    auto await_transform(Operation&& operation) {
        root_->check_cancelled();
        return std::forward<Operation>(operation)(task_token{*root_});
    }

    ready_value<executor> await_transform(boost::asio::this_coro::executor_t) noexcept {
        return {root_->get_executor()};
    }
    ready_value<boost::asio::cancellation_state> await_transform(
        boost::asio::this_coro::cancellation_state_t) noexcept {
        return {root_->cancellation()};
    }
    auto await_transform(boost::asio::this_coro::reset_cancellation_state_0_t) {
        return reset_cancellation(boost::asio::enable_terminal_cancellation());
    }
    template <class Filter>
    auto await_transform(boost::asio::this_coro::reset_cancellation_state_1_t<Filter> r) {
        return reset_cancellation(std::move(r.filter));
    }
    template <class In, class Out>
    auto await_transform(boost::asio::this_coro::reset_cancellation_state_2_t<In, Out> r) {
        return reset_cancellation(std::move(r.in_filter), std::move(r.out_filter));
    }
    ready_value<bool> await_transform(boost::asio::this_coro::throw_if_cancelled_0_t) noexcept {
        return {root_->throws_if_cancelled()};
    }
    ready_value<void> await_transform(boost::asio::this_coro::throw_if_cancelled_1_t t) noexcept {
        root_->throw_if_cancelled(t.value);
        return {};
    }

  protected:
    void set_root(task_root& root) noexcept { root_ = &root; }

  private:
    template <class... Filters>
    ready_value<void> reset_cancellation(Filters... filters) {
        root_->reset_cancellation(std::move(filters)...);
        return {};
    }

    task_root* root_ = nullptr;
};

class task_promise_base : public recycled_frame, public task_awaits {
  public:
    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept {
        struct go_on {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept {
                return caller;
            }
            void await_resume() const noexcept {}
            std::coroutine_handle<> caller;
        };
        return go_on{caller_};
    }
    void unhandled_exception() noexcept { failure_ = std::current_exception(); }
    void begin(task_root& root, std::coroutine_handle<> caller) noexcept {
        set_root(root);
        caller_ = caller;
    }

  protected:
    void rethrow() const {
        if (failure_) std::rethrow_exception(failure_);
    }

  private:
    std::coroutine_handle<> caller_;
    std::exception_ptr failure_;
};

template <class T>
class task_promise : public task_promise_base {
  public:
    task<T> get_return_object() noexcept;
    template <class U>
        requires std::is_convertible_v<U&&, T>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }
    T take() {
        rethrow();
        return *std::move(value_);
    }

  private:
    std::optional<T> value_;
};
template <>
class task_promise<void> : public task_promise_base {
  public:
    task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void take() const { rethrow(); }
};

}  // namespace coax::detail
