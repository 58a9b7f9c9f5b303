// Echo over WebSocket (RFC 6455): each message goes back as it came, text as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/ssl/context.hpp>
#include <boost/beast/websocket/stream_fwd.hpp>

#include "services/serve/stream_server.hpp"

namespace coax::services {

class websocket_server final : public stream_server {
  public:
    // `largest`: bytes of a message, uncompressed. limits.silence: a client that answers no ping
    // for so long is cut off.
    websocket_server(coax::io_context& io, const coax::tcp::endpoint& listen_at,
                     server_limits limits, std::size_t largest,
                     std::optional<asio::ssl::context> tls = std::nullopt)
        : stream_server(io, listen_at, limits, std::move(tls)), largest_(largest) {}

    const char* unit() const noexcept override { return "messages"; }
    std::string details() const override;

  private:
    coax::awaitable<void> talk(plain_stream& peer, ending& end) override;
    coax::awaitable<void> talk(tls_stream& peer, ending& end) override;

    template <class Stream>
    coax::awaitable<void> upgrade(Stream& peer, ending& end);
    template <class WebSocket>
    coax::awaitable<void> echo(WebSocket& messages);
    // Echo until the client closes, or our own end is wished: 1001, going away.
    template <class WebSocket>
    coax::awaitable<void> echo_until(WebSocket& messages, ending& end);
    // An end that was not in order.
    void count(const error_code& error);

    std::size_t largest_;
    std::uint64_t too_large_ = 0;  // messages
    std::uint64_t refused_ = 0;    // requests that were no upgrade, or a wrong one
};

}  // namespace coax::services
