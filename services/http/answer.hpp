// What a static file server says to a request: status, fields and which bytes of which file follow.
// Decides everything, sends nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

#include "services/http/byte_range.hpp"
#include "services/http/document.hpp"

namespace coax::services {

namespace http = boost::beast::http;

using request_header = http::request_header<http::fields>;
using response = http::response<http::buffer_body>;

// The body comes from `text` or, with `file`, from `range` of it; neither: no body.
struct answer {
    response head;
    std::string text;
    std::optional<document> file;
    byte_range range;
    bool send_body = true;  // false: HEAD and 304; Content-Length still tells its size

    bool keep_alive() const { return head.keep_alive(); }
};

// `now` stamps the Date field and judges conditions. `keep_alive` as the request asked for it.
answer make_answer(const request_header& request, bool keep_alive, const document_root& root,
                   std::time_t now);

// An answer without a file: its reason as a line of text. Closes the connection unless
// `keep_alive`.
answer make_refusal(http::status status, unsigned version, bool keep_alive, std::time_t now);

}  // namespace coax::services
