// One program for both ends of a pair, a template over the protocol (coax::tcp or asio::ip::tcp):
// what runs on coax and what runs on plain Asio is the same text.
//
//   server ADDRESS DIRECTORY   says "ready", serves until SIGTERM; status 0: all conversations went
//                              as they should
//   client ADDRESS DIRECTORY   holds every conversation; a line for each kind
//
// DIRECTORY holds web.pem and web.key, the server's certificate.
#pragma once

#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <utility>

#include <boost/beast/core/basic_stream.hpp>

#include "tests/net/pair/http.hpp"
#include "tests/net/pair/tcp.hpp"
#include "tests/net/pair/tls.hpp"
#include "tests/net/pair/websocket.hpp"

namespace pair {

inline constexpr std::uint16_t tcp_port = 7, http_port = 80, tls_port = 443, websocket_port = 8080;

class tally {
  public:
    // A completion handler for co_spawn.
    auto watch(const char* kind) {
        return [this, kind](const std::exception_ptr& thrown) { add(kind, thrown); };
    }
    unsigned held() const { return held_; }
    unsigned failed() const { return failed_; }

  private:
    void add(const char* kind, const std::exception_ptr& thrown) {
        ++held_;
        try {
            if (thrown) std::rethrow_exception(thrown);
            return;
        } catch (const std::exception& e) {
            std::printf("FAILED: %s: %s\n", kind, e.what());
        }
        ++failed_;
        std::fflush(stdout);
    }
    unsigned held_ = 0;
    unsigned failed_ = 0;
};

template <class Acceptor, class Converse>
asio::awaitable<void> accept(Acceptor acceptor, const char* kind, Converse converse, tally& all) {
    const auto executor = co_await asio::this_coro::executor;
    for (;;) {
        auto socket = co_await acceptor.async_accept(use_awaitable);
        asio::co_spawn(executor, converse(std::move(socket)), all.watch(kind));
    }
}

template <class Tcp, class Context>
int serve(Context& io, const asio::ip::address& address, const std::string& directory) {
    using socket = typename Tcp::socket;
    using stream = boost::beast::basic_stream<Tcp>;
    asio::ssl::context identity(asio::ssl::context::tls_server);
    identity.use_certificate_chain_file(directory + "/web.pem");
    identity.use_private_key_file(directory + "/web.key", asio::ssl::context::pem);
    tally all;
    const auto open = [&](std::uint16_t port, const char* kind, auto converse) {
        typename Tcp::acceptor acceptor(io, typename Tcp::endpoint(address, port));
        asio::co_spawn(io, accept(std::move(acceptor), kind, converse, all), asio::detached);
    };
    open(tcp_port, "tcp", [](socket s) { return serve_tcp(std::move(s)); });
    open(http_port, "http", [](socket s) { return serve_http(stream(std::move(s))); });
    open(tls_port, "tls", [&](socket s) { return serve_tls(std::move(s), identity); });
    open(websocket_port, "websocket",
         [](socket s) { return serve_websocket(stream(std::move(s))); });
    asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](const error_code&, int) { io.stop(); });
    std::puts("ready");
    std::fflush(stdout);
    io.run();
    std::printf("%u conversations, %u failed\n", all.held(), all.failed());
    return all.failed() == 0 && all.held() > 0 ? 0 : 1;
}

template <class Tcp, class Context>
int use(Context& io, const asio::ip::address& address, const std::string& directory) {
    using socket = typename Tcp::socket;
    using stream = boost::beast::basic_stream<Tcp>;
    const auto at = [&](std::uint16_t port) { return typename Tcp::endpoint(address, port); };
    tally all;
    const auto hold = [&](const char* kind, asio::awaitable<void> conversation) {
        const unsigned failed = all.failed();
        asio::co_spawn(io, std::move(conversation), all.watch(kind));
        io.restart();
        io.run();
        if (all.failed() == failed) std::printf("passed: %s\n", kind);
        std::fflush(stdout);
    };
    hold("tcp", use_tcp<socket>(at(tcp_port)));
    hold("http", use_http<stream>(at(http_port)));
    hold("tls", use_tls<socket>(at(tls_port), directory + "/web.pem"));
    hold("websocket", use_websocket<stream>(at(websocket_port)));
    return all.failed() == 0 && all.held() == 4 ? 0 : 1;
}

template <class Tcp, class Context>
int run(Context& io, const std::string& role, const std::string& address,
        const std::string& directory) {
    const auto where = asio::ip::make_address(address);
    if (role == "server") return serve<Tcp>(io, where, directory);
    if (role == "client") return use<Tcp>(io, where, directory);
    std::fputs("the role is server or client\n", stderr);
    return 2;
}

}  // namespace pair
