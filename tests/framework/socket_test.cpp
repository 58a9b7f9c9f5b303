// Data over TCP sockets through Asio's interface, the same body on every transport.
#include <array>
#include <deque>
#include <numeric>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::connection;
using coax_test::world;
using tcp = coax::tcp;

TEST_CASE("echo, with coroutines and callbacks") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    tcp::acceptor acceptor(w.server(), w.listen_address());
    const auto where = acceptor.local_endpoint();
    CHECK(where.port() != 0);
    asio::co_spawn(
        w.server(),
        [&]() -> asio::awaitable<void> {
            tcp::socket s = co_await acceptor.async_accept(asio::use_awaitable);
            std::array<char, 64> data{};
            for (;;) {
                error_code ec;
                const std::size_t n = co_await s.async_read_some(
                    asio::buffer(data), asio::redirect_error(asio::use_awaitable, ec));
                if (ec) {
                    CHECK(ec == asio::error::eof);
                    CHECK(n == 0);
                    co_return;
                }
                co_await asio::async_write(s, asio::buffer(data, n), asio::use_awaitable);
            }
        },
        asio::detached);
    std::string got(5, '?');
    tcp::socket c(w.client());
    c.async_connect(where, [&](error_code ec) {
        REQUIRE(!ec);
        CHECK(c.remote_endpoint() == where);
        CHECK(c.local_endpoint().port() != 0);
        asio::async_write(c, asio::buffer("hello", 5), [&](error_code ec2, std::size_t n) {
            CHECK(!ec2);
            CHECK(n == 5);
            asio::async_read(c, asio::buffer(got), [&](error_code ec3, std::size_t m) {
                CHECK(!ec3);
                CHECK(m == 5);
                c.close();
            });
        });
    });
    w.run();
    CHECK(got == "hello");
}

TEST_CASE("the concrete types need no token") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    coax::fast_acceptor acceptor(w.server(), w.listen_address());
    const auto where = acceptor.local_endpoint();
    asio::co_spawn(
        w.server(),
        [&]() -> coax::awaitable<> {
            coax::fast_socket s = co_await acceptor.async_accept();
            std::array<char, 8> data{};
            const std::size_t n = co_await s.async_read_some(asio::buffer(data));
            co_await asio::async_write(s, asio::buffer(data, n), asio::deferred);
        },
        asio::detached);
    std::string got;
    asio::co_spawn(
        w.client(),
        [&]() -> coax::awaitable<> {
            coax::fast_socket s(co_await asio::this_coro::executor);
            co_await s.async_connect(where);
            co_await asio::async_write(s, asio::buffer("ping", 4), asio::deferred);
            co_await asio::async_read_until(s, asio::dynamic_buffer(got), "ng", asio::deferred);
        },
        asio::detached);
    w.run();
    CHECK(got == "ping");
}

TEST_CASE("a mebibyte each way at once, byte for byte") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    constexpr std::size_t size = 1 << 20;
    std::vector<std::uint32_t> up(size / 4);
    std::vector<std::uint32_t> down(size / 4);
    std::iota(up.begin(), up.end(), 1U);
    std::iota(down.begin(), down.end(), 0x80000000U);
    std::vector<std::uint32_t> got_up(size / 4);
    std::vector<std::uint32_t> got_down(size / 4);
    int done = 0;
    const auto whole = [&](error_code ec, std::size_t n) {
        CHECK(!ec);
        CHECK(n == size);
        ++done;
    };
    asio::async_write(c.near, asio::buffer(up), whole);
    asio::async_write(c.far, asio::buffer(down), whole);
    asio::async_read(c.near, asio::buffer(got_down), whole);
    asio::async_read(c.far, asio::buffer(got_up), whole);
    w.run();
    CHECK(done == 4);
    CHECK(up == got_up);
    CHECK(down == got_down);
}

TEST_CASE("scattered and gathered: more buffers than one operation takes") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::deque<std::string> pieces;
    std::vector<asio::const_buffer> out;
    std::string all;
    for (int i = 0; i < 40; ++i) {
        pieces.push_back(
            std::string(static_cast<std::size_t>(i % 7), static_cast<char>('a' + i % 26)));
        out.push_back(asio::buffer(pieces.back()));
        all += pieces.back();
    }
    std::string got(all.size(), '?');
    std::vector<asio::mutable_buffer> in;
    for (std::size_t at = 0; at < got.size(); at += 3)
        in.push_back(asio::buffer(&got[at], std::min<std::size_t>(3, got.size() - at)));
    asio::async_write(c.near, out, [&](error_code ec, std::size_t n) {
        CHECK(!ec);
        CHECK(n == all.size());
    });
    asio::async_read(c.far, in, [&](error_code ec, std::size_t n) {
        CHECK(!ec);
        CHECK(n == all.size());
    });
    w.run();
    CHECK(got == all);
}

TEST_CASE("several reads and writes outstanding are served in the order they were started") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::array<std::array<char, 2>, 5> in{};
    std::vector<int> order;
    for (int i = 0; i < 5; ++i) {
        c.far.async_read_some(asio::buffer(in[static_cast<std::size_t>(i)]),
                              [&, i](error_code ec, std::size_t n) {
                                  CHECK(!ec);
                                  CHECK(n == 2);
                                  order.push_back(i);
                              });
    }
    int written = 0;
    for (const char* text : {"aa", "bb", "cc", "dd", "ee"}) {
        c.near.async_write_some(asio::buffer(text, 2), [&](error_code ec, std::size_t n) {
            CHECK(!ec);
            CHECK(n == 2);
            ++written;
        });
    }
    w.run();
    CHECK(written == 5);
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
    std::string got;
    for (const auto& each : in) got.append(each.data(), 2);
    CHECK(got == "aabbccddee");
}

TEST_CASE("empty buffers succeed at once, but not inside the call") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    int done = 0;
    const auto note = [&](error_code ec, std::size_t n) {
        CHECK(!ec);
        CHECK(n == 0);
        ++done;
    };
    c.near.async_read_some(asio::mutable_buffer(), note);
    c.near.async_write_some(asio::const_buffer(), note);
    CHECK(done == 0);
    w.run();
    CHECK(done == 2);
    CHECK(c.near.read_some(asio::mutable_buffer()) == 0);
    CHECK(c.near.write_some(asio::const_buffer()) == 0);
}

TEST_CASE("half close: the other direction goes on, then end of file") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::string got_far;
    std::string got_near;
    c.near.async_write_some(asio::buffer("request", 7), [&](error_code ec, std::size_t) {
        CHECK(!ec);
        c.near.shutdown(tcp::socket::shutdown_send);
    });
    asio::async_read(c.far, asio::dynamic_buffer(got_far), [&](error_code ec, std::size_t n) {
        CHECK(ec == asio::error::eof);
        CHECK(n == 7);
        asio::async_write(c.far, asio::buffer("answer", 6), [&](error_code ec2, std::size_t) {
            CHECK(!ec2);
            c.far.close();
        });
    });
    asio::async_read(c.near, asio::dynamic_buffer(got_near),
                     [&](error_code ec, std::size_t) { CHECK(ec == asio::error::eof); });
    w.run();
    CHECK(got_far == "request");
    CHECK(got_near == "answer");
    error_code ec;
    CHECK(c.near.write_some(asio::buffer("x", 1), ec) == 0);
    CHECK(ec == asio::error::broken_pipe);
}

TEST_CASE("peek leaves the bytes; available counts them; waits tell of them") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::vector<std::string> order;
    std::array<char, 8> data{};
    c.far.async_wait(tcp::socket::wait_read, [&](error_code ec) {
        CHECK(!ec);
        order.push_back("readable");
        CHECK(c.far.available() == 4);
        c.far.async_receive(asio::buffer(data), tcp::socket::message_peek,
                            [&](error_code ec2, std::size_t n) {
                                CHECK(!ec2);
                                CHECK(n == 4);
                                CHECK(c.far.available() == 4);
                                std::string got(4, '?');
                                CHECK(asio::read(c.far, asio::buffer(got)) == 4);
                                CHECK(got == "data");
                                CHECK(c.far.available() == 0);
                                order.push_back("read");
                            });
    });
    c.near.async_wait(tcp::socket::wait_write, [&](error_code ec) {
        CHECK(!ec);
        order.push_back("writable");
        c.near.async_write_some(asio::buffer("data", 4), [](error_code, std::size_t) {});
    });
    w.run();
    CHECK(order == std::vector<std::string>{"writable", "readable", "read"});
}

TEST_CASE("a write waits for room, and goes on when the reader reads") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    const std::vector<char> much(8 << 20, 'x');
    bool written = false;
    asio::async_write(c.near, asio::buffer(much), [&](error_code ec, std::size_t n) {
        CHECK(!ec);
        CHECK(n == much.size());
        written = true;
    });
    int rounds = 0;
    w.run_until([&] { return ++rounds > 200; });
    CHECK(!written);
    std::size_t got = 0;
    asio::co_spawn(
        w.server(),
        [&]() -> asio::awaitable<void> {
            std::vector<char> data(1 << 16);
            while (got < much.size())
                got += co_await c.far.async_read_some(asio::buffer(data), asio::use_awaitable);
        },
        asio::detached);
    w.run();
    CHECK(written);
    CHECK(got == much.size());
}
