// Both ends of the conversations over TCP alone: echo, one side's end before the other's, resets.
#pragma once

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "tests/net/pair/exchange.hpp"

namespace pair {

// Around a segment, a window, and more than any socket buffer.
inline constexpr std::array<std::size_t, 11> sizes{
    0, 1, 1'447, 1'448, 1'449, 1'461, 16'384, 65'535, 65'536, 1'048'577, 16'000'003};

template <class Socket>
void reset(Socket& socket) {
    socket.set_option(asio::socket_base::linger(true, 0));
    socket.close();
}

template <class Socket>
asio::awaitable<void> send_and_end(Socket& to, const std::string& bytes) {
    co_await send(to, bytes);
    to.shutdown(Socket::shutdown_send);
}

template <class Socket>
asio::awaitable<void> serve_tcp(Socket peer) {
    const request r = to_request(co_await receive(peer, 9));
    switch (r.kind) {
        case 'e':  // echo until the client ends
            expect_error(co_await echo(peer), asio::error::eof, "echo");
            peer.shutdown(Socket::shutdown_send);
            break;
        case 'g':  // the server sends and ends first; then as much comes back
            co_await send_and_end(peer, pattern(1, r.size));
            expect(co_await receive_all(peer) == pattern(2, r.size), "bytes behind our own end");
            break;
        case 'r':  // the client resets, when the server has said that it has read what there was
            expect(co_await receive(peer, r.size) == pattern(3, r.size), "bytes ahead of a reset");
            co_await send(peer, "x");
            co_await receive_all(peer, asio::error::connection_reset);
            break;
        case 'R':  // the server resets, when the client has read what there was
            co_await send(peer, pattern(1, r.size));
            co_await receive(peer, 1);
            reset(peer);
            break;
        default: expect(false, "an unknown request");
    }
}

// Connects and asks; the rest of the conversation is the caller's.
template <class Socket, class Endpoint>
asio::awaitable<void> ask(Socket& peer, const Endpoint& server, const request& r) {
    co_await peer.async_connect(server, use_awaitable);
    co_await send(peer, to_bytes(r));
}

template <class Socket, class Endpoint>
asio::awaitable<void> ask_for_resets(const Endpoint& server) {
    const auto executor = co_await asio::this_coro::executor;
    Socket resetting(executor);
    co_await ask(resetting, server, {'r', 5'000});
    co_await send(resetting, pattern(3, 5'000));
    co_await receive(resetting, 1);
    reset(resetting);

    Socket is_reset(executor);
    co_await ask(is_reset, server, {'R', 5'000});
    expect(co_await receive(is_reset, 5'000) == pattern(1, 5'000), "bytes ahead of the reset");
    co_await send(is_reset, "x");
    co_await receive_all(is_reset, asio::error::connection_reset);
}

template <class Socket, class Endpoint>
asio::awaitable<void> use_tcp(Endpoint server) {
    using namespace asio::experimental::awaitable_operators;
    const auto executor = co_await asio::this_coro::executor;
    for (const std::size_t size : sizes) {
        Socket echoed(executor);
        co_await ask(echoed, server, {'e', size});
        const std::string sent = pattern(size, size);
        const std::string back = co_await (send_and_end(echoed, sent) && receive_all(echoed));
        expect(back == sent, "echo of " + std::to_string(size) + " bytes");

        Socket given(executor);
        co_await ask(given, server, {'g', size});
        expect(co_await receive_all(given) == pattern(1, size), "bytes up to the server's end");
        co_await send_and_end(given, pattern(2, size));
        // The server closes when it has seen the end.
        const std::string behind = co_await receive_all(given);
        expect(behind.empty(), "bytes behind the end");
    }
    co_await ask_for_resets<Socket>(server);
}

}  // namespace pair
