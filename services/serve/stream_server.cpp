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
    if (!tls_) {
        plain_stream peer(std::move(socket));
        const presence here(*this, peer.socket());
        co_await talk(peer);
        co_return;
    }
    tls_stream peer(std::move(socket), *tls_);
    const presence here(*this, connection_of(peer).socket());
    if (co_await shake_hands(peer)) co_await talk(peer);
}

coax::awaitable<bool> stream_server::shake_hands(tls_stream& peer) {
    plain_stream& connection = connection_of(peer);
    connection.expires_after(std::min(limits().silence, handshake_limit));
    const auto [error] =
        co_await peer.async_handshake(asio::ssl::stream_base::server, as_awaited_value());
    if (!error) co_return true;
    if (error == asio::error::operation_aborted) co_return false;
    ++counts().errors;
    ++failed_handshakes_;
    // The peer should read the alert that says why.
    if (connection.socket().is_open()) co_await end_in_order(connection);
    co_return false;
}

}  // namespace coax::services
