// Both ends of the conversations over TLS: versions, records of every size, the end by close_notify
// from either side, and ends without it.
#pragma once

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ssl.hpp>

#include "tests/net/pair/exchange.hpp"

namespace pair {

template <class Socket>
asio::awaitable<void> serve_tls(Socket socket, asio::ssl::context& identity) {
    asio::ssl::stream<Socket> peer(std::move(socket), identity);
    co_await peer.async_handshake(asio::ssl::stream_base::server, use_awaitable);
    const request r = to_request(co_await receive(peer, 9));
    switch (r.kind) {
        case 'e':  // echo until close_notify, which is answered
            expect_error(co_await echo(peer), asio::error::eof, "echo");
            co_await peer.async_shutdown(use_awaitable);
            break;
        case 'c':  // the server ends first
            co_await send(peer, pattern(1, r.size));
            co_await peer.async_shutdown(use_awaitable);
            break;
        case 't':  // the client ends without close_notify: that must not look like an end
            expect(co_await receive_all(peer, asio::ssl::error::stream_truncated) ==
                       pattern(3, r.size),
                   "bytes of a truncated stream");
            break;
        case 'T':  // the server does so
            co_await send(peer, pattern(1, r.size));
            peer.next_layer().shutdown(Socket::shutdown_send);
            co_await receive_all(peer.next_layer());
            break;
        default: expect(false, "an unknown request");
    }
}

template <class Socket, class Endpoint>
asio::awaitable<void> ask(asio::ssl::stream<Socket>& peer, const Endpoint& server,
                          const request& r) {
    co_await peer.next_layer().async_connect(server, use_awaitable);
    co_await peer.async_handshake(asio::ssl::stream_base::client, use_awaitable);
    co_await send(peer, to_bytes(r));
}

inline asio::ssl::context make_trust(const std::string& certificate, int version) {
    asio::ssl::context trust(asio::ssl::context::tls_client);
    trust.load_verify_file(certificate);
    trust.set_verify_mode(asio::ssl::verify_peer);
    SSL_CTX_set_min_proto_version(trust.native_handle(), version);
    SSL_CTX_set_max_proto_version(trust.native_handle(), version);
    return trust;
}

template <class Socket, class Endpoint>
asio::awaitable<void> use_tls(Endpoint server, std::string certificate) {
    using namespace asio::experimental::awaitable_operators;
    using stream = asio::ssl::stream<Socket>;
    const auto executor = co_await asio::this_coro::executor;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        asio::ssl::context trust = make_trust(certificate, version);
        // Around a record of 16,384 bytes, and many of them.
        for (const std::size_t size : {0U, 1U, 16'383U, 16'384U, 16'385U, 4'000'003U}) {
            stream echoed(executor, trust);
            co_await ask(echoed, server, {'e', size});
            const std::string sent = pattern(size, size);
            const std::string back = co_await (send(echoed, sent) && receive(echoed, size));
            expect(back == sent, "echo of " + std::to_string(size) + " bytes");
            co_await echoed.async_shutdown(use_awaitable);  // their close_notify has come, too
        }
        stream ended(executor, trust);
        co_await ask(ended, server, {'c', 300'000});
        expect(co_await receive_all(ended) == pattern(1, 300'000), "bytes up to close_notify");
        co_await ended.async_shutdown(use_awaitable);

        stream truncating(executor, trust);
        co_await ask(truncating, server, {'t', 20'000});
        co_await send(truncating, pattern(3, 20'000));
        truncating.next_layer().shutdown(Socket::shutdown_send);
        co_await receive_all(truncating.next_layer());

        stream truncated(executor, trust);
        co_await ask(truncated, server, {'T', 20'000});
        const std::string bytes =
            co_await receive_all(truncated, asio::ssl::error::stream_truncated);
        expect(bytes == pattern(1, 20'000), "bytes of a truncated stream");
    }
}

}  // namespace pair
