// What a server of Beast's protocols speaks over: a connection with time limits, and TLS on one.
// Both end in order by the same call, so a protocol is a template over them. Knows no protocol.
#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include "services/asio.hpp"

namespace coax::services {

namespace beast = boost::beast;

using plain_stream = beast::basic_stream<coax::tcp, coax::executor>;
// asio::ssl::stream that puts a header and the body behind it into one TLS record.
using tls_stream = beast::ssl_stream<plain_stream>;

// The connection below, which has the time limits and the socket.
template <class Stream>
plain_stream& connection_of(Stream& peer) {
    return beast::get_lowest_layer(peer);
}

// Nothing more is to be sent. RFC 9112 9.6: closing while bytes of the peer are unread would reset
// the connection and take our last answer away from it. So: ends our side, and drops what still
// comes, for a second and 256 KiB at most. The socket is to be closed afterwards.
coax::awaitable<void> end_in_order(plain_stream& peer);
// The same around TLS's own end: sends close_notify (RFC 8446 6.1) and awaits the peer's.
coax::awaitable<void> end_in_order(tls_stream& peer);

}  // namespace coax::services
