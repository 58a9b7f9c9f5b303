// Both ends of the conversations over HTTP/1.1 by Beast: keep-alive, pipelining, chunks with a
// trailer, bodies both ways, HEAD, and the end.
#pragma once

#include <sstream>

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "tests/net/pair/exchange.hpp"

namespace pair {

namespace beast = boost::beast;
namespace http = beast::http;

// "/chunked/123": 123
inline std::size_t size_of(beast::string_view target) {
    return std::stoul(std::string(target.substr(target.rfind('/') + 1)));
}

// In chunks of uneven sizes, with a trailer that tells how many bytes there were.
template <class Stream>
asio::awaitable<void> send_chunked(Stream& peer, std::size_t size) {
    http::response<http::empty_body> head(http::status::ok, 11);
    head.set(http::field::trailer, "X-Size");
    head.chunked(true);
    http::response_serializer<http::empty_body> serializer(head);
    co_await http::async_write_header(peer, serializer, use_awaitable);
    const std::string body = pattern(size, size);
    for (std::size_t at = 0, step = 1; at < size; at += step, step = step * 3 % 60'013) {
        const std::size_t n = std::min(step, size - at);
        co_await asio::async_write(peer, http::make_chunk(asio::const_buffer(body.data() + at, n)),
                                   use_awaitable);
    }
    http::fields trailer;
    trailer.set("X-Size", std::to_string(size));
    co_await asio::async_write(peer, http::make_chunk_last(trailer), use_awaitable);
}

template <class Stream>
asio::awaitable<void> answer(Stream& peer, const http::request<http::string_body>& asked) {
    if (asked.target().starts_with("/chunked/")) {
        co_await send_chunked(peer, size_of(asked.target()));
        co_return;
    }
    http::response<http::string_body> response(http::status::ok, 11);
    response.keep_alive(asked.keep_alive());
    if (asked.method() == http::verb::post) response.body() = asked.body();
    else response.body() = pattern(size_of(asked.target()), size_of(asked.target()));
    response.prepare_payload();
    if (asked.method() != http::verb::head) {
        co_await http::async_write(peer, response, use_awaitable);
        co_return;
    }
    http::response_serializer<http::string_body> serializer(response);
    co_await http::async_write_header(peer, serializer, use_awaitable);
}

// `Stream`: beast::basic_stream, which has the time limits.
template <class Stream>
asio::awaitable<void> serve_http(Stream peer) {
    beast::flat_buffer buffer;
    for (;;) {
        peer.expires_after(std::chrono::seconds(30));
        http::request_parser<http::string_body> parser;
        parser.body_limit(64U << 20);
        error_code error;
        co_await http::async_read(peer, buffer, parser, asio::redirect_error(use_awaitable, error));
        if (error == http::error::end_of_stream) break;
        expect(!error, "a request: " + error.message());
        co_await answer(peer, parser.get());
        if (!parser.get().keep_alive()) break;
    }
    peer.socket().shutdown(asio::socket_base::shutdown_send);
}

inline http::request<http::string_body> make_request(http::verb method, const std::string& target) {
    http::request<http::string_body> made(method, target, 11);
    made.set(http::field::host, "pair");
    return made;
}

template <class Stream>
asio::awaitable<http::response<http::string_body>> read_response(Stream& peer,
                                                                 beast::flat_buffer& buffer,
                                                                 bool without_body = false) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(64U << 20);
    parser.skip(without_body);
    co_await http::async_read(peer, buffer, parser, use_awaitable);
    expect(parser.get().result() == http::status::ok, "the status of a response");
    co_return parser.release();
}

template <class Stream>
asio::awaitable<void> get(Stream& peer, beast::flat_buffer& buffer, std::size_t size) {
    const std::string number = std::to_string(size);
    co_await http::async_write(peer, make_request(http::verb::get, "/" + number), use_awaitable);
    auto response = co_await read_response(peer, buffer);
    expect(response.body() == pattern(size, size), "a body of " + number + " bytes");
    expect(response[http::field::content_length] == number, "Content-Length of " + number);

    co_await http::async_write(peer, make_request(http::verb::get, "/chunked/" + number),
                               use_awaitable);
    response = co_await read_response(peer, buffer);
    expect(response.body() == pattern(size, size), "chunks of " + number + " bytes");
    expect(response.chunked() && response["X-Size"] == number, "the trailer");

    for (const bool chunked : {false, true}) {
        if (chunked && size == 0) break;  // Beast writes an empty string_body as two last chunks
        auto request = make_request(http::verb::post, "/");
        request.body() = pattern(7, size);
        if (chunked) request.chunked(true);
        else request.prepare_payload();
        co_await http::async_write(peer, request, use_awaitable);
        response = co_await read_response(peer, buffer);
        expect(response.body() == pattern(7, size), "a body there and back: " + number + " bytes");
    }
}

// Fifty requests in one write; the responses come in order.
template <class Stream>
asio::awaitable<void> pipeline(Stream& peer, beast::flat_buffer& buffer) {
    std::ostringstream all;
    for (int i = 0; i != 50; ++i)
        all << make_request(http::verb::get,
                            (i % 2 == 0 ? "/" : "/chunked/") + std::to_string(i * 700));
    const std::string text = all.str();
    co_await asio::async_write(peer, asio::buffer(text), use_awaitable);
    for (std::size_t i = 0; i != 50; ++i) {
        const auto response = co_await read_response(peer, buffer);
        expect(response.body() == pattern(i * 700, i * 700),
               "pipelined response " + std::to_string(i));
    }
}

template <class Stream, class Endpoint>
asio::awaitable<void> use_http(Endpoint server) {
    Stream peer(co_await asio::this_coro::executor);
    peer.expires_after(std::chrono::seconds(60));
    co_await peer.async_connect(server, use_awaitable);
    beast::flat_buffer buffer;
    for (const std::size_t size : {0U, 1U, 1'000U, 65'536U, 5'000'000U})
        co_await get(peer, buffer, size);
    co_await pipeline(peer, buffer);

    co_await http::async_write(peer, make_request(http::verb::head, "/1000"), use_awaitable);
    const auto head = co_await read_response(peer, buffer, true);
    expect(head[http::field::content_length] == "1000" && head.body().empty(), "HEAD");

    auto last = make_request(http::verb::get, "/10");
    last.keep_alive(false);
    co_await http::async_write(peer, last, use_awaitable);
    const auto response = co_await read_response(peer, buffer);
    expect(!response.keep_alive() && response.body() == pattern(10, 10), "the last response");
    http::response<http::string_body> none;
    error_code error;
    co_await http::async_read(peer, buffer, none, asio::redirect_error(use_awaitable, error));
    expect_error(error, http::error::end_of_stream, "behind the last response");
}

}  // namespace pair
