// Programs written for Asio on a coax context: completion tokens, strands, signals, resolver,
// Beast with timeouts, TLS. Also: no thread is started behind their back.
#include <array>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using coax_test::connection;
using coax_test::world;
using tcp = coax::tcp;
using namespace std::chrono_literals;

static_assert(beast::is_async_stream<tcp::socket>::value);
static_assert(beast::is_sync_stream<tcp::socket>::value);
static_assert(beast::is_async_stream<coax::fast_socket>::value);
static_assert(
    std::is_same_v<tcp::socket::rebind_executor<coax::executor>::other, coax::fast_socket>);

namespace {

std::size_t thread_count() {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/task"))
        ++n;
    return n;
}

}  // namespace

TEST_CASE("a read raced against a timer: the loser is cancelled") {
    using namespace asio::experimental::awaitable_operators;
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::vector<std::size_t> winners;
    asio::co_spawn(
        w.client(),
        [&]() -> asio::awaitable<void> {
            std::array<char, 8> data{};
            coax::steady_timer timer(w.client());
            for (const auto limit : {1ms, 1'000'000ms}) {
                timer.expires_after(limit);
                const auto result =
                    co_await (c.near.async_read_some(asio::buffer(data), asio::use_awaitable) ||
                              timer.async_wait(asio::use_awaitable));
                winners.push_back(result.index());
                c.far.write_some(asio::buffer("late", 4));
            }
        },
        asio::detached);
    w.run();
    CHECK(winners == std::vector<std::size_t>{1, 0});
}

TEST_CASE("futures and blocking calls, with the server on a thread of its own") {
    coax::io_context io;
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const auto where = acceptor.local_endpoint();
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            tcp::socket s = co_await acceptor.async_accept(asio::use_awaitable);
            std::array<char, 64> data{};
            for (;;) {
                const auto [ec, n] = co_await s.async_read_some(
                    asio::buffer(data), asio::as_tuple(asio::use_awaitable));
                if (ec) co_return;
                co_await asio::async_write(s, asio::buffer(data, n), asio::use_awaitable);
            }
        },
        asio::detached);
    std::thread runner([&] { io.run(); });

    // Blocking calls on a context that nobody runs.
    coax::io_context own;
    tcp::socket s(own);
    s.connect(where);
    CHECK(asio::write(s, asio::buffer("hello", 5)) == 5);
    std::string got(5, '?');
    CHECK(asio::read(s, asio::buffer(got)) == 5);
    CHECK(got == "hello");
    error_code ec;
    s.non_blocking(true);
    CHECK(s.read_some(asio::buffer(got), ec) == 0);
    CHECK(ec == asio::error::would_block);
    s.close();
    runner.join();

    // Futures on one that another thread runs: operations are handed over to it.
    io.restart();
    auto work = asio::make_work_guard(io);
    tcp::socket near(io);
    tcp::socket far(io);
    std::thread again([&] { io.run(); });
    std::promise<void> inside;
    asio::post(io, [&] { inside.set_value(); });
    inside.get_future().wait();
    auto accepted = acceptor.async_accept(far, asio::use_future);
    near.async_connect(where, asio::use_future).get();
    accepted.get();
    CHECK(asio::async_write(near, asio::buffer("future", 6), asio::use_future).get() == 6);
    std::string all(6, '?');
    CHECK(asio::async_read(far, asio::buffer(all), asio::use_future).get() == 6);
    CHECK(all == "future");
    near.close();  // from here, too: the other thread does it
    work.reset();
    again.join();
}

TEST_CASE("operations on a strand complete on it") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    const auto strand = asio::make_strand(w.client());
    std::array<char, 8> data{};
    bool on_strand = false;
    c.near.async_read_some(asio::buffer(data),
                           asio::bind_executor(strand, [&](error_code ec, std::size_t) {
                               CHECK(!ec);
                               on_strand = strand.running_in_this_thread();
                           }));
    c.far.write_some(asio::buffer("x", 1));
    w.run();
    CHECK(on_strand);
}

TEST_CASE("a handler bound to another context runs there, and counts as its work") {
    world w("kernel");
    connection c(w);
    coax::io_context elsewhere;
    bool there = false;
    std::array<char, 8> data{};
    c.near.async_read_some(
        asio::buffer(data),
        asio::bind_executor(elsewhere.get_executor(), [&](error_code, std::size_t) {
            there = elsewhere.get_executor().running_in_this_thread();
        }));
    CHECK(elsewhere.poll() == 0);
    CHECK(!elsewhere.stopped());
    c.far.write_some(asio::buffer("x", 1));
    w.run();
    CHECK(!there);
    CHECK(elsewhere.run() == 1);
    CHECK(there);
}

TEST_CASE("signal_set ends a context, without a thread") {
    const std::size_t threads = thread_count();
    coax::io_context io;
    asio::signal_set signals(io, SIGUSR1);
    int got = 0;
    signals.async_wait([&](error_code ec, int number) {
        CHECK(!ec);
        got = number;
        io.stop();
    });
    const auto work = asio::make_work_guard(io);
    asio::post(io, [] { std::raise(SIGUSR1); });
    io.run();
    CHECK(got == SIGUSR1);
    CHECK(thread_count() == threads);
}

TEST_CASE("the resolver's answers arrive while the context sleeps") {
    coax::io_context io;
    tcp::resolver resolver(io);
    std::size_t answers = 0;
    resolver.async_resolve("127.0.0.1", "80",
                           [&](error_code ec, const tcp::resolver::results_type& all) {
                               CHECK(!ec);
                               answers = all.size();
                           });
    io.run();
    CHECK(answers == 1);
}

TEST_CASE("Beast: a request over basic_stream<coax::tcp>, then its timeout") {
    coax::io_context io;
    using stream = beast::basic_stream<tcp>;
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            stream s(co_await acceptor.async_accept(asio::use_awaitable));
            beast::flat_buffer buffer;
            http::request<http::string_body> request;
            co_await http::async_read(s, buffer, request, asio::use_awaitable);
            http::response<http::string_body> response(http::status::ok, 11);
            response.body() = "for " + std::string(request.target());
            response.prepare_payload();
            co_await http::async_write(s, response, asio::use_awaitable);
            // Nothing more comes: the timeout must end this read.
            s.expires_after(10ms);
            error_code ec;
            co_await http::async_read(s, buffer, request,
                                      asio::redirect_error(asio::use_awaitable, ec));
            CHECK(ec == beast::error::timeout);
        },
        [](std::exception_ptr e) { CHECK(!e); });
    std::string body;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            stream s(co_await asio::this_coro::executor);
            s.expires_after(30s);
            co_await s.async_connect(acceptor.local_endpoint(), asio::use_awaitable);
            http::request<http::empty_body> request(http::verb::get, "/page", 11);
            request.set(http::field::host, "test");
            co_await http::async_write(s, request, asio::use_awaitable);
            beast::flat_buffer buffer;
            http::response<http::string_body> response;
            co_await http::async_read(s, buffer, response, asio::use_awaitable);
            body = response.body();
            error_code ec;  // until the server's timeout closes the connection
            co_await http::async_read(s, buffer, response,
                                      asio::redirect_error(asio::use_awaitable, ec));
            CHECK(ec == http::error::end_of_stream);
        },
        [](std::exception_ptr e) { CHECK(!e); });
    io.run();
    CHECK(body == "for /page");
}
