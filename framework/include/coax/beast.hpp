// Boost.Beast's WebSocket on coax's sockets: a better end of the connection. Opt-in: whoever uses
// beast::websocket::stream on coax::tcp includes this before the stream is used; coax.hpp does not.
//
// After the closing handshake, or behind a closing frame that says why (1007, 1009), Beast tears
// the connection down. Its own way for TCP (Beast 1.81, websocket/impl/teardown.hpp) stops reading
// after the first piece and closes. With bytes of the peer unread that is a reset (RFC 9293 3.10.4,
// RFC 1122 4.2.2.13), which may overtake the closing frame: the peer never learns the reason.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/system/error_code.hpp>

#include <coax/tcp.hpp>
#include <coax/timeout.hpp>

namespace coax {

// How much of a peer that goes on sending is dropped before its connection is closed all the same.
inline constexpr std::size_t teardown_bytes = std::size_t{16} << 20;
inline constexpr std::chrono::seconds teardown_time{2};

namespace detail {

// Reads and drops until the end of the stream, or teardown_bytes.
template <class Socket>
struct drain_operation {
    using piece = std::array<char, 16'384>;

    Socket& socket;
    std::size_t dropped = 0;
    std::unique_ptr<piece> waste = std::make_unique<piece>();
    bool is_begun = false;

    template <class Self>
    void operator()(Self& self, boost::system::error_code error = {}, std::size_t n = 0) {
        dropped += n;
        if (error == boost::asio::error::eof) return self.complete({});
        if (error || (std::exchange(is_begun, true) && dropped >= teardown_bytes))
            return self.complete(error);
        Socket& from = socket;
        const auto into = boost::asio::buffer(*waste);
        from.async_read_some(into, std::move(self));
    }
};

template <class Socket>
struct teardown_operation {
    boost::beast::role_type role;
    Socket& socket;
    bool is_drained = false;

    template <class Self>
    void operator()(Self& self, boost::system::error_code error = {}) {
        if (!std::exchange(is_drained, true)) return drain(self);
        boost::system::error_code ignored;
        if (role == boost::beast::role_type::client)
            ignored = socket.shutdown(boost::asio::socket_base::shutdown_send, ignored);
        ignored = socket.close(ignored);
        // A peer that does not stop is closed without a word about it, as by Beast.
        self.complete(error == boost::asio::error::timed_out ? boost::system::error_code() : error);
    }

  private:
    template <class Self>
    void drain(Self& self) {
        Socket& from = socket;
        boost::system::error_code ignored;  // a connection that is gone is noticed by reading
        if (role == boost::beast::role_type::server)
            ignored = from.shutdown(boost::asio::socket_base::shutdown_send, ignored);
        const auto start = [&from](auto token) {
            return boost::asio::async_compose<decltype(token), void(boost::system::error_code)>(
                drain_operation<Socket>{from}, token, from);
        };
        coax::timeout(teardown_time, start, std::move(self));
    }
};

}  // namespace detail

// Found by argument-dependent look-up, and preferred to Beast's own: ends our side (the server: at
// once; the client: when the peer has ended), drops what the peer still sends until it ends, and
// closes the socket. A peer that goes on for teardown_bytes or teardown_time is closed with a
// reset. Completes with void(error_code): no error also then; else what reading failed with, such
// as connection_reset. The socket must live until then. Cancellation: terminal; the socket is
// closed, and the error is operation_aborted. Threads: as any operation of the socket.
// RFC 6455 7.1.1: the server closes first.
template <class Executor, class TeardownHandler>
void async_teardown(boost::beast::role_type role,
                    boost::asio::basic_stream_socket<coax::tcp, Executor>& socket,
                    TeardownHandler&& handler) {
    using socket_type = boost::asio::basic_stream_socket<coax::tcp, Executor>;
    boost::asio::async_compose<TeardownHandler, void(boost::system::error_code)>(
        detail::teardown_operation<socket_type>{role, socket}, handler, socket);
}

}  // namespace coax
