// Files over HTTP/1.1, in TLS or not: GET and HEAD with keep-alive, pipelining, ranges and
// conditions.
#pragma once

#include <optional>
#include <utility>

#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "services/http/answer.hpp"
#include "services/http/document.hpp"
#include "services/serve/stream_server.hpp"

namespace coax::services {

class http_server final : public stream_server {
  public:
    http_server(coax::io_context& io, const coax::tcp::endpoint& listen_at, server_limits limits,
                document_root root, std::optional<asio::ssl::context> tls = std::nullopt)
        : stream_server(io, listen_at, limits, std::move(tls)), root_(std::move(root)) {}

    const char* unit() const noexcept override { return "requests"; }

  private:
    coax::awaitable<void> talk(plain_stream& peer, ending& end) override;
    coax::awaitable<void> talk(tls_stream& peer, ending& end) override;

    template <class Stream>
    coax::awaitable<void> answer_requests(Stream& peer, ending& end);
    // The next request's answer; nothing if the connection is to be closed without one.
    template <class Stream>
    coax::awaitable<std::optional<answer>> next_answer(Stream& peer, beast::flat_buffer& buffer,
                                                       ending& end);
    template <class Stream>
    coax::awaitable<error_code> send(Stream& peer, answer& a);

    document_root root_;
};

}  // namespace coax::services
