// The executor of coax::io_context: one pointer, trivially copyable unless it tracks work.
// Meets Asio's executor requirements (and the older Networking TS ones); converts to
// asio::any_io_executor.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/execution.hpp>

#include <coax/detail/function_operation.hpp>
#include <coax/detail/loop.hpp>

namespace coax {

class io_context;

// `Allocator`: of the memory of what is executed. `Tracked`: copies count as outstanding work of
// the context. All functions: any thread, noexcept, valid until the context is destroyed; execute()
// throws only what allocation or the function's move constructor throws.
template <class Allocator, bool Tracked>
class basic_executor {
  public:
    basic_executor(const basic_executor& other) noexcept
        requires(!Tracked)
    = default;
    basic_executor(const basic_executor& other) noexcept
        requires(Tracked)
        : bits_(other.bits_), allocator_(other.allocator_) {
        start_work();
    }
    basic_executor(basic_executor&& other) noexcept
        requires(!Tracked)
    = default;
    basic_executor(basic_executor&& other) noexcept
        requires(Tracked)
        : bits_(std::exchange(other.bits_, 0)), allocator_(std::move(other.allocator_)) {}
    basic_executor& operator=(const basic_executor& other) noexcept
        requires(!Tracked)
    = default;
    basic_executor& operator=(const basic_executor& other) noexcept
        requires(Tracked)
    {
        basic_executor copy(other);
        return *this = std::move(copy);
    }
    basic_executor& operator=(basic_executor&& other) noexcept
        requires(!Tracked)
    = default;
    basic_executor& operator=(basic_executor&& other) noexcept
        requires(Tracked)
    {
        std::swap(bits_, other.bits_);
        std::swap(allocator_, other.allocator_);
        return *this;
    }
    ~basic_executor()
        requires(!Tracked)
    = default;
    ~basic_executor()
        requires(Tracked)
    {
        finish_work();
    }

    // Runs `f` inside this call if blocking is `possibly` and the thread runs the context already
    // (an exception then leaves run(), not execute()); else puts it into the ready queue.
    template <class Function>
    void execute(Function&& f) const {
        detail::loop* const where = target();
        if ((bits_ & never_blocking) == 0 && where->running_in_this_thread()) {
            std::decay_t<Function> function(std::forward<Function>(f));
            try {
                std::move(function)();
            } catch (...) {
                where->capture_exception(std::current_exception());
            }
            return;
        }
        where->post(detail::make_function_operation(std::forward<Function>(f), allocator_));
    }

    bool running_in_this_thread() const noexcept { return target()->running_in_this_thread(); }

    // --- properties
    io_context& query(boost::asio::execution::context_t) const noexcept {
        return target()->context();
    }
    static constexpr boost::asio::execution::mapping_t query(
        boost::asio::execution::mapping_t) noexcept {
        return boost::asio::execution::mapping.thread;
    }
    constexpr boost::asio::execution::blocking_t query(
        boost::asio::execution::blocking_t) const noexcept {
        using boost::asio::execution::blocking;
        return (bits_ & never_blocking) != 0
                   ? boost::asio::execution::blocking_t(blocking.never)
                   : boost::asio::execution::blocking_t(blocking.possibly);
    }
    constexpr boost::asio::execution::relationship_t query(
        boost::asio::execution::relationship_t) const noexcept {
        using result = boost::asio::execution::relationship_t;
        using boost::asio::execution::relationship;
        return (bits_ & continuation) != 0 ? result(relationship.continuation)
                                           : result(relationship.fork);
    }
    static constexpr boost::asio::execution::outstanding_work_t query(
        boost::asio::execution::outstanding_work_t) noexcept {
        using result = boost::asio::execution::outstanding_work_t;
        using boost::asio::execution::outstanding_work;
        return Tracked ? result(outstanding_work.tracked) : result(outstanding_work.untracked);
    }
    template <class Other>
    constexpr Allocator query(boost::asio::execution::allocator_t<Other>) const noexcept {
        return allocator_;
    }

    basic_executor require(boost::asio::execution::blocking_t::possibly_t) const noexcept {
        return basic_executor(bits_ & ~never_blocking, allocator_);
    }
    basic_executor require(boost::asio::execution::blocking_t::never_t) const noexcept {
        return basic_executor(bits_ | never_blocking, allocator_);
    }
    basic_executor require(boost::asio::execution::relationship_t::fork_t) const noexcept {
        return basic_executor(bits_ & ~continuation, allocator_);
    }
    basic_executor require(boost::asio::execution::relationship_t::continuation_t) const noexcept {
        return basic_executor(bits_ | continuation, allocator_);
    }
    basic_executor<Allocator, true> require(
        boost::asio::execution::outstanding_work_t::tracked_t) const noexcept {
        return basic_executor<Allocator, true>(bits_, allocator_);
    }
    basic_executor<Allocator, false> require(
        boost::asio::execution::outstanding_work_t::untracked_t) const noexcept {
        return basic_executor<Allocator, false>(bits_, allocator_);
    }
    template <class Other>
    basic_executor<Other, Tracked> require(
        boost::asio::execution::allocator_t<Other> a) const noexcept {
        return basic_executor<Other, Tracked>(bits_, a.value());
    }
    basic_executor<std::allocator<void>, Tracked> require(
        boost::asio::execution::allocator_t<void>) const noexcept {
        return basic_executor<std::allocator<void>, Tracked>(bits_, std::allocator<void>());
    }

    // Same context, same blocking and relationship, same allocator.
    friend bool operator==(const basic_executor& a, const basic_executor& b) noexcept {
        return a.bits_ == b.bits_ && a.allocator_ == b.allocator_;
    }
    friend bool operator!=(const basic_executor& a, const basic_executor& b) noexcept {
        return !(a == b);
    }

#if !defined(BOOST_ASIO_NO_TS_EXECUTORS)
    // --- Networking TS spelling, for older libraries
    io_context& context() const noexcept { return target()->context(); }
    void on_work_started() const noexcept { target()->work_started(); }
    void on_work_finished() const noexcept { target()->work_finished(); }
    template <class Function, class OtherAllocator>
    void dispatch(Function&& f, const OtherAllocator& a) const {
        if (!running_in_this_thread()) return post(std::forward<Function>(f), a);
        std::decay_t<Function> function(std::forward<Function>(f));
        std::move(function)();
    }
    template <class Function, class OtherAllocator>
    void post(Function&& f, const OtherAllocator& a) const {
        target()->post(detail::make_function_operation(std::forward<Function>(f), a));
    }
    template <class Function, class OtherAllocator>
    void defer(Function&& f, const OtherAllocator& a) const {
        post(std::forward<Function>(f), a);
    }
#endif

    // For coax itself.
    explicit basic_executor(const detail::loop& where) noexcept
        requires(!Tracked)
        : bits_(reinterpret_cast<std::uintptr_t>(&where)), allocator_() {}
    detail::loop& get_loop() const noexcept { return *target(); }

  private:
    template <class, bool>
    friend class basic_executor;

    // In the low bits of the pointer, so that they are values and not types: `ex == require(ex, p)`
    // inside any_executor compares them.
    static constexpr std::uintptr_t never_blocking = 1;
    static constexpr std::uintptr_t continuation = 2;
    static constexpr std::uintptr_t flags = never_blocking | continuation;

    basic_executor(std::uintptr_t bits, const Allocator& allocator) noexcept
        : bits_(bits), allocator_(allocator) {
        start_work();
    }
    detail::loop* target() const noexcept {
        return reinterpret_cast<detail::loop*>(bits_ & ~flags);
    }
    void start_work() noexcept {
        if constexpr (Tracked)
            if (bits_ != 0) target()->work_started();
    }
    void finish_work() noexcept {
        if constexpr (Tracked)
            if (bits_ != 0) target()->work_finished();
    }

    std::uintptr_t bits_;
    [[no_unique_address]] Allocator allocator_;
};

using executor = basic_executor<std::allocator<void>, false>;

namespace detail {

// What coax's own members use without a token: the executor's default, and `deferred` on the
// concrete one, so that co_await s.async_read_some(b) is complete on every supported Boost. (The
// executor does not say so by a nested type: before Boost 1.86 asio::async_read(s, b, token) is
// ambiguous for every stream whose executor has a default token. From 1.86 on `deferred` is the
// default of all executors, also for Asio's functions.)
template <class Executor>
struct default_token {
    using type = boost::asio::default_completion_token_t<Executor>;
};
template <class Allocator, bool Tracked>
struct default_token<basic_executor<Allocator, Tracked>> {
    using type = boost::asio::deferred_t;
};
template <class Executor>
using default_token_t = typename default_token<Executor>::type;

}  // namespace detail

}  // namespace coax
