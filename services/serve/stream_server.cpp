// The handshake and its time limit.
#include "services/serve/stream_server.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace coax::services {
namespace {

// From the first byte of the connection to the last one of the handshake.
constexpr std::chrono::milliseconds handshake_limit{10'000};

}  // namespace

std::string stream_server::kind() const { return tls_ ? "TLS 1.2 or later" : ""; }

std::string stream_server::details() const {
    return tls_ ? fmt::format("{} failed handshakes", failed_handshakes_) : "";
}

coax::awaitable<void> stream_server::converse(coax::fast_socket socket) {
    ending end;
    if (!tls_) {
        plain_stream peer(std::move(socket));
        presence here(*this, peer.socket());
        here.on_stop([&end] { end.wish(); });
        co_await talk(peer, end);
        co_return;
    }
    tls_stream peer(std::move(socket), *tls_);
    presence here(*this, connection_of(peer).socket());
    here.on_stop([&end] { end.wish(); });
    if (co_await shake_hands(peer, end)) co_await talk(peer, end);
}

coax::awaitable<bool> stream_server::shake_hands(tls_stream& peer, ending& end) {
    plain_stream& connection = connection_of(peer);
    const auto limit = std::min(limits().silence, handshake_limit);
    const auto [error] = co_await end.wait(limit, [&](auto token) {
        // Beast's own function spells a return type that only ordinary tokens have.
        return asio::async_initiate<decltype(token), void(error_code)>(
            [&peer](auto handler) {
                peer.async_handshake(asio::ssl::stream_base::server, std::move(handler));
            },
            token);
    });
    if (!error) co_return true;
    if (error != asio::error::operation_aborted) {
        ++counts().errors;
        ++failed_handshakes_;
    }
    // The peer should read the alert that says why; TLS has none for an end before its beginning.
    co_await end_in_order(connection);
    co_return false;
}

}  // namespace coax::services
