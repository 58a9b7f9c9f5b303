// coax::tcp and its sockets: use it where a program for Asio says asio::ip::tcp. Endpoints,
// addresses, options and error codes are Asio's own, and the sockets are Asio's own templates,
// specialised for coax::tcp.
#pragma once

#include <coax/basic_resolver.hpp>
#include <coax/basic_socket_acceptor.hpp>
#include <coax/basic_stream_socket.hpp>
#include <coax/executor.hpp>
#include <coax/tcp_protocol.hpp>

namespace coax {

// On the concrete executor: no type erasure in any operation, and the default token is deferred, so
// that `co_await s.async_read_some(b)` needs none.
using fast_socket = boost::asio::basic_stream_socket<tcp, executor>;
using fast_acceptor = boost::asio::basic_socket_acceptor<tcp, executor>;
using fast_resolver = boost::asio::ip::basic_resolver<tcp, executor>;

}  // namespace coax
