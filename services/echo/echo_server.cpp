// One coroutine per connection: read some, write it all back, until the peer has finished.
#include "services/echo/echo_server.hpp"

#include <algorithm>
#include <vector>

namespace coax::services {
namespace {

// Small, as ten thousand idle connections each have one; a busy stream gets a larger one.
constexpr std::size_t first_buffer = 2'048;
constexpr std::size_t largest_buffer = 131'072;

}  // namespace

coax::awaitable<void> echo_server::converse(coax::fast_socket socket) {
    const presence here(*this, socket);
    std::vector<char> buffer(first_buffer);
    for (;;) {
        const auto [error, n] = co_await socket.async_read_some(asio::buffer(buffer), as_value);
        if (error) {
            const bool in_order =
                error == asio::error::eof || error == asio::error::operation_aborted;
            if (!in_order) ++counts().errors;
            co_return;  // the socket closes in order: the peer reads the rest and then its end
        }
        counts().bytes_in += n;
        const auto [failed, written] =
            co_await asio::async_write(socket, asio::buffer(buffer.data(), n), as_value);
        counts().bytes_out += written;
        if (failed) {
            if (failed != asio::error::operation_aborted) ++counts().errors;
            co_return;
        }
        ++counts().requests;
        if (n == buffer.size() && n < largest_buffer)
            buffer.resize(std::min(n * 4, largest_buffer));
    }
}

}  // namespace coax::services
