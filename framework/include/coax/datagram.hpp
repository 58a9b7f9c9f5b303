// Several datagrams in one call: what coax::udp sockets take and give beyond Asio.
#pragma once

#include <cstddef>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/udp.hpp>

namespace coax {

// Room for one datagram, and what came: receive_many(), async_receive_many().
struct incoming_datagram {
    boost::asio::mutable_buffer room;  // given
    std::size_t size = 0;              // bytes of it that are filled
    bool truncated = false;            // the datagram was longer; the rest is gone
    boost::asio::ip::udp::endpoint from = {};
};

// One datagram to send: send_many(), async_send_many().
struct outgoing_datagram {
    boost::asio::const_buffer data;  // at most 65507 bytes
    // Port 0: to the peer of connect().
    boost::asio::ip::udp::endpoint to = {};
};

}  // namespace coax
