// Requests as text, replies through Beast's parser.
#include "services/load/http_dialogue.hpp"

#include <algorithm>

#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

namespace coax::services {
namespace {

namespace http = boost::beast::http;

// Of the stream of replies: a header (8 KiB at most) has to fit, bodies go through in pieces.
constexpr std::size_t buffer = 16'384;
constexpr unsigned first_final = 200;  // RFC 9110 15.2: below are interim replies
constexpr unsigned first_failed = 400;

}  // namespace

http_dialogue::parser::parser() {
    eager(true);
    body_limit(boost::none);
}

http_dialogue::http_dialogue(const std::string& host, const std::string& target,
                             std::size_t pipeline) {
    const std::string request =
        fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: coax/{}\r\nAccept: */*\r\n\r\n",
                    target, host, COAX_VERSION);
    request_size_ = request.size();
    requests_.reserve(request_size_ * pipeline);
    for (std::size_t i = 0; i < pipeline; ++i)
        requests_.insert(requests_.end(), request.begin(), request.end());
    parser_.emplace();
}

dialogue::pieces http_dialogue::next(std::size_t count) {
    return ring_pieces(requests_, 0, count * request_size_);
}

dialogue::pieces http_dialogue::again(std::size_t count) {
    parser_.emplace();
    return next(count);
}

reply http_dialogue::take(std::span<const char>& bytes) {
    boost::beast::error_code error;
    while (!bytes.empty()) {
        bytes = bytes.subspan(
            parser_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), error));
        if (parser_->is_done() && parser_->status() < first_final) {
            parser_.emplace();
            continue;
        }
        if (parser_->is_done()) return finish();
        if (error == http::error::need_more) return {};
        if (error) return {.state = reply_state::broken, .problem = "no HTTP: " + error.message()};
    }
    return {};
}

reply http_dialogue::finish() {
    reply r{.closes = !parser_->keep_alive(), .status = parser_->status()};
    r.state = r.status < first_failed ? reply_state::good : reply_state::failed;
    if (r.state == reply_state::failed) r.problem = fmt::format("status {}", r.status);
    parser_.emplace();
    return r;
}

reply http_dialogue::end() {
    if (!parser_->got_some()) return {};
    boost::beast::error_code error;
    parser_->put_eof(error);
    if (error) return {.state = reply_state::broken, .problem = "a reply was cut off"};
    reply r = finish();
    r.closes = true;
    return r;
}

std::size_t http_dialogue::room() const noexcept { return buffer; }

}  // namespace coax::services
