// The foreign names that services use: asio::, the token that makes errors values, and socket calls
// whose failure changes nothing.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <coax/coax.hpp>

namespace coax::services {

namespace asio = boost::asio;
using boost::system::error_code;

// auto [error, n] = co_await socket.async_read_some(buffer, as_value);
inline constexpr auto as_value = asio::as_tuple(asio::deferred);
// The same for initiating functions that spell their return type, as those of Beast's classes do. A
// temporary, since ssl::stream takes a constant for buffers where the token may be left out.
inline auto as_awaited_value() { return asio::as_tuple(asio::use_awaitable_t<coax::executor>{}); }

// Whatever is wrong with the connection, nothing more is wanted of it.
template <class Socket>
void close_quietly(Socket& socket) {
    error_code ignored;
    ignored = socket.close(ignored);
}
inline void shut_down_quietly(coax::fast_socket& socket, asio::socket_base::shutdown_type what) {
    error_code ignored;
    ignored = socket.shutdown(what, ignored);
}
// A message goes at once, not when the peer has acknowledged the last one. It works without.
inline void send_without_delay(coax::fast_socket& socket) {
    error_code ignored;
    ignored = socket.set_option(coax::tcp::no_delay(true), ignored);
}

}  // namespace coax::services
