// co_await of an asynchronous operation in a coax::task: the operation is started with a handler
// that resumes the coroutine, and lives in the memory of the task.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/system/system_error.hpp>

#include <coax/detail/task_root.hpp>

namespace coax::detail {

// What a handler's arguments are to the one who waits: a leading error is thrown; one value that is
// left is itself, several are a tuple.
template <class... Values>
auto to_result(std::tuple<Values...>&& values) {
    if constexpr (sizeof...(Values) == 0) return;
    else if constexpr (sizeof...(Values) == 1) return std::get<0>(std::move(values));
    else return std::move(values);
}
inline void throw_failure(const error_code& ec) {
    if (ec) throw boost::system::system_error(ec);
}
inline void throw_failure(const std::exception_ptr& e) {
    if (e) std::rethrow_exception(e);
}
template <class T>
inline constexpr bool is_failure = std::is_same_v<std::decay_t<T>, error_code> ||
                                   std::is_same_v<std::decay_t<T>, std::exception_ptr>;
template <class... Values>
auto unwrap(std::tuple<Values...>&& values) {
    return to_result(std::move(values));
}
template <class First, class... Values>
    requires is_failure<First>
auto unwrap(std::tuple<First, Values...>&& values) {
    throw_failure(std::get<0>(values));
    return std::apply(
        [](auto&, auto&... rest) { return to_result(std::tuple<Values...>(std::move(rest)...)); },
        values);
}

// A suspended coroutine, seen by the handler of what it waits for.
class task_wait {
  public:
    explicit task_wait(task_root& root) noexcept : root_(root) {}
    task_wait(const task_wait&) = delete;
    task_wait& operator=(const task_wait&) = delete;

    task_root& root() const noexcept { return root_; }
    // Inside the start of the operation nobody resumes or destroys the coroutine: it is told when
    // the start returns.
    void resume() {
        if (phase_ == phase::starting) phase_ = phase::completed;
        else caller_.resume();
    }
    void abandon() noexcept {
        if (phase_ == phase::starting) phase_ = phase::dropped;
        else root_.abandon();
    }

  protected:
    // Whether the coroutine stays suspended. `start` may throw.
    template <class Start>
    bool suspend(std::coroutine_handle<> caller, Start&& start) {
        caller_ = caller;
        root_.waits();
        start();
        if (phase_ == phase::completed) return false;
        const bool dropped = phase_ == phase::dropped;
        phase_ = phase::pending;
        if (dropped) root_.abandon();  // and *this with it
        return true;
    }

    // The same where the start cannot throw and does not end the operation.
    void stays_suspended(std::coroutine_handle<> caller) noexcept {
        caller_ = caller;
        root_.waits();
        phase_ = phase::pending;
    }

  private:
    enum class phase : std::uint8_t { starting, pending, completed, dropped };

    task_root& root_;
    std::coroutine_handle<> caller_;
    phase phase_ = phase::starting;
};

template <class... Values>
class task_wait_for : public task_wait {
  public:
    using task_wait::task_wait;
    std::optional<std::tuple<Values...>> values;
};

// Owns the suspended coroutine: when it is destroyed without having been called, all coroutines of
// the task are.
template <class... Values>
class task_handler {
  public:
    using executor_type = executor;
    using allocator_type = task_allocator<void>;
    using cancellation_slot_type = boost::asio::cancellation_slot;

    explicit task_handler(task_wait_for<Values...>& wait) noexcept
        : root_(&wait.root()), wait_(&wait) {}
    task_handler(task_handler&& other) noexcept
        : root_(other.root_), wait_(std::exchange(other.wait_, nullptr)) {}
    task_handler& operator=(task_handler&&) = delete;
    ~task_handler() {
        if (wait_ != nullptr) wait_->abandon();
    }

    executor_type get_executor() const noexcept { return root_->get_executor(); }
    // Known also after the move, when whoever moved it gives the memory back.
    allocator_type get_allocator() const noexcept { return allocator_type(*root_); }
    cancellation_slot_type get_cancellation_slot() const noexcept { return root_->slot(); }

    template <class... Given>
    void operator()(Given&&... given) {
        auto* const wait = std::exchange(wait_, nullptr);
        wait->values.emplace(std::forward<Given>(given)...);
        if (auto slot = root_->slot(); slot.is_connected()) slot.clear();
        wait->resume();
    }

  private:
    task_root* root_;
    task_wait_for<Values...>* wait_;
};

// The token with which a task starts what it waits for.
struct task_token {
    task_root& root;
};

// The awaiter. Not movable: the handler points to it.
template <class Signature, class Initiation, class... Args>
class task_operation;
template <class... Values, class Initiation, class... Args>
class task_operation<void(Values...), Initiation, Args...>
    : public task_wait_for<std::decay_t<Values>...> {
    using base = task_wait_for<std::decay_t<Values>...>;

  public:
    template <class I, class... As>
    explicit task_operation(task_root& root, I&& initiation, As&&... args)
        : base(root), initiation_(std::forward<I>(initiation)), args_(std::forward<As>(args)...) {}

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> caller) {
        return this->suspend(caller, [this] {
            std::apply(
                [this](Args&... args) {
                    std::move(initiation_)(task_handler<std::decay_t<Values>...>(*this),
                                           std::move(args)...);
                },
                args_);
        });
    }
    auto await_resume() { return unwrap(*std::move(this->values)); }

  private:
    Initiation initiation_;
    std::tuple<Args...> args_;
};

}  // namespace coax::detail

template <class Signature>
class boost::asio::async_result<coax::detail::task_token, Signature> {
  public:
    template <class Initiation, class... Args>
    static auto initiate(Initiation&& initiation, coax::detail::task_token token, Args&&... args) {
        return coax::detail::task_operation<Signature, std::decay_t<Initiation>,
                                            std::decay_t<Args>...>(
            token.root, std::forward<Initiation>(initiation), std::forward<Args>(args)...);
    }
};
