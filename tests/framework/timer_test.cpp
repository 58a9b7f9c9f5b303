// coax::steady_timer, and Asio's own timer on a coax context.
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;
using time_point = coax::steady_timer::time_point;

namespace {

std::size_t thread_count() {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/task"))
        ++n;
    return n;
}

}  // namespace

TEST_CASE("timers expire in the order of their expiry, at it, on virtual time") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    const auto start = clock.now();
    std::vector<int> order;
    std::vector<std::unique_ptr<coax::steady_timer>> timers;
    for (const int ms : {30, 10, 50, 20, 40, 15}) {
        timers.push_back(std::make_unique<coax::steady_timer>(io, std::chrono::milliseconds(ms)));
        timers.back()->async_wait([&, ms](error_code ec) {
            CHECK(!ec);
            CHECK(clock.now() == start + std::chrono::milliseconds(ms));
            order.push_back(ms);
        });
    }
    CHECK(io.run() == 6);
    CHECK(order == std::vector<int>{10, 15, 20, 30, 40, 50});
}

TEST_CASE("the ends of time: min is past, max never comes, nothing overflows") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    const auto start = clock.now();
    int past = 0;
    coax::steady_timer a(io, time_point::min());
    a.async_wait([&](error_code ec) { past += ec ? 100 : 1; });
    coax::steady_timer b(io, coax::steady_timer::duration::min());
    b.async_wait([&](error_code ec) { past += ec ? 100 : 1; });
    coax::steady_timer never(io, time_point::max());
    coax::steady_timer never_after(io, coax::steady_timer::duration::max());
    CHECK(never_after.expiry() == time_point::max());
    error_code ended;
    never.async_wait([&](error_code ec) { ended = ec; });
    never_after.async_wait([](error_code) {});
    CHECK(io.run_for(1h) == 2);
    CHECK(past == 2);
    CHECK(clock.now() == start + 1h);
    CHECK(never.cancel() == 1);
    never_after.cancel();
    CHECK(io.run() == 2);
    CHECK(ended == asio::error::operation_aborted);
}

TEST_CASE("cancel, cancel_one and a new expiry end waits; what expired already keeps its result") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    coax::steady_timer timer(io, 10ms);
    std::vector<error_code> results;
    const auto note = [&](error_code ec) { results.push_back(ec); };
    timer.async_wait(note);
    timer.async_wait(note);
    timer.async_wait(note);
    CHECK(timer.cancel_one() == 1);
    CHECK(timer.expires_after(20ms) == 2);
    CHECK(timer.cancel() == 0);
    CHECK(results.empty());  // never inline
    CHECK(io.run() == 3);
    CHECK(results == std::vector<error_code>(3, asio::error::operation_aborted));

    io.restart();
    results.clear();
    timer.expires_after(1ms);
    timer.async_wait([&](error_code ec) { results.push_back(ec); });
    coax::steady_timer first(io, 1us);
    first.async_wait([&](error_code) { clock.advance(1s); });
    coax::steady_timer same_turn(io, 1us);
    same_turn.async_wait([&](error_code) { CHECK(timer.cancel() == 1); });
    io.run();
    CHECK(results == std::vector<error_code>{asio::error::operation_aborted});
}

TEST_CASE("a wait that has expired is not cancelled any more") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    coax::steady_timer a(io, 1ms);
    coax::steady_timer b(io, 1ms);
    std::vector<error_code> results;
    // Both expire in one turn; whichever runs first cancels the other in vain.
    a.async_wait([&](error_code ec) {
        results.push_back(ec);
        CHECK(b.cancel() == 0);
    });
    b.async_wait([&](error_code ec) {
        results.push_back(ec);
        CHECK(a.cancel() == 0);
    });
    io.run();
    CHECK(results == std::vector<error_code>{{}, {}});
}

TEST_CASE("a moved timer keeps its waits; a destroyed one ends them") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    std::vector<error_code> results;
    const auto note = [&](error_code ec) { results.push_back(ec); };
    auto first = std::make_unique<coax::steady_timer>(io, 5ms);
    first->async_wait(note);
    coax::steady_timer second(std::move(*first));
    first.reset();
    CHECK(io.run() == 1);
    CHECK(results == std::vector<error_code>{{}});

    io.restart();
    {
        coax::steady_timer gone(io, 5ms);
        gone.async_wait(note);
        coax::steady_timer other(io, 7ms);
        other.async_wait(note);
        gone = std::move(other);
    }
    CHECK(io.run() == 2);
    CHECK(results.size() == 3);
    CHECK(results[1] == asio::error::operation_aborted);
    CHECK(results[2] == asio::error::operation_aborted);
}

TEST_CASE("per-operation cancellation ends one wait of several") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    coax::steady_timer timer(io, 10ms);
    std::vector<int> ok;
    std::vector<int> aborted;
    const auto note = [&](int which) {
        return [&, which](error_code ec) { (ec ? aborted : ok).push_back(which); };
    };
    asio::cancellation_signal total;
    asio::cancellation_signal partial;
    asio::cancellation_signal terminal;
    timer.async_wait(note(0));
    timer.async_wait(asio::bind_cancellation_slot(total.slot(), note(1)));
    timer.async_wait(asio::bind_cancellation_slot(partial.slot(), note(2)));
    timer.async_wait(asio::bind_cancellation_slot(terminal.slot(), note(3)));
    total.emit(asio::cancellation_type::total);
    partial.emit(asio::cancellation_type::partial);
    terminal.emit(asio::cancellation_type::terminal);
    CHECK(aborted.empty());  // never inline
    io.run();
    CHECK(ok == std::vector<int>{0});
    CHECK(aborted == std::vector<int>{1, 2, 3});
    total.emit(asio::cancellation_type::all);  // after completion: no effect
}

TEST_CASE("a blocking wait returns at the expiry and runs no handler") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    const auto start = clock.now();
    bool ran = false;
    asio::post(io, [&] { ran = true; });
    coax::steady_timer timer(io, 50ms);
    timer.wait();
    CHECK(clock.now() == start + 50ms);
    CHECK(!ran);
    timer.wait();  // expired already
    CHECK(io.run() == 1);
}

TEST_CASE("many timers, armed, cancelled and expired at random, all end exactly once") {
    coax::virtual_clock clock;
    coax::io_context io({.seed = 1, .clock = &clock});
    std::vector<std::unique_ptr<coax::steady_timer>> timers;
    std::uint32_t state = 1;
    const auto next = [&](std::uint32_t below) {
        state = state * 1664525U + 1013904223U;
        return (state >> 8) % below;
    };
    std::size_t started = 0;
    std::size_t ended = 0;
    coax::clock::time_point last{};
    for (int i = 0; i < 500; ++i) timers.push_back(std::make_unique<coax::steady_timer>(io));
    for (int i = 0; i < 5000; ++i) {
        coax::steady_timer& t = *timers[next(500)];
        t.expires_after(std::chrono::microseconds(next(100000)));
        const auto due = t.expiry();
        ++started;
        t.async_wait([&, due](error_code ec) {
            ++ended;
            if (ec) return;
            CHECK(due >= last);
            last = due;
        });
        if (i % 3 == 0) timers[next(500)]->cancel();
        if (i % 10 == 0) io.poll();
    }
    io.run();
    CHECK(started == ended);
}

TEST_CASE("timers in coroutines: default token, use_awaitable, and a race of two") {
    using namespace asio::experimental::awaitable_operators;
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    const auto start = clock.now();
    std::size_t winner = 9;
    asio::co_spawn(
        io,
        [&]() -> coax::awaitable<> {
            coax::fast_timer timer(co_await asio::this_coro::executor, 5ms);
            co_await timer.async_wait();
            CHECK(clock.now() == start + 5ms);
        },
        asio::detached);
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            coax::steady_timer slow(co_await asio::this_coro::executor, 1h);
            coax::steady_timer fast(co_await asio::this_coro::executor, 10ms);
            const auto first = co_await (slow.async_wait(asio::use_awaitable) ||
                                         fast.async_wait(asio::use_awaitable));
            winner = first.index();
        },
        asio::detached);
    io.run();
    CHECK(winner == 1);
    CHECK(clock.now() == start + 10ms);
}

TEST_CASE("asio::steady_timer works without a thread, beside the context's own timers") {
    const std::size_t threads = thread_count();
    coax::io_context io;
    std::vector<int> order;
    asio::steady_timer asios(io);
    coax::steady_timer own(io, 1ms);
    coax::steady_timer late(io);
    own.async_wait([&](error_code) {
        order.push_back(1);
        asios.expires_after(1ms);
        asios.async_wait([&](error_code ec) {
            CHECK(!ec);
            CHECK(io.get_executor().running_in_this_thread());
            order.push_back(2);
            late.expires_after(1ms);
            late.async_wait([&](error_code) { order.push_back(3); });
        });
    });
    CHECK(io.run() == 3);
    CHECK(order == std::vector<int>{1, 2, 3});
    CHECK(thread_count() == threads);
}

TEST_CASE("a context that sleeps in Asio's reactor hears posts from other threads") {
    coax::io_context io;
    asio::steady_timer far(io, 1h);
    far.async_wait([](error_code) {});
    io.run_for(1ms);  // the reactor exists now, and is slept in
    std::thread other([&] { asio::post(io, [&] { far.cancel(); }); });
    io.run();
    other.join();
    CHECK(io.stopped());
}

TEST_CASE("a timer outside a coax context is refused") {
    asio::io_context foreign;
    CHECK_THROWS_AS(coax::steady_timer(foreign), boost::system::system_error);
    asio::thread_pool pool(1);
    CHECK_THROWS_AS(coax::steady_timer(pool.get_executor()), boost::system::system_error);
}

TEST_CASE("a timer's wait started by another thread is handed over") {
    coax::io_context io;
    auto work = asio::make_work_guard(io);
    std::thread runner([&] { io.run(); });
    std::atomic<bool> inside{false};
    asio::post(io, [&] { inside = true; });
    while (!inside) std::this_thread::yield();
    coax::steady_timer timer(io, 1ms);
    auto done = timer.async_wait(asio::use_future);
    CHECK_NOTHROW(done.get());
    work.reset();
    runner.join();
}
