// Ends streams in order.
#include "services/serve/stream.hpp"

#include <array>
#include <chrono>
#include <cstddef>

namespace coax::services {
namespace {

constexpr std::chrono::seconds patience{1};
constexpr std::size_t most_dropped = 262'144;  // bytes

coax::awaitable<void> end_connection(plain_stream& connection) {
    shut_down_quietly(connection.socket(), asio::socket_base::shutdown_send);
    std::array<char, 4096> waste{};
    std::size_t dropped = 0;
    while (dropped < most_dropped) {
        const auto [error, n] = co_await connection.async_read_some(asio::buffer(waste), as_value);
        if (error) break;
        dropped += n;
    }
}

}  // namespace

coax::awaitable<void> end_in_order(plain_stream& peer) {
    peer.expires_after(patience);
    co_await end_connection(peer);
}

coax::awaitable<void> end_in_order(tls_stream& peer) {
    plain_stream& connection = connection_of(peer);
    connection.expires_after(patience);
    // Fails where the peer goes on sending, or closes without a word: our part is done either way.
    co_await peer.async_shutdown(as_awaited_value());
    if (connection.socket().is_open()) co_await end_connection(connection);
}

}  // namespace coax::services
