// A small HTTP/1.1 client: one GET, the body to a file.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "services/asio.hpp"
#include "services/program/failure.hpp"
#include "services/program/options.hpp"
#include "services/transfer/url.hpp"

namespace coax::services {

struct fetch_result {
    unsigned status = 0;
    std::string reason;
    std::string header;       // status line and fields, as text
    std::uint64_t bytes = 0;  // of the body
    error_code error;         // end_of_stream, partial_message, ...: the body is not whole
};

// Calls `take` with each piece of the body; a connection that is silent for `silence` fails with
// beast::error::timeout. Must run on `io`.
coax::awaitable<fetch_result> fetch_url(coax::io_context& io, const http_url& url,
                                        std::chrono::milliseconds silence,
                                        const std::function<void(std::span<const char>)>& take);

// `coax fetch URL`: failed unless the status is 200 and the body whole.
exit_status fetch(const fetch_options& options);

}  // namespace coax::services
