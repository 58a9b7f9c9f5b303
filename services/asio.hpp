// The foreign names that services use: asio:: and the token that makes errors values.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <coax/coax.hpp>

namespace coax::services {

namespace asio = boost::asio;
using boost::system::error_code;

// auto [error, n] = co_await socket.async_read_some(buffer, as_value);
inline constexpr auto as_value = asio::as_tuple(asio::deferred);

}  // namespace coax::services
