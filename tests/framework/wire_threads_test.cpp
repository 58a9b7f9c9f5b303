// Two contexts on one wire, each on its own thread and on the system's clock: they sleep, wake each
// other, and deliver what was sent before a context ended.
#include <atomic>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = coax::tcp;

namespace {

const tcp::endpoint server_address(asio::ip::make_address("198.18.9.1"), 7);

coax::context_options on_wire(const char* segment, const char* address) {
    return {.backend = std::string("wire:") + segment + ",ip=" + address};
}

}  // namespace

TEST_CASE("echo between two threads, message by message") {
    coax::io_context server(on_wire("threads", "198.18.9.1/24"));
    tcp::acceptor acceptor(server, server_address);
    asio::co_spawn(
        server,
        [&]() -> asio::awaitable<void> {
            tcp::socket s = co_await acceptor.async_accept(asio::use_awaitable);
            std::vector<char> data(1 << 16);
            for (;;) {
                const auto [ec, n] = co_await s.async_read_some(
                    asio::buffer(data), asio::as_tuple(asio::use_awaitable));
                if (ec) co_return;
                co_await asio::async_write(s, asio::buffer(data, n), asio::use_awaitable);
            }
        },
        asio::detached);
    std::thread runner([&] { server.run(); });
    coax::io_context client(on_wire("threads", "198.18.9.2/24"));
    tcp::socket s(client);
    s.connect(server_address);
    s.set_option(tcp::no_delay(true));
    for (int i = 0; i < 500; ++i) {
        const std::string out = "message " + std::to_string(i);
        asio::write(s, asio::buffer(out));
        std::string in(out.size(), '?');
        asio::read(s, asio::buffer(in));
        REQUIRE(in == out);
    }
    s.close();
    runner.join();
}

TEST_CASE("what was written is delivered although its context ends at once") {
    coax::io_context server(on_wire("linger", "198.18.9.1/24"));
    tcp::acceptor acceptor(server, server_address);
    std::string got;
    acceptor.async_accept([&](error_code ec, tcp::socket accepted) {
        REQUIRE(!ec);
        auto s = std::make_shared<tcp::socket>(std::move(accepted));
        asio::async_read(*s, asio::dynamic_buffer(got),
                         [s](error_code ec2, std::size_t) { CHECK(ec2 == asio::error::eof); });
    });
    const std::string all(200'000, 'z');
    std::thread client_thread([&] {
        coax::io_context client(on_wire("linger", "198.18.9.2/24"));
        tcp::socket s(client);
        s.connect(server_address);
        asio::write(s, asio::buffer(all));
    });
    server.run();
    client_thread.join();
    CHECK(got == all);
}
