// coax::awaitable: a coroutine bound to the concrete executor, which spares Asio's type erasure at
// every co_await. asio::awaitable<T> (any_io_executor) works too.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>

#include <coax/executor.hpp>

namespace coax {

template <class T = void>
using awaitable = boost::asio::awaitable<T, executor>;

}  // namespace coax
