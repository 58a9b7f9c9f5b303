// Echo of datagrams, on kernel sockets over loopback and on a wire, asked by coax::udp sockets.
#include <array>
#include <chrono>
#include <string>

#include <catch2/catch.hpp>

#include "services/asio.hpp"
#include "services/program/endpoint_text.hpp"
#include "services/program/failure.hpp"
#include "services/serve/background_server.hpp"

using namespace coax::services;
using namespace std::chrono_literals;

namespace {

// A server with --udp, and a context for its clients.
class datagram_site {
  public:
    explicit datagram_site(const std::string& kind)
        : kernel_(kind == "kernel"),
          server_({kernel_ ? "kernel" : "wire:echo-datagrams,ip=198.18.0.1/24", {}},
                  [&](coax::io_context& io) {
                      auto s = std::make_unique<echo_server>(
                          io, *parse_endpoint(kernel_ ? "127.0.0.1:0" : "198.18.0.1:7"),
                          server_limits{}, true);
                      at = {s->local_endpoint().address(), s->local_endpoint().port()};
                      echo = s.get();
                      return s;
                  }),
          clients({.backend = kernel_ ? "kernel" : "wire:echo-datagrams,ip=198.18.0.2/24"}) {}

    coax::udp::endpoint client_address(std::uint16_t port = 0) const {
        return {kernel_ ? at.address() : asio::ip::make_address("198.18.0.2"), port};
    }

  private:
    bool kernel_;

  public:
    coax::udp::endpoint at;
    echo_server* echo = nullptr;

  private:
    background_server server_;

  public:
    coax::io_context clients;
};

// What comes within ten seconds; throws if nothing does.
std::string receive(datagram_site& site, coax::udp::socket& socket) {
    std::string got(70'000, '?');
    std::size_t size = 0;
    error_code failure = asio::error::timed_out;
    socket.async_receive(asio::buffer(got), [&](const error_code& error, std::size_t n) {
        failure = error;
        size = n;
    });
    site.clients.restart();
    site.clients.run_for(10s);
    if (failure) throw boost::system::system_error(failure);
    got.resize(size);
    return got;
}

std::string content(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + size);
    return text;
}

}  // namespace

TEST_CASE("echo sends back datagrams of every size") {
    datagram_site site(GENERATE(as<std::string>{}, "kernel", "wire"));
    coax::udp::socket socket(site.clients, site.client_address());
    socket.connect(site.at);
    for (const std::size_t size : {0U, 1U, 64U, 1472U, 1473U, 8000U, 65507U}) {
        CAPTURE(size);
        const std::string sent = content(size);
        socket.send(asio::buffer(sent));
        CHECK(receive(site, socket) == sent);
    }
}

TEST_CASE("echo answers many datagrams of several senders, each to its own") {
    datagram_site site(GENERATE(as<std::string>{}, "kernel", "wire"));
    coax::udp::socket one(site.clients, site.client_address());
    coax::udp::socket two(site.clients, site.client_address());
    one.connect(site.at);
    two.connect(site.at);
    // The neighbours know each other after it.
    one.send(asio::buffer("hello", 5));
    CHECK(receive(site, one) == "hello");
    for (std::size_t i = 0; i < 40; ++i) {
        one.send(asio::buffer(content(i + 1)));
        two.send(asio::buffer(content(i + 101)));
    }
    for (std::size_t i = 0; i < 40; ++i) {
        CAPTURE(i);
        CHECK(receive(site, one) == content(i + 1));
        CHECK(receive(site, two) == content(i + 101));
    }
}

TEST_CASE("two echo servers do not talk for ever: a datagram from the server's port is ignored") {
    datagram_site site("wire");
    coax::udp::socket other(site.clients, site.client_address(site.at.port()));
    coax::udp::socket client(site.clients, site.client_address());
    client.connect(site.at);
    client.send(asio::buffer("hello", 5));
    CHECK(receive(site, client) == "hello");
    other.send_to(asio::buffer("ping", 4), site.at);
    client.send(asio::buffer("again", 5));
    CHECK(receive(site, client) == "again");  // behind the other one
    CHECK(other.available() == 0);
}

TEST_CASE("echo does not start where another program takes datagrams") {
    coax::io_context io({.backend = "kernel"});
    const echo_server first(io, *parse_endpoint("127.0.0.1:0"), {}, true);
    CHECK(first.kind() == "TCP and UDP");
    CHECK(first.details() == "0 messages by UDP, 0 ignored");
    coax::udp::socket taken(io, {asio::ip::make_address("127.0.0.1"), 0});
    const coax::tcp::endpoint there(taken.local_endpoint().address(),
                                    taken.local_endpoint().port());
    CHECK_THROWS_AS(echo_server(io, there, {}, true), failure);
    CHECK_NOTHROW(echo_server(io, there, {}));
}
