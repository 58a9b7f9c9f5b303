// coax::steady_timer: asio::steady_timer's surface on the timer heap of the context: no lock, no
// system call, no allocation but the handler's. It runs on the context's clock, which may be
// virtual. (asio::steady_timer works on a coax context too, on real time and more slowly; Asio's
// own and Beast's timeouts use that one.)
#pragma once

#include <chrono>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/system/error_code.hpp>

#include <coax/detail/find_loop.hpp>
#include <coax/detail/handler_operation.hpp>
#include <coax/detail/timer_core.hpp>
#include <coax/executor.hpp>

namespace coax {

// Threads: only from the thread that runs the context, or while none does; starting async_wait():
// any. At equal times I/O completes before timers. Waits end with success at expiry, else with
// operation_aborted; a wait that has expired already is not cancelled any more.
template <class Executor = boost::asio::any_io_executor>
class basic_steady_timer {
    using error_code = boost::system::error_code;

  public:
    using clock_type = std::chrono::steady_clock;
    using duration = clock_type::duration;
    using time_point = clock_type::time_point;
    using executor_type = Executor;
    template <class Other>
    struct rebind_executor {
        using other = basic_steady_timer<Other>;
    };

    // Without an expiry: expired. Throw system_error(operation_not_supported) if the executor is
    // not of a coax::io_context.
    explicit basic_steady_timer(const executor_type& e)
        : executor_(e), core_(detail::find_loop_of(e)) {}
    basic_steady_timer(const executor_type& e, const time_point& when) : basic_steady_timer(e) {
        expires_at(when);
    }
    basic_steady_timer(const executor_type& e, const duration& delay) : basic_steady_timer(e) {
        expires_after(delay);
    }
    template <class Context>
        requires std::is_convertible_v<Context&, boost::asio::execution_context&>
    explicit basic_steady_timer(Context& c) : basic_steady_timer(c.get_executor()) {}
    template <class Context>
        requires std::is_convertible_v<Context&, boost::asio::execution_context&>
    basic_steady_timer(Context& c, const time_point& when)
        : basic_steady_timer(c.get_executor(), when) {}
    template <class Context>
        requires std::is_convertible_v<Context&, boost::asio::execution_context&>
    basic_steady_timer(Context& c, const duration& delay)
        : basic_steady_timer(c.get_executor(), delay) {}

    // Pending waits go on in the new object.
    basic_steady_timer(basic_steady_timer&&) noexcept = default;
    basic_steady_timer& operator=(basic_steady_timer&&) noexcept = default;
    template <class Other>
        requires std::is_convertible_v<Other, Executor> && (!std::is_same_v<Other, Executor>)
    basic_steady_timer(basic_steady_timer<Other>&& other)
        : executor_(other.executor_), core_(std::move(other.core_)) {}
    ~basic_steady_timer() = default;

    const executor_type& get_executor() noexcept { return executor_; }

    time_point expiry() const { return core_.expiry(); }
    // Sets the expiry and ends pending waits with operation_aborted; returns how many.
    std::size_t expires_at(const time_point& when) { return core_.expires_at(when); }
    std::size_t expires_after(const duration& delay) { return core_.expires_after(delay); }
    std::size_t cancel() { return core_.cancel(); }
    std::size_t cancel_one() { return core_.cancel_one(); }

    // Blocks; the I/O of the context goes on, handlers wait.
    void wait() { core_.wait(); }
    void wait(error_code& ec) {
        core_.wait();
        ec = {};
    }
    // void(error_code). Obeys all kinds of cancellation.
    template <class Token = coax::detail::default_token_t<Executor>>
    auto async_wait(Token&& token = coax::detail::default_token_t<Executor>()) {
        return boost::asio::async_initiate<Token, void(error_code)>(initiate_wait{this}, token);
    }

  private:
    template <class>
    friend class basic_steady_timer;

    struct only_error {
        std::tuple<error_code> operator()(detail::timer_operation& o) const { return {o.result}; }
    };
    struct initiate_wait {
        using executor_type = Executor;
        basic_steady_timer* self;
        const executor_type& get_executor() const noexcept { return self->get_executor(); }
        template <class Handler>
        void operator()(Handler&& handler) const {
            using detail::timer_operation;
            using concrete = detail::handler_operation<timer_operation, std::decay_t<Handler>,
                                                       Executor, only_error>;
            detail::loop& where = self->core_.get_loop();
            auto* const o = concrete::make(std::forward<Handler>(handler), self->executor_, where,
                                           only_error{});
            detail::begin(where, o, &detail::timer_core::cancel_operation,
                          [core = &self->core_](timer_operation* t) { core->start(t); });
        }
    };

    Executor executor_;
    detail::timer_core core_;
};

// On any executor of a coax::io_context; and on the concrete one, where the default token is
// deferred: `co_await timer.async_wait()`.
using steady_timer = basic_steady_timer<>;
using fast_timer = basic_steady_timer<executor>;

}  // namespace coax
