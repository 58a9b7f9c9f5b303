// A server of a protocol of Beast's, over TLS or not: shakes hands where there is TLS, then lets
// the protocol talk. Knows no protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <boost/asio/ssl/context.hpp>

#include "services/serve/ending.hpp"
#include "services/serve/server.hpp"
#include "services/serve/stream.hpp"

namespace coax::services {

class stream_server : public server {
  public:
    // Without `tls` connections are plain.
    stream_server(coax::io_context& io, const coax::tcp::endpoint& listen_at, server_limits limits,
                  std::optional<asio::ssl::context> tls)
        : server(io, listen_at, limits), tls_(std::move(tls)) {}

    std::string kind() const override;
    std::string details() const override;

  protected:
    // Both are one template in each protocol, which ends in order when `end` is wished. The
    // connection is closed when they return.
    virtual coax::awaitable<void> talk(plain_stream& peer, ending& end) = 0;
    virtual coax::awaitable<void> talk(tls_stream& peer, ending& end) = 0;

  private:
    coax::awaitable<void> converse(coax::fast_socket socket) final;
    coax::awaitable<bool> shake_hands(tls_stream& peer, ending& end);

    std::optional<asio::ssl::context> tls_;
    std::uint64_t failed_handshakes_ = 0;
};

}  // namespace coax::services
