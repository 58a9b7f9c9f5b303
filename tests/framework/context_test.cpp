// run, poll, stop, restart, exceptions, work, threads: Asio's semantics of an io_context.
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

namespace asio = boost::asio;
using namespace std::chrono_literals;

TEST_CASE("run without work returns at once, and stops the context") {
    coax::io_context io;
    CHECK(!io.stopped());
    CHECK(io.run() == 0);
    CHECK(io.stopped());
    bool ran = false;
    asio::post(io, [&] { ran = true; });
    CHECK(io.run() == 0);  // stopped: restart first
    CHECK(!ran);
    io.restart();
    CHECK(io.run() == 1);
    CHECK(ran);
    CHECK(io.stopped());
}

TEST_CASE("post queues, dispatch from inside nests, defer queues") {
    coax::io_context io;
    std::vector<int> order;
    asio::dispatch(io, [&] {  // from outside: queued
        asio::post(io, [&] { order.push_back(3); });
        asio::defer(io, [&] { order.push_back(4); });
        asio::dispatch(io, [&] { order.push_back(1); });
        order.push_back(2);
    });
    CHECK(order.empty());
    CHECK(io.run() == 3);
    CHECK(order == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("run_one and poll_one run one handler each; poll all that are ready") {
    coax::io_context io;
    int count = 0;
    for (int i = 0; i < 5; ++i) asio::post(io, [&] { ++count; });
    CHECK(io.run_one() == 1);
    CHECK(count == 1);
    CHECK(io.poll_one() == 1);
    CHECK(count == 2);
    CHECK(!io.stopped());
    CHECK(io.poll() == 3);
    CHECK(count == 5);
    CHECK(io.stopped());
    CHECK(io.poll() == 0);
}

TEST_CASE("run_one leaves the context stopped when it ran the last handler") {
    coax::io_context io;
    asio::post(io, [] {});
    CHECK(io.run_one() == 1);
    CHECK(io.stopped());
}

TEST_CASE("stop leaves the rest in the queue; restart goes on") {
    coax::io_context io;
    int count = 0;
    asio::post(io, [&] {
        ++count;
        io.stop();
    });
    asio::post(io, [&] { ++count; });
    CHECK(io.run() == 1);
    CHECK(io.stopped());
    CHECK(io.run() == 0);
    io.restart();
    CHECK(io.run() == 1);
    CHECK(count == 2);
}

TEST_CASE("an exception leaves run with the queue and the counts intact") {
    coax::io_context io;
    int count = 0;
    asio::post(io, [&] { ++count; });
    asio::post(io, [] { throw std::runtime_error("out"); });
    asio::post(io, [&] { ++count; });
    CHECK_THROWS_WITH(io.run(), "out");
    CHECK(count == 1);
    CHECK(!io.stopped());
    CHECK(io.run() == 1);
    CHECK(count == 2);
    CHECK(io.stopped());
}

TEST_CASE("a work guard keeps run inside until it is reset, from another thread") {
    coax::io_context io;
    auto work = asio::make_work_guard(io);
    std::atomic<bool> returned{false};
    std::thread t([&] {
        io.run();
        returned = true;
    });
    std::atomic<bool> ran{false};
    asio::post(io, [&] { ran = true; });
    while (!ran) std::this_thread::yield();
    CHECK(!returned);
    work.reset();
    t.join();
    CHECK(io.stopped());
}

TEST_CASE("stop from another thread wakes a sleeping run") {
    coax::io_context io;
    const auto work = asio::make_work_guard(io);
    std::thread t([&] {
        while (true) {
            for (const auto& c : io.backend().notes) (void)c;
            io.stop();
            break;
        }
    });
    io.run();
    t.join();
    CHECK(io.stopped());
}

TEST_CASE("posts from many threads all run, each once, in the order of their thread") {
    coax::io_context io;
    constexpr int threads = 4;
    constexpr int each = 2000;
    auto work = asio::make_work_guard(io);
    std::vector<int> last(threads, -1);
    int ran = 0;
    bool ordered = true;
    std::vector<std::thread> posters;
    for (int t = 0; t < threads; ++t) {
        posters.emplace_back([&, t] {
            for (int i = 0; i < each; ++i) {
                asio::post(io, [&, t, i] {
                    auto& l = last[static_cast<std::size_t>(t)];
                    ordered = ordered && l == i - 1;
                    l = i;
                    if (++ran == threads * each) work.reset();
                });
            }
        });
    }
    CHECK(io.run() == threads * each);
    for (auto& p : posters) p.join();
    CHECK(ordered);
}

TEST_CASE("two threads in run: all handlers run, both return") {
    coax::io_context io;
    std::atomic<int> count{0};
    for (int i = 0; i < 100; ++i) asio::post(io, [&] { ++count; });
    std::atomic<std::size_t> total{0};
    std::thread a([&] { total += io.run(); });
    std::thread b([&] { total += io.run(); });
    a.join();
    b.join();
    CHECK(count == 100);
    CHECK(total == 100);
}

TEST_CASE("the second runner takes the place of the first when that one leaves") {
    coax::io_context io;
    auto work = asio::make_work_guard(io);
    std::atomic<bool> second_inside{false};
    std::atomic<bool> first_inside{false};
    std::thread first([&] {
        io.run_one();  // leaves after one handler
    });
    asio::post(io, [&] {
        first_inside = true;
        while (!second_inside) std::this_thread::yield();
    });
    while (!first_inside) std::this_thread::yield();
    std::thread second([&] {
        second_inside = true;
        io.run();
    });
    first.join();
    std::thread::id who{};
    asio::post(io, [&] {
        who = std::this_thread::get_id();
        work.reset();
    });
    const auto expected = second.get_id();
    second.join();
    CHECK(who == expected);
}

TEST_CASE("nested poll and run_one inside a handler") {
    coax::io_context io;
    std::vector<int> order;
    asio::post(io, [&] {
        order.push_back(1);
        CHECK(io.run_one() == 1);
        CHECK(io.poll() == 1);
        order.push_back(4);
    });
    asio::post(io, [&] { order.push_back(2); });
    asio::post(io, [&] { order.push_back(3); });
    CHECK(io.run() == 1);
    CHECK(order == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("a handler that posts itself for ever starves neither timers nor other threads") {
    coax::io_context io;
    bool go_on = true;
    std::size_t rounds = 0;
    struct reposting {
        coax::io_context& io;
        bool& go_on;
        std::size_t& rounds;
        void operator()() {
            ++rounds;
            if (go_on) asio::post(io, *this);
        }
    };
    asio::post(io, reposting{io, go_on, rounds});
    asio::steady_timer timer(io, 1ms);
    bool from_thread = false;
    timer.async_wait([&](boost::system::error_code) {
        std::thread([&] {
            asio::post(io, [&] {
                from_thread = true;
                go_on = false;
            });
        }).join();
    });
    io.run();
    CHECK(from_thread);
    CHECK(rounds > 1);
}

TEST_CASE("destruction destroys queued handlers without running them, and what they post then") {
    struct reposts_when_destroyed {
        coax::io_context* io;
        std::shared_ptr<int> alive;
        int depth;
        reposts_when_destroyed(coax::io_context* i, std::shared_ptr<int> a, int d)
            : io(i), alive(std::move(a)), depth(d) {}
        reposts_when_destroyed(reposts_when_destroyed&& o) noexcept
            : io(std::exchange(o.io, nullptr)), alive(std::move(o.alive)), depth(o.depth) {}
        ~reposts_when_destroyed() {
            if (io != nullptr && depth > 0)
                asio::post(*io, reposts_when_destroyed(io, alive, depth - 1));
        }
        void operator()() { FAIL("ran"); }
    };
    const auto alive = std::make_shared<int>(0);
    {
        coax::io_context io;
        asio::post(io, reposts_when_destroyed(&io, alive, 3));
        CHECK(alive.use_count() == 2);
    }
    CHECK(alive.use_count() == 1);
}

TEST_CASE("run_for and run_until end at their time, on the context's clock") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    const auto work = asio::make_work_guard(io);
    const auto start = clock.now();
    CHECK(io.run_for(250ms) == 0);
    CHECK(clock.now() == start + 250ms);
    CHECK(!io.stopped());
    CHECK(io.run_until(start + 1s) == 0);
    CHECK(clock.now() == start + 1s);
    asio::post(io, [] {});
    CHECK(io.run_one_for(1h) == 1);
    CHECK(clock.now() == start + 1s);
    CHECK(io.run_one_until(start) == 0);
}

TEST_CASE("counters tell what the loop did") {
    coax::io_context io;
    for (int i = 0; i < 3; ++i) asio::post(io, [] {});
    io.run();
    std::uint64_t handlers = 0;
    for (const auto& c : io.counters())
        if (c.name == "loop.handlers") handlers = c.value;
    CHECK(handlers == 3);
}

TEST_CASE("a specification that is wrong is one clear line") {
    CHECK_THROWS_AS(coax::io_context({.backend = "nonsense:x"}), coax::backend_error);
    try {
        coax::io_context io({.backend = "nonsense:x"});
    } catch (const coax::backend_error& e) {
        const std::string text = e.what();
        CHECK(text.find('\n') == std::string::npos);
        CHECK(text.find("nonsense") != std::string::npos);
    }
}
