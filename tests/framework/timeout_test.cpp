// coax::timeout: an operation with a limit, on both transports and in virtual time.
#include <array>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <thread>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using coax_test::world;
using namespace std::chrono_literals;

namespace {

constexpr auto with_error = asio::as_tuple(asio::deferred);

// A connected pair, one end per context.
struct pair {
    explicit pair(world& w) : server(w.server()), client(w.client()) {
        coax::tcp::acceptor acceptor(w.server(), w.listen_address());
        acceptor.async_accept(server, [](error_code ec) { REQUIRE(!ec); });
        client.async_connect(acceptor.local_endpoint(), [](error_code ec) { REQUIRE(!ec); });
        w.run();
    }
    coax::tcp::socket server;
    coax::tcp::socket client;
};

// A coroutine on the server's context, which must come to its end without an exception.
template <class Body>
void run(world& w, Body body) {
    bool ended = false;
    asio::co_spawn(w.server(), std::move(body), [&](std::exception_ptr e) {
        ended = true;
        if (e) std::rethrow_exception(e);
    });
    w.run();
    CHECK(ended);
}

}  // namespace

TEST_CASE("within its limit an operation keeps its result") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    pair p(w);
    asio::write(p.client, asio::buffer("hello", 5));
    run(w, [&]() -> coax::awaitable<> {
        std::array<char, 16> data{};
        const std::size_t n = co_await coax::timeout(
            5s, p.server.async_read_some(asio::buffer(data), asio::deferred));
        CHECK(std::string(data.data(), n) == "hello");
    });
}

TEST_CASE("at its limit an operation ends with timed_out, and the socket works on") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    pair p(w);
    run(w, [&]() -> coax::awaitable<> {
        std::array<char, 16> data{};
        const auto read = p.server.async_read_some(asio::buffer(data), asio::deferred);
        const auto [late, none] = co_await coax::timeout(20ms, read, with_error);
        CHECK(late == asio::error::timed_out);
        CHECK(none == 0);
        // The default token throws.
        bool thrown = false;
        try {
            co_await coax::timeout(1ms, read);
        } catch (const system_error& e) {
            thrown = e.code() == asio::error::timed_out;
        }
        CHECK(thrown);
        co_await asio::async_write(p.client, asio::buffer("x", 1), asio::deferred);
        const auto [ec, n] = co_await coax::timeout(5s, read, with_error);
        CHECK(!ec);
        CHECK(n == 1);
    });
}

TEST_CASE("a composed operation tells what it did until its limit") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    pair p(w);
    asio::write(p.client, asio::buffer("half", 4));
    run(w, [&]() -> coax::awaitable<> {
        std::array<char, 8> data{};
        const auto [ec, n] = co_await coax::timeout(
            50ms,
            [&](auto token) {
                return asio::async_read(p.server, asio::buffer(data), std::move(token));
            },
            with_error);
        CHECK(ec == asio::error::timed_out);
        CHECK(n == 4);
    });
}

TEST_CASE("what somebody else cancels is operation_aborted, not timed_out") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    pair p(w);
    std::array<char, 8> data{};
    error_code by_signal;
    asio::cancellation_signal signal;
    coax::timeout(5s, p.server.async_read_some(asio::buffer(data), asio::deferred),
                  asio::bind_cancellation_slot(
                      signal.slot(), [&](error_code ec, std::size_t) { by_signal = ec; }));
    asio::post(w.server(), [&] { signal.emit(asio::cancellation_type::total); });
    w.run();
    CHECK(by_signal == asio::error::operation_aborted);
    signal.emit(asio::cancellation_type::terminal);  // late: there is nothing any more

    error_code by_socket;
    coax::timeout(5s, p.server.async_read_some(asio::buffer(data), asio::deferred),
                  [&](error_code ec, std::size_t) { by_socket = ec; });
    asio::post(w.server(), [&] { p.server.cancel(); });
    w.run();
    CHECK(by_socket == asio::error::operation_aborted);
}

TEST_CASE("the kind of a cancellation goes through: async_read refuses total") {
    coax::virtual_clock clock;
    world w("wire");
    pair p(w);
    std::array<char, 8> data{};
    std::optional<error_code> ended;
    asio::cancellation_signal signal;
    coax::timeout(
        5s,
        [&](auto token) {
            return asio::async_read(p.server, asio::buffer(data), std::move(token));
        },
        asio::bind_cancellation_slot(signal.slot(),
                                     [&](error_code ec, std::size_t) { ended = ec; }));
    asio::post(w.server(), [&] {
        signal.emit(asio::cancellation_type::total);
        asio::post(w.server(), [&] {
            CHECK(!ended);
            signal.emit(asio::cancellation_type::partial);
        });
    });
    w.run();
    REQUIRE(ended);
    CHECK(*ended == asio::error::operation_aborted);
}

TEST_CASE("what ends in the turn of its limit keeps its result, whichever came first") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    coax::steady_timer timer(io, 10ms);
    const bool operation_first = GENERATE(true, false);
    CAPTURE(operation_first);
    int others = 0;
    if (operation_first) timer.async_wait([&](error_code) { ++others; });
    std::optional<error_code> result;
    coax::timeout(10ms, timer.async_wait(asio::deferred), [&](error_code ec) { result = ec; });
    io.run();
    REQUIRE(result);
    CHECK(!*result);
}

TEST_CASE("the limit is the context's time, exactly; zero and less end in the next turn") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    const auto start = clock.now();
    coax::steady_timer never(io, coax::steady_timer::time_point::max());
    const auto limit = GENERATE(std::chrono::microseconds(1'500), std::chrono::microseconds(0),
                                std::chrono::microseconds(-7), std::chrono::microseconds::min());
    error_code result;
    coax::timeout(limit, never.async_wait(asio::deferred), [&](error_code ec) { result = ec; });
    CHECK(!result);
    CHECK(io.run() >= 1);
    CHECK(result == asio::error::timed_out);
    CHECK(clock.now() - start == std::max(limit, std::chrono::microseconds(0)));
}

TEST_CASE("a limit beyond the end of time never comes") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    coax::steady_timer timer(io, 24h);
    error_code result = asio::error::would_block;
    coax::timeout(std::chrono::hours::max(), timer.async_wait(asio::deferred),
                  [&](error_code ec) { result = ec; });
    io.run();
    CHECK(!result);
}

TEST_CASE("a coroutine as a whole: its value, its exception, its limit") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    const auto value_after = [&](std::chrono::milliseconds delay) -> coax::awaitable<int> {
        coax::fast_timer timer(io.get_executor(), delay);
        co_await timer.async_wait();
        co_return 42;
    };
    const auto failing = []() -> coax::awaitable<> {
        throw std::runtime_error("its own");
        co_return;
    };
    int reached = 0;
    asio::co_spawn(
        io,
        [&]() -> coax::awaitable<> {
            CHECK(co_await coax::timeout(20ms, value_after(10ms)) == 42);
            ++reached;
            try {
                co_await coax::timeout(20ms, value_after(30ms));
            } catch (const system_error& e) {
                CHECK(e.code() == asio::error::timed_out);
                ++reached;
            }
            try {
                co_await coax::timeout(20ms, failing());
            } catch (const std::runtime_error& e) {
                CHECK(std::string(e.what()) == "its own");
                ++reached;
            }
        },
        asio::detached);
    io.run();
    CHECK(reached == 3);
}

TEST_CASE("limits nest: the shorter one tells") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    coax::steady_timer never(io, coax::steady_timer::time_point::max());
    const auto start = clock.now();
    error_code inner_short;
    coax::timeout(1s, coax::timeout(10ms, never.async_wait(asio::deferred)),
                  [&](error_code ec) { inner_short = ec; });
    io.run();
    CHECK(inner_short == asio::error::timed_out);
    CHECK(clock.now() - start == 10ms);
    io.restart();
    error_code outer_short;
    coax::timeout(10ms, coax::timeout(1s, never.async_wait(asio::deferred)),
                  [&](error_code ec) { outer_short = ec; });
    io.run();
    CHECK(outer_short == asio::error::timed_out);
    CHECK(clock.now() - start == 20ms);
}

TEST_CASE("the handler runs on its executor: a strand, another context") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    coax::steady_timer never(io, coax::steady_timer::time_point::max());
    const auto strand = asio::make_strand(io);
    bool on_strand = false;
    coax::timeout(1ms, never.async_wait(asio::deferred),
                  asio::bind_executor(strand, [&](error_code ec) {
                      CHECK(ec == asio::error::timed_out);
                      on_strand = strand.running_in_this_thread();
                  }));
    io.run();
    CHECK(on_strand);

    asio::io_context other;
    bool on_other = false;
    io.restart();
    coax::timeout(1ms, never.async_wait(asio::deferred),
                  asio::bind_executor(other, [&](error_code) {
                      on_other = other.get_executor().running_in_this_thread();
                  }));
    io.run();
    CHECK(!on_other);
    CHECK(other.run() == 1);
    CHECK(on_other);
}

TEST_CASE("started from another thread, with a future") {
    coax::io_context io;
    coax::steady_timer never(io, coax::steady_timer::time_point::max());
    auto guard = asio::make_work_guard(io);
    std::thread runner([&] { io.run(); });
    auto result = coax::timeout(5ms, never.async_wait(asio::deferred), asio::use_future);
    error_code ec;
    try {
        result.get();
    } catch (const system_error& e) {
        ec = e.code();
    }
    guard.reset();
    runner.join();
    CHECK(ec == asio::error::timed_out);
}

TEST_CASE("a context destroyed with limits pending calls nobody and leaks nothing") {
    const bool passed = GENERATE(false, true);
    coax::virtual_clock clock;
    bool called = false;
    const auto held = std::make_shared<int>(0);
    {
        coax::io_context io({.clock = &clock});
        coax::steady_timer never(io, coax::steady_timer::time_point::max());
        coax::timeout(1ms, never.async_wait(asio::deferred),
                      [&called, held](error_code) { called = true; });
        CHECK(held.use_count() == 2);
        if (passed) {
            // The limit has passed, and the operation's end stands in the ready queue.
            asio::post(io, [&] { clock.advance(2ms); });
            io.run_one();
            io.poll_one();
        }
    }
    CHECK(held.use_count() == 1);
    CHECK(!called);
}

TEST_CASE("an executor of no coax context is refused") {
    asio::io_context plain;
    asio::steady_timer timer(plain, 1s);
    bool refused = false;
    try {
        coax::timeout(1s, timer.async_wait(asio::deferred), [](error_code) {});
    } catch (const system_error& e) {
        refused = e.code() == asio::error::operation_not_supported;
    }
    CHECK(refused);
}
