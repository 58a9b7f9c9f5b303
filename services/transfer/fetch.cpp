// The GET, and the command around it.
#include "services/transfer/fetch.hpp"

#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include "services/program/context.hpp"
#include "services/program/endpoint_text.hpp"
#include "services/program/output_file.hpp"

namespace coax::services {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using stream = beast::basic_stream<coax::tcp, coax::executor>;
using parser_type = http::response_parser<http::buffer_body>;

constexpr std::size_t piece_size = 131'072;

http::request<http::empty_body> make_request(const http_url& url) {
    http::request<http::empty_body> request(http::verb::get, url.target, 11);
    request.set(http::field::host, url.host);
    request.set(http::field::user_agent, "coax/" COAX_VERSION);
    request.set(http::field::accept, "*/*");
    request.keep_alive(false);
    return request;
}

void note_header(const parser_type& parser, fetch_result& result) {
    const auto& message = parser.get();
    result.status = message.result_int();
    result.reason = std::string(message.reason());
    result.header = fmt::format("HTTP/{}.{} {} {}\n", message.version() / 10,
                                message.version() % 10, result.status, result.reason);
    for (const auto& field : message)
        result.header += fmt::format("{}: {}\n", std::string_view(field.name_string()),
                                     std::string_view(field.value()));
}

}  // namespace

coax::awaitable<fetch_result> fetch_url(coax::io_context& io, const http_url& url,
                                        std::chrono::milliseconds silence,
                                        const std::function<void(std::span<const char>)>& take) {
    fetch_result result;
    stream peer(io);
    peer.expires_after(silence);
    const auto [refused] = co_await peer.async_connect(url.endpoint, as_value);
    if ((result.error = refused)) co_return result;

    const auto request = make_request(url);
    const auto [failed, sent] = co_await http::async_write(peer, request, as_value);
    if ((result.error = failed)) co_return result;

    beast::flat_buffer buffer(piece_size);
    buffer.reserve(
        piece_size);  // Beast reads as much at once as the buffer has room, else 512 bytes
    parser_type parser;
    parser.body_limit(boost::none);
    const auto [bad, head] = co_await http::async_read_header(peer, buffer, parser, as_value);
    if ((result.error = bad)) co_return result;
    note_header(parser, result);

    std::vector<char> piece(piece_size);
    while (!parser.is_done()) {
        auto& body = parser.get().body();
        body.data = piece.data();
        body.size = piece.size();
        peer.expires_after(silence);
        const auto [error, n] = co_await http::async_read(peer, buffer, parser, as_value);
        const std::size_t got = piece.size() - body.size;
        result.bytes += got;
        if (got > 0) take({piece.data(), got});
        if (error && error != http::error::need_buffer) {
            result.error = error;
            break;
        }
    }
    shut_down_quietly(peer.socket(), asio::socket_base::shutdown_both);
    co_return result;
}

exit_status fetch(const fetch_options& options) {
    const auto url = parse_url(options.url);
    if (!url)
        throw failure(exit_status::usage,
                      fmt::format("'{}' is not a URL that can be fetched; write http://ADDR:PORT/"
                                  "path with a numeric address",
                                  options.url));
    output_file output(options.output);
    coax::io_context io(context_options_of(options.backend));
    fetch_result result;
    std::exception_ptr thrown;
    const auto begin = std::chrono::steady_clock::now();
    const std::function<void(std::span<const char>)> take = [&](std::span<const char> bytes) {
        output.write(bytes);
    };
    asio::co_spawn(io, fetch_url(io, *url, options.timeout, take),
                   [&](const std::exception_ptr& e, fetch_result r) {
                       thrown = e;
                       result = std::move(r);
                   });
    io.run();
    if (thrown) std::rethrow_exception(thrown);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    if (options.head) fmt::print(stderr, "{}\n", result.header);
    if (result.error)
        throw failure(exit_status::failed,
                      fmt::format("cannot fetch {}: {} after {} bytes", options.url,
                                  result.error.message(), result.bytes));
    if (result.status != 200)
        throw failure(exit_status::failed, fmt::format("{}: the server answers {} {}", options.url,
                                                       result.status, result.reason));
    if (!output.is_standard_output())
        fmt::print(stderr, "{} bytes in {:.3f} s, {:.1f} MB/s; backend {}\n", result.bytes,
                   taken.count(), static_cast<double>(result.bytes) / 1e6 / taken.count(),
                   io.backend().to_line());
    return exit_status::success;
}

}  // namespace coax::services
