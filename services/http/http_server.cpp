// The conversation on one connection: read a request, send its answer, again.
#include "services/http/http_server.hpp"

#include <algorithm>
#include <ctime>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/version.hpp>

namespace coax::services {
namespace {

constexpr std::uint32_t header_limit = 16'384;  // bytes of a request's header
constexpr std::uint64_t body_limit = 65'536;    // bytes of a body that we read and drop
constexpr std::size_t chunk = 131'072;          // of a file in memory at once, per connection

// What a request that cannot be parsed deserves; nothing: the peer is not worth an answer.
std::optional<http::status> status_of(const error_code& error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        return http::status::request_header_fields_too_large;
    if (error == http::error::body_limit) return http::status::payload_too_large;
    if (error == http::error::bad_version) return http::status::http_version_not_supported;
    if (error == http::error::partial_message || error == http::error::end_of_stream)
        return std::nullopt;
    if (error.category() == make_error_code(http::error::bad_method).category())
        return http::status::bad_request;
    return std::nullopt;
}

bool expects_continue(const request_header& request) {
    return beast::iequals(request[http::field::expect], "100-continue");
}

}  // namespace

coax::awaitable<void> http_server::talk(plain_stream& peer, ending& end) {
    return answer_requests(peer, end);
}
coax::awaitable<void> http_server::talk(tls_stream& peer, ending& end) {
    return answer_requests(peer, end);
}

template <class Stream>
coax::awaitable<void> http_server::answer_requests(Stream& peer, ending& end) {
    beast::flat_buffer buffer(header_limit + body_limit);
    for (;;) {
        auto a = co_await next_answer(peer, buffer, end);
        if (!a) break;
        const error_code error = co_await send(peer, *a);
        if (error) {
            if (error != asio::error::operation_aborted) ++counts().errors;
            break;
        }
        ++counts().requests;
        if (!a->keep_alive() || end.is_wished()) {
            co_await end_in_order(peer);
            break;
        }
    }
}

template <class Stream>
coax::awaitable<std::optional<answer>> http_server::next_answer(Stream& peer,
                                                                beast::flat_buffer& buffer,
                                                                ending& end) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(header_limit);
    parser.body_limit(body_limit);
    // Not the stream's own limit, which closes the socket: TLS could not end in order.
    connection_of(peer).expires_never();
    auto [error, n] = co_await end.wait(limits().silence, [&](auto token) {
        return http::async_read_header(peer, buffer, parser, std::move(token));
    });
    counts().bytes_in += n;
    const std::time_t now = std::time(nullptr);
    const unsigned version = parser.get().version();
    if (!error && !parser.is_done() && expects_continue(parser.get())) {
        // RFC 9110 10.1.1: the final status at once; we have no use for the body it waits to send.
        co_return make_answer(parser.get(), false, root_, now);
    }
    if (!error && !parser.is_done()) {
        auto [body_error, body_size] = co_await end.wait(limits().silence, [&](auto token) {
            return http::async_read(peer, buffer, parser, std::move(token));
        });
        counts().bytes_in += body_size;
        error = body_error;
    }
    if (!error) {
        const bool goes_on = parser.get().keep_alive() && !end.is_wished();
        co_return make_answer(parser.get(), goes_on, root_, now);
    }
    if (const auto status = status_of(error)) {
        ++counts().errors;
        co_return make_refusal(*status, version, false, now);
    }
    // The client's end, its silence, or our own end.
    const bool at_rest = error == http::error::end_of_stream || error == asio::error::timed_out ||
                         error == asio::error::operation_aborted;
    if (at_rest) co_await end_in_order(peer);
    // RFC 9112 9.8: a client that closes between requests need not say so in TLS.
    const bool in_order =
        at_rest || (error == asio::ssl::error::stream_truncated && !parser.got_some());
    if (!in_order) ++counts().errors;
    co_return std::nullopt;
}

template <class Stream>
coax::awaitable<error_code> http_server::send(Stream& peer, answer& a) {
    http::response_serializer<http::buffer_body> serializer(a.head);
    connection_of(peer).expires_after(limits().silence);
    if (!a.send_body) {
        const auto [error, n] = co_await http::async_write_header(peer, serializer, as_value);
        counts().bytes_out += n;
        co_return error;
    }
    std::vector<char> piece;
    std::uint64_t left = a.file ? a.range.length : a.text.size();
    std::uint64_t offset = a.range.first;
    auto& body = a.head.body();
    if (a.file) {
        piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(chunk, left)));
    } else {
        body.data = a.text.data();
        body.size = a.text.size();
        left = 0;
    }
    do {
        if (a.file) {
            const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(chunk, left));
            // Shorter than promised: the file shrank. Only closing tells the peer.
            if (a.file->read(offset, {piece.data(), want}) != want)
                co_return make_error_code(asio::error::eof);
            body.data = piece.data();
            body.size = want;
            offset += want;
            left -= want;
        }
        body.more = left > 0;
        // A slow reader has this long for each piece; only one piece is in memory.
        connection_of(peer).expires_after(limits().silence);
        const auto [error, n] = co_await http::async_write(peer, serializer, as_value);
        counts().bytes_out += n;
        if (error && error != http::error::need_buffer) co_return error;
    } while (left > 0);
    co_return error_code{};
}

}  // namespace coax::services
