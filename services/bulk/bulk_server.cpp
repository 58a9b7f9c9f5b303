// One coroutine per connection drops what comes; a source's second one sends.
#include "services/bulk/bulk_server.hpp"

#include <vector>

namespace coax::services {
namespace {

constexpr std::size_t piece = 131'072;  // bytes of a read, and of a write

// What a source sends: one block for all, which nobody changes.
const std::vector<char>& block() {
    static const std::vector<char> bytes(piece, 'x');
    return bytes;
}

bool is_in_order(const error_code& error) {
    return error == asio::error::eof || error == asio::error::operation_aborted;
}

}  // namespace

coax::awaitable<void> bulk_server::send(std::shared_ptr<transfer> t) {
    while (!t->is_over) {
        const auto [error, n] =
            co_await t->socket.async_write_some(asio::buffer(block()), as_value);
        counts().bytes_out += n;
        if (error) break;
        ++counts().requests;
    }
    // What was sent goes out, and then the end. The peer's own end closes the connection.
    shut_down_quietly(t->socket, asio::socket_base::shutdown_send);
}

coax::awaitable<void> bulk_server::converse(coax::fast_socket socket) {
    const auto t = std::make_shared<transfer>(std::move(socket));
    const presence here(*this, t->socket);
    if (sends_) asio::co_spawn(io_, send(t), asio::detached);
    std::vector<char> dropped(piece);
    for (;;) {
        const auto [error, n] = co_await t->socket.async_read_some(asio::buffer(dropped), as_value);
        counts().bytes_in += n;
        if (n > 0) ++counts().requests;
        if (!error) continue;
        if (!is_in_order(error)) ++counts().errors;
        break;
    }
    t->is_over = true;
    // Ends a write that waits for room, too. What was taken over before goes out, and then the end.
    close_quietly(t->socket);
}

}  // namespace coax::services
