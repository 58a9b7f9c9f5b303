// Files over HTTP/1.1: GET and HEAD with keep-alive, pipelining, ranges and conditions.
#pragma once

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "services/http/answer.hpp"
#include "services/http/document.hpp"
#include "services/serve/server.hpp"

namespace coax::services {

namespace beast = boost::beast;

class http_server final : public server {
  public:
    http_server(coax::io_context& io, const coax::tcp::endpoint& listen_at, server_limits limits,
                document_root root)
        : server(io, listen_at, limits), root_(std::move(root)) {}

    const char* unit() const noexcept override { return "requests"; }

  private:
    using stream = beast::basic_stream<coax::tcp, coax::executor>;

    coax::awaitable<void> converse(coax::fast_socket socket) override;
    // The next request's answer; nothing if the connection is to be closed without one.
    coax::awaitable<std::optional<answer>> next_answer(stream& peer, beast::flat_buffer& buffer);
    coax::awaitable<error_code> send(stream& peer, answer& a);
    // Lets the peer read our last answer before the connection goes.
    coax::awaitable<void> linger(stream& peer);

    document_root root_;
};

}  // namespace coax::services
