// TCP sockets through Asio's interface, the same body on every transport.
#include <array>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::world;
using tcp = coax::tcp;

TEST_CASE("echo, with plain coroutines and callbacks") {
    world w(GENERATE("wire", "kernel"));
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
