// coax::task: what it waits for, how it ends, how it is cancelled, and what becomes of it when
// nobody goes on.
#include <array>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using namespace std::chrono_literals;
using coax_test::world;

namespace {

// Tells when the frame that holds it is gone.
struct trace {
    explicit trace(int& count) : left(&count) { ++count; }
    trace(const trace&) = delete;
    trace& operator=(const trace&) = delete;
    ~trace() { --*left; }
    int* left;
};

coax::task<int> add(int a, int b) { co_return a + b; }
coax::task<> fail_with(const char* what) {
    throw std::runtime_error(what);
    co_return;
}
coax::task<> sleep_for(std::chrono::milliseconds time) {
    coax::fast_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait();
}

std::string text_of(const std::exception_ptr& e) {
    try {
        if (e) std::rethrow_exception(e);
    } catch (const std::exception& it) {
        return it.what();
    }
    return "";
}
error_code code_of(const std::exception_ptr& e) {
    try {
        if (e) std::rethrow_exception(e);
    } catch (const system_error& it) {
        return it.code();
    }
    return {};
}

// The largest operations find room in a task's own memory, with 64 bytes of a composed one.
template <class Base, class Finish>
constexpr bool has_room =
    sizeof(
        coax::detail::handler_operation<Base, coax::detail::task_handler<error_code, std::size_t>,
                                        coax::executor, Finish>) +
        64 <=
    coax::detail::task_root::memory_size;
static_assert(has_room<coax::detail::transfer_operation, coax::detail::transfer_result>);
static_assert(has_room<coax::detail::datagram_operation, coax::detail::transfer_result>);

}  // namespace

TEST_CASE("task: values, exceptions and other tasks") {
    world w("wire");
    std::optional<int> sum;
    std::string failure;
    std::string told;
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<int> {
            const int three = co_await add(1, 2);
            std::unique_ptr<int> four = co_await
                []() -> coax::task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); }();
            try {
                co_await fail_with("inner");
            } catch (const std::runtime_error& e) {
                failure = e.what();
            }
            co_return three + *four;
        },
        [&](const std::exception_ptr& e, int n) {
            if (!e) sum = n;
        });
    coax::co_spawn(w.client(), fail_with("outer"),
                   [&](const std::exception_ptr& e) { told = text_of(e); });
    w.run();
    CHECK(sum == 7);
    CHECK(failure == "inner");
    CHECK(told == "outer");
}

TEST_CASE("task: started by dispatch, told not before co_spawn returned") {
    world w("wire");
    std::vector<std::string> order;
    const auto body = [&]() -> coax::task<> {
        order.emplace_back("body");
        co_return;
    };
    const auto end = [&](const std::exception_ptr&) { order.emplace_back("end"); };
    coax::co_spawn(w.client(), body, end);
    order.emplace_back("spawned");
    w.run();
    CHECK(order == std::vector<std::string>{"spawned", "body", "end"});
    order.clear();
    asio::post(w.client(), [&] {
        coax::co_spawn(w.client(), body, end);
        order.emplace_back("spawned");
    });
    w.run();
    CHECK(order == std::vector<std::string>{"body", "spawned", "end"});
}

TEST_CASE("task: an echo, with what coax and Asio spell without and with tokens") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    coax::fast_acceptor acceptor(w.server().get_executor(), w.listen_address());
    const auto where = acceptor.local_endpoint();
    const auto serve = [&]() -> coax::task<std::size_t> {
        coax::fast_socket s = co_await acceptor.async_accept();
        std::array<char, 1000> data;
        for (std::size_t total = 0;;) {
            const auto [ec, n] =
                co_await s.async_read_some(asio::buffer(data), asio::as_tuple(asio::deferred));
            if (ec == asio::error::eof) co_return total;
            total += n;
            co_await asio::async_write(s, asio::buffer(data, n), asio::deferred);
        }
    };
    std::string received;
    const auto ask = [&]() -> coax::task<> {
        coax::fast_socket s(co_await asio::this_coro::executor);
        co_await s.async_connect(where);
        std::string sent(100000, 'x');
        std::iota(sent.begin(), sent.end(), '\0');
        received.resize(sent.size());
        // Both at once.
        const auto [order, write_failed, wrote, read_failed, read] =
            co_await asio::experimental::make_parallel_group(
                asio::async_write(s, asio::buffer(sent), asio::deferred),
                asio::async_read(s, asio::buffer(received), asio::deferred))
                .async_wait(asio::experimental::wait_for_all(), asio::deferred);
        CHECK((!write_failed && !read_failed && wrote == sent.size() && read == sent.size()));
        CHECK(received == sent);
        s.shutdown(asio::socket_base::shutdown_send);
        char more = 0;
        try {
            co_await s.async_read_some(asio::buffer(&more, 1));
            FAIL("nothing more comes");
        } catch (const system_error& e) {
            CHECK(e.code() == asio::error::eof);
        }
    };
    std::size_t served = 0;
    int ended = 0;
    coax::co_spawn(w.server(), serve, [&](const std::exception_ptr& e, std::size_t n) {
        CHECK_FALSE(e);
        served = n;
        ++ended;
    });
    coax::co_spawn(w.client(), ask, [&](const std::exception_ptr& e) {
        CHECK(text_of(e) == "");
        ++ended;
    });
    w.run();
    CHECK(ended == 2);
    CHECK(served == 100000);
}

TEST_CASE("task: any socket, also with another executor, and coroutines of Asio") {
    world w("wire");
    coax::tcp::acceptor acceptor(w.server(), w.listen_address());
    const auto where = acceptor.local_endpoint();
    int done = 0;
    asio::co_spawn(
        w.server(),
        [&]() -> asio::awaitable<void> {
            auto s = co_await acceptor.async_accept(asio::use_awaitable);
            co_await asio::async_write(s, asio::buffer("hello", 5), asio::use_awaitable);
            // An awaitable waits for a task.
            const int n = co_await coax::co_spawn(w.server(), add(2, 2), asio::use_awaitable);
            done += n;
        },
        asio::detached);
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<> {
            auto strand = asio::make_strand(w.client());
            asio::basic_stream_socket<coax::tcp, decltype(strand)> s(strand);
            co_await s.async_connect(where, asio::deferred);
            std::array<char, 5> data{};
            co_await asio::async_read(s, asio::buffer(data), asio::deferred);
            CHECK(w.client().get_executor().running_in_this_thread());
            // A task waits for an awaitable.
            const std::string text = co_await asio::co_spawn(
                w.client(),
                [&]() -> asio::awaitable<std::string> {
                    co_return std::string(data.data(), data.size());
                },
                asio::deferred);
            CHECK(text == "hello");
            ++done;
        },
        asio::detached);
    w.run();
    CHECK(done == 5);
}

TEST_CASE("task: cancelled as asio::awaitable is") {
    world w("wire");
    asio::cancellation_signal stop;
    std::vector<std::string> seen;
    std::optional<error_code> end;
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<> {
            try {
                co_await sleep_for(1h);
            } catch (const system_error& e) {
                CHECK(e.code() == asio::error::operation_aborted);
                seen.emplace_back("aborted");
            }
            const auto state = co_await asio::this_coro::cancellation_state;
            CHECK(state.cancelled() == asio::cancellation_type::terminal);
            try {
                co_await sleep_for(1ms);
            } catch (const system_error&) {
                seen.emplace_back("not again");
            }
            CHECK(co_await asio::this_coro::throw_if_cancelled());
            co_await asio::this_coro::throw_if_cancelled(false);
            co_await sleep_for(1ms);
            seen.emplace_back("slept");
            co_await asio::this_coro::throw_if_cancelled(true);
            co_await asio::this_coro::reset_cancellation_state();
            co_await sleep_for(1ms);
            seen.emplace_back("slept again");
            co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
            asio::post(w.client(), [&] { stop.emit(asio::cancellation_type::terminal); });
            co_await sleep_for(1ms);
            seen.emplace_back("deaf");
            co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation(),
                                                               asio::enable_total_cancellation());
            asio::post(w.client(), [&] { stop.emit(asio::cancellation_type::total); });
            co_await sleep_for(1h);
        },
        asio::bind_cancellation_slot(stop.slot(),
                                     [&](const std::exception_ptr& e) { end = code_of(e); }));
    coax::fast_timer trigger(w.client().get_executor(), 1s);
    trigger.async_wait([&](error_code) {
        stop.emit(asio::cancellation_type::total);  // not what it hears
        stop.emit(asio::cancellation_type::terminal);
    });
    w.run();
    CHECK(seen == std::vector<std::string>{"aborted", "not again", "slept", "slept again", "deaf"});
    CHECK(end == asio::error::operation_aborted);
}

TEST_CASE("task: a signal after its end, or without anything to cancel, is no matter") {
    world w("wire");
    asio::cancellation_signal stop;
    int ended = 0;
    const auto count = [&](const std::exception_ptr& e) {
        CHECK_FALSE(e);
        ++ended;
    };
    coax::co_spawn(w.client(), sleep_for(1ms), asio::bind_cancellation_slot(stop.slot(), count));
    w.run();
    stop.emit(asio::cancellation_type::terminal);
    coax::co_spawn(w.client(), sleep_for(1ms), count);
    w.run();
    CHECK(ended == 2);
}

TEST_CASE("task: limits of time") {
    world w("wire");
    std::optional<error_code> end;
    coax::fast_socket s(w.client().get_executor());
    coax::tcp::acceptor acceptor(w.server(), w.listen_address());
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<> {
            co_await s.async_connect(acceptor.local_endpoint());
            char c = 0;
            co_await coax::timeout(5s, s.async_read_some(asio::buffer(&c, 1)));
        },
        [&](const std::exception_ptr& e) { end = code_of(e); });
    w.run();
    CHECK(end == asio::error::timed_out);
}

TEST_CASE("task: destroyed with its context, or before it ran") {
    int alive = 0;
    bool told = false;
    const auto tell = [&](const std::exception_ptr&) { told = true; };
    {
        world w("wire");
        coax::tcp::acceptor acceptor(w.server(), w.listen_address());
        coax::co_spawn(
            w.client(),
            [&]() -> coax::task<> {
                const trace mine(alive);
                co_await
                    [](world& in, int& count, const coax::tcp::endpoint& where) -> coax::task<> {
                        const trace other(count);
                        coax::fast_socket s(in.client().get_executor());
                        co_await s.async_connect(where);
                        std::array<char, 10> data;
                        co_await asio::async_read(s, asio::buffer(data), asio::deferred);
                    }(w, alive, acceptor.local_endpoint());
            },
            tell);
        coax::co_spawn(
            w.client(),
            [&]() -> coax::task<> {
                const trace mine(alive);
                // An operation of Asio's own.
                asio::steady_timer timer(w.client(), 1h);
                co_await timer.async_wait(asio::deferred);
            },
            tell);
        w.run_until([&] { return alive == 3; });
        coax::co_spawn(
            w.client(), [mine = std::make_unique<trace>(alive)]() -> coax::task<> { co_return; },
            tell);
        CHECK(alive == 4);
        w.destroy_client();
        CHECK(alive == 0);
    }
    {
        world w("wire");
        // Never spawned.
        const auto unused = [](std::unique_ptr<trace>) -> coax::task<> {
            co_return;
        }(std::make_unique<trace>(alive));
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
    CHECK_FALSE(told);
}

namespace {

// Operations with bad manners.
template <class Token>
auto completes_at_once(int value, Token&& token) {
    return asio::async_initiate<Token, void(int)>(
        [](auto handler, int v) { std::move(handler)(v); }, token, value);
}
template <class Token>
auto throws_at_start(Token&& token) {
    return asio::async_initiate<Token, void()>([](auto) { throw std::runtime_error("no"); }, token);
}
template <class Token>
auto forgets(Token&& token) {
    return asio::async_initiate<Token, void()>([](auto) {}, token);
}

coax::task<int> depth(int levels) {
    if (levels == 0) co_return 0;
    co_return 1 + co_await depth(levels - 1);
}

}  // namespace

TEST_CASE("task: operations that complete, throw or forget inside their start") {
    world w("wire");
    int alive = 0;
    std::optional<long> sum;
    std::string failure;
    bool told = false;
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<long> {
            long total = 0;
            for (int i = 0; i != 300000; ++i)
                total += co_await completes_at_once(1, asio::deferred);
            for (int i = 0; i != 300000; ++i) co_await asio::dispatch(asio::deferred);
            try {
                co_await throws_at_start(asio::deferred);
            } catch (const std::runtime_error& e) {
                failure = e.what();
            }
            co_return total;
        },
        [&](const std::exception_ptr& e, long n) {
            if (!e) sum = n;
        });
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<> {
            const trace mine(alive);
            co_await forgets(asio::deferred);
        },
        [&](const std::exception_ptr&) { told = true; });
    w.run();
    CHECK(sum == 300000);
    CHECK(failure == "no");
    CHECK(alive == 0);
    CHECK_FALSE(told);
}

TEST_CASE("task: calls of calls, one after the other and within each other") {
    world w("wire");
    std::optional<int> deepest;
    std::optional<int> sum;
    coax::co_spawn(w.client(), depth(1000), [&](const std::exception_ptr&, int n) { deepest = n; });
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<int> {
            int total = 0;
            for (int i = 0; i != 10000; ++i) total += co_await add(1, 1);
            co_return total;
        },
        [&](const std::exception_ptr&, int n) { sum = n; });
    w.run();
    CHECK(deepest == 1000);
    CHECK(sum == 20000);
}

TEST_CASE("task: spawned and told by other threads") {
    coax::io_context io(coax::context_options{.backend = "kernel"});
    asio::thread_pool pool(1);
    std::thread::id ran;
    std::thread::id heard;
    std::thread::id pool_thread;
    asio::post(pool, [&] { pool_thread = std::this_thread::get_id(); });
    std::thread starter([&] {
        coax::co_spawn(
            io,
            [&]() -> coax::task<> {
                co_await asio::post(pool, asio::deferred);  // comes back
                ran = std::this_thread::get_id();
            },
            asio::bind_executor(
                pool, [&](const std::exception_ptr&) { heard = std::this_thread::get_id(); }));
    });
    starter.join();
    io.run();
    pool.join();
    CHECK(ran == std::this_thread::get_id());
    CHECK(heard == pool_thread);
}
