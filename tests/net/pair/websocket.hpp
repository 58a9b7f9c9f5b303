// Both ends of the conversations over WebSocket by Beast: texts, binaries, fragments, compression,
// pings from each side, and the closing handshake from each side.
#pragma once

#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>

#include "tests/net/pair/exchange.hpp"

namespace pair {

namespace beast = boost::beast;
namespace websocket = beast::websocket;

inline constexpr const char* ask_for_ping = "ping me";
inline constexpr const char* ask_for_close = "close";
inline const websocket::close_reason asked_close(websocket::close_code::going_away, "as asked");

template <class Stream>
asio::awaitable<void> serve_websocket(Stream connection) {
    websocket::stream<Stream> peer(std::move(connection));
    websocket::permessage_deflate deflate;
    deflate.server_enable = true;
    peer.set_option(deflate);
    peer.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
    peer.read_message_max(64U << 20);
    co_await peer.async_accept(use_awaitable);
    for (;;) {
        beast::flat_buffer message;
        error_code error;
        co_await peer.async_read(message, asio::redirect_error(use_awaitable, error));
        if (error) {
            expect_error(error, websocket::error::closed, "a message");
            expect(peer.reason().code == websocket::close_code::normal, "the client's reason");
            co_return;
        }
        const std::string text = beast::buffers_to_string(message.data());
        if (text == ask_for_close) {
            co_await peer.async_close(asked_close, use_awaitable);
            co_return;
        }
        if (text == ask_for_ping) co_await peer.async_ping("from the server", use_awaitable);
        peer.text(peer.got_text());
        co_await peer.async_write(message.data(), use_awaitable);
    }
}

template <class WebSocket>
asio::awaitable<void> exchange(WebSocket& peer, const std::string& message, bool text) {
    peer.text(text);
    co_await peer.async_write(asio::buffer(message), use_awaitable);
    beast::flat_buffer back;
    co_await peer.async_read(back, use_awaitable);
    expect(peer.got_text() == text, "text or binary");
    expect(beast::buffers_to_string(back.data()) == message,
           "a message of " + std::to_string(message.size()) + " bytes");
}

// Three frames, the second without content.
template <class WebSocket>
asio::awaitable<void> exchange_fragments(WebSocket& peer) {
    const std::string first = pattern(1, 70'000);
    const std::string last = pattern(2, 3);
    peer.binary(true);
    co_await peer.async_write_some(false, asio::buffer(first), use_awaitable);
    co_await peer.async_write_some(false, asio::const_buffer(), use_awaitable);
    co_await peer.async_write_some(true, asio::buffer(last), use_awaitable);
    beast::flat_buffer back;
    co_await peer.async_read(back, use_awaitable);
    expect(beast::buffers_to_string(back.data()) == first + last, "a message in fragments");
}

template <class WebSocket>
asio::awaitable<void> exchange_pings(WebSocket& peer) {
    std::string got;
    peer.control_callback([&](websocket::frame_type kind, beast::string_view payload) {
        got += kind == websocket::frame_type::ping ? "ping " : "pong ";
        got += std::string(payload) + ";";
    });
    co_await peer.async_ping("from the client", use_awaitable);
    co_await exchange(peer, ask_for_ping, true);
    peer.control_callback();
    expect(got == "pong from the client;ping from the server;", "pings: " + got);
}

template <class Stream, class Endpoint>
asio::awaitable<void> use_websocket(Endpoint server) {
    const auto executor = co_await asio::this_coro::executor;
    for (const bool compressed : {false, true}) {
        websocket::stream<Stream> peer(executor);
        peer.set_option(websocket::stream_base::timeout::suggested(beast::role_type::client));
        websocket::permessage_deflate deflate;
        deflate.client_enable = compressed;
        peer.set_option(deflate);
        peer.read_message_max(64U << 20);
        co_await peer.next_layer().async_connect(server, use_awaitable);
        // From here on the WebSocket has limits of its own.
        peer.next_layer().expires_never();
        websocket::response_type answer;
        co_await peer.async_handshake(answer, "pair", "/", use_awaitable);
        expect((answer.count("Sec-WebSocket-Extensions") == 1) == compressed, "compression");

        co_await exchange(peer, "", true);
        co_await exchange(peer, "gr\u00fc\u00dfe \u2014 \u4e16\u754c", true);
        for (const std::size_t size : {1U, 125U, 126U, 65'535U, 65'536U, 1'000'003U})
            co_await exchange(peer, pattern(size, size), false);
        co_await exchange(peer, std::string(3'000'000, 'c'), true);
        co_await exchange_fragments(peer);
        co_await exchange_pings(peer);

        if (compressed) {
            co_await peer.async_close(websocket::close_code::normal, use_awaitable);
            continue;
        }
        peer.text(true);
        co_await peer.async_write(asio::buffer(std::string(ask_for_close)), use_awaitable);
        beast::flat_buffer none;
        error_code error;
        co_await peer.async_read(none, asio::redirect_error(use_awaitable, error));
        expect_error(error, websocket::error::closed, "the server's close");
        expect(peer.reason().code == asked_close.code && peer.reason().reason == asked_close.reason,
               "the server's reason");
    }
}

}  // namespace pair
