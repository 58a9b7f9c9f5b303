// The upgrade from HTTP, and the loop of messages. Beast answers pings and closes, and sends pings
// to silent clients.
#include "services/websocket/websocket_server.hpp"

#include <algorithm>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <fmt/format.h>

#include <coax/beast.hpp>

namespace coax::services {
namespace {

namespace http = beast::http;
namespace websocket = beast::websocket;

constexpr std::uint32_t header_limit = 16'384;            // bytes of the upgrade's header
constexpr std::size_t kept_buffer = 65'536;               // bytes, between messages
constexpr std::chrono::milliseconds close_limit{10'000};  // for handshakes of opening and closing

http::response<http::string_body> refusal(unsigned version) {
    http::response<http::string_body> answer(http::status::upgrade_required, version);
    answer.set(http::field::server, "coax");
    answer.set(http::field::upgrade, "websocket");
    answer.set(http::field::sec_websocket_version, "13");
    answer.set(http::field::content_type, "text/plain; charset=utf-8");
    answer.keep_alive(false);
    answer.body() = "426 Upgrade Required: this server speaks WebSocket only\n";
    answer.prepare_payload();
    return answer;
}

template <class WebSocket>
void configure(WebSocket& messages, std::chrono::milliseconds silence, std::size_t largest) {
    websocket::stream_base::timeout limits{};
    limits.handshake_timeout = std::min(silence, close_limit);
    limits.idle_timeout = silence;
    limits.keep_alive_pings = true;
    messages.set_option(limits);
    websocket::permessage_deflate deflate;
    deflate.server_enable = true;
    messages.set_option(deflate);
    messages.set_option(websocket::stream_base::decorator(
        [](websocket::response_type& answer) { answer.set(http::field::server, "coax"); }));
    messages.read_message_max(largest);
}

}  // namespace

std::string websocket_server::details() const {
    const std::string tls = stream_server::details();
    return fmt::format("{}{}{} too large, {} refused", tls, tls.empty() ? "" : ", ", too_large_,
                       refused_);
}

coax::awaitable<void> websocket_server::talk(plain_stream& peer, ending& end) {
    return upgrade(peer, end);
}
coax::awaitable<void> websocket_server::talk(tls_stream& peer, ending& end) {
    return upgrade(peer, end);
}

void websocket_server::count(const error_code& error) {
    const bool in_order = error == websocket::error::closed ||
                          error == http::error::end_of_stream || error == beast::error::timeout ||
                          error == asio::error::timed_out ||
                          error == asio::error::operation_aborted;
    if (!in_order) ++counts().errors;
    if (error == websocket::error::message_too_big) ++too_large_;
}

template <class Stream>
coax::awaitable<void> websocket_server::upgrade(Stream& peer, ending& end) {
    beast::flat_buffer buffer(header_limit);
    http::request_parser<http::empty_body> parser;
    parser.header_limit(header_limit);
    const auto [error, size] = co_await end.wait(limits().silence, [&](auto token) {
        return http::async_read_header(peer, buffer, parser, std::move(token));
    });
    if (error) {
        count(error);
        co_await end_in_order(peer);
        co_return;
    }
    connection_of(peer).expires_after(limits().silence);
    // RFC 6455 4.1: a client waits for the answer before it sends a frame.
    if (!websocket::is_upgrade(parser.get()) || buffer.size() > 0) {
        ++refused_;
        ++counts().errors;
        const auto answer = refusal(parser.get().version());
        const auto [failed, written] = co_await http::async_write(peer, answer, as_value);
        if (!failed) co_await end_in_order(peer);
        co_return;
    }
    connection_of(peer).expires_never();  // from here on the WebSocket has limits of its own
    websocket::stream<Stream&> messages(peer);
    configure(messages, limits().silence, largest_);
    const auto [refused] = co_await messages.async_accept(parser.get(), as_awaited_value());
    if (refused) {
        ++refused_;
        count(refused);
        co_return;
    }
    co_await echo_until(messages, end);
}

template <class WebSocket>
coax::awaitable<void> websocket_server::echo_until(WebSocket& messages, ending& end) {
    bool is_closing = false;
    coax::fast_timer closed(co_await asio::this_coro::executor,
                            coax::fast_timer::time_point::max());
    // Beside the echo: a write is waited for, a read sees the client's answer.
    const auto close = [&] {
        is_closing = true;
        messages.async_close(websocket::close_code::going_away, [&](const error_code&) {
            is_closing = false;
            closed.cancel();
        });
    };
    if (end.is_wished()) close();
    else end.when_wished(close);
    co_await echo(messages);
    end.when_wished({});
    if (is_closing) co_await closed.async_wait(as_value);  // ends when the close has
}

template <class WebSocket>
coax::awaitable<void> websocket_server::echo(WebSocket& messages) {
    beast::flat_buffer message;  // bounded by read_message_max
    for (;;) {
        const auto [error, size] = co_await messages.async_read(message, as_awaited_value());
        if (error) {
            count(error);
            co_return;
        }
        counts().bytes_in += size;
        messages.text(messages.got_text());
        const auto [failed, written] =
            co_await messages.async_write(message.data(), as_awaited_value());
        counts().bytes_out += written;
        if (failed) {
            count(failed);
            co_return;
        }
        ++counts().requests;
        message.clear();
        if (message.capacity() > kept_buffer) message.shrink_to_fit();
    }
}

}  // namespace coax::services
