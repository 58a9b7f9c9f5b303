// coax::udp and its sockets: use it where a program for Asio says asio::ip::udp. Endpoints,
// addresses, options and error codes are Asio's own, and the sockets are Asio's own template,
// specialised for coax::udp.
#pragma once

#include <coax/basic_datagram_socket.hpp>
#include <coax/basic_resolver.hpp>
#include <coax/executor.hpp>
#include <coax/udp_protocol.hpp>

namespace coax {

// On the concrete executor: no type erasure in any operation, and the default token is deferred.
using fast_udp_socket = boost::asio::basic_datagram_socket<udp, executor>;
using fast_udp_resolver = boost::asio::ip::basic_resolver<udp, executor>;

}  // namespace coax
