// WebSocket echo over loopback to a peer of plain Asio and Beast, in TLS and without.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <catch2/catch.hpp>

#include "services/program/endpoint_text.hpp"
#include "services/serve/background_server.hpp"
#include "services/serve/tls_context.hpp"
#include "services/websocket/websocket_server.hpp"
#include "tests/services/certificate.hpp"
#include "tests/services/loopback_client.hpp"

using namespace coax::services;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;
namespace websocket = boost::beast::websocket;

namespace {

class websocket_site {
  public:
    explicit websocket_site(const certificate* identity = nullptr, server_limits limits = {})
        : server_({"kernel", {}}, [&](coax::io_context& io) {
              std::optional<boost::asio::ssl::context> tls;
              if (identity != nullptr) tls = make_tls_context({identity->chain(), identity->key()});
              auto s = std::make_unique<websocket_server>(io, *parse_endpoint("127.0.0.1:0"),
                                                          limits, 100'000, std::move(tls));
              endpoint = s->local_endpoint();
              return s;
          }) {}

    coax::tcp::endpoint endpoint;

  private:
    background_server server_;
};

template <class WebSocket>
std::string exchange(WebSocket& peer, const std::string& text, bool is_text) {
    peer.text(is_text);
    peer.write(boost::asio::buffer(text));
    boost::beast::flat_buffer back;
    peer.read(back);
    CHECK(peer.got_text() == is_text);
    return boost::beast::buffers_to_string(back.data());
}

// Texts, binaries, fragments and an orderly close.
template <class WebSocket>
void check_echo(WebSocket& peer, bool deflate) {
    websocket::permessage_deflate option;
    option.client_enable = deflate;
    peer.set_option(option);
    websocket::response_type answer;
    peer.handshake(answer, "test", "/");
    CHECK((answer.count("Sec-WebSocket-Extensions") == 1) == deflate);
    CHECK(exchange(peer, "hello", true) == "hello");
    CHECK(exchange(peer, "", false).empty());
    const std::string bytes("\x00\xff\xfe", 3);
    CHECK(exchange(peer, bytes, false) == bytes);
    peer.auto_fragment(true);
    peer.write_buffer_bytes(1'024);
    const std::string large(100'000, 'l');
    CHECK(exchange(peer, large, true) == large);

    bool answered = false;
    peer.control_callback([&](websocket::frame_type kind, boost::beast::string_view payload) {
        if (kind == websocket::frame_type::pong && payload == "are you there") answered = true;
    });
    peer.ping("are you there");
    CHECK(exchange(peer, "after the ping", true) == "after the ping");
    CHECK(answered);
    peer.close(websocket::close_code::normal);
    CHECK(peer.reason().code == websocket::close_code::normal);
}

}  // namespace

TEST_CASE("WebSocket messages come back as they went") {
    const websocket_site site;
    for (const bool deflate : {false, true}) {
        boost::asio::io_context io;
        websocket::stream<tcp::socket> peer(io);
        peer.next_layer().connect(site.endpoint);
        check_echo(peer, deflate);
    }
}

TEST_CASE("WebSocket messages come back through TLS") {
    const certificate identity;
    const websocket_site site(&identity);
    boost::asio::io_context io;
    boost::asio::ssl::context trust(boost::asio::ssl::context::tls_client);
    trust.load_verify_file(identity.chain());
    trust.set_verify_mode(boost::asio::ssl::verify_peer);
    websocket::stream<boost::asio::ssl::stream<tcp::socket>> peer(io, trust);
    peer.next_layer().next_layer().connect(site.endpoint);
    peer.next_layer().handshake(boost::asio::ssl::stream_base::client);
    check_echo(peer, true);
}

TEST_CASE("a WebSocket message that is too large or no text closes with its reason") {
    const websocket_site site;
    const auto reason_for = [&](const std::string& message, bool deflate) {
        boost::asio::io_context io;
        websocket::stream<tcp::socket> peer(io);
        websocket::permessage_deflate option;
        option.client_enable = deflate;
        peer.set_option(option);
        peer.next_layer().connect(site.endpoint);
        peer.handshake("test", "/");
        peer.text(true);
        peer.write(boost::asio::buffer(message));
        boost::beast::flat_buffer back;
        boost::system::error_code error;
        peer.read(back, error);
        CHECK(error);  // closed, or what became of the connection behind the closing frame
        return peer.reason().code;
    };
    CHECK(reason_for(std::string(100'001, 'x'), false) == websocket::close_code::too_big);
    CHECK(reason_for(std::string(1'000'000, 'x'), true) == websocket::close_code::too_big);
    CHECK(reason_for("\xff\xff", false) == websocket::close_code::bad_payload);
}

TEST_CASE("a WebSocket server that ends goes away in order") {
    auto site = std::make_unique<websocket_site>(nullptr, server_limits{16, 60s, 60s});
    boost::asio::io_context io;
    websocket::stream<tcp::socket> idle(io);
    websocket::stream<tcp::socket> busy(io);
    for (auto* peer : {&idle, &busy}) {
        peer->next_layer().connect(site->endpoint);
        peer->handshake("test", "/");
        peer->text(true);
    }
    loopback_client no_request(site->endpoint);
    CHECK(exchange(busy, "first", true) == "first");
    // A message of which half has come is not waited for.
    busy.write_some(false, boost::asio::buffer(std::string("half a ")));
    std::thread ending([&] { site.reset(); });
    for (auto* peer : {&idle, &busy}) {
        boost::beast::flat_buffer back;
        boost::system::error_code error;
        peer->read(back, error);
        CHECK(error == websocket::error::closed);
        CHECK(peer->reason().code == websocket::close_code::going_away);
    }
    CHECK(no_request.receive_all().empty());
    no_request.end();
    ending.join();
}

TEST_CASE("a WebSocket that does not answer the close does not hold its server up") {
    auto site = std::make_unique<websocket_site>(nullptr, server_limits{16, 60s, 10ms});
    loopback_client mute(site->endpoint);
    mute.send(
        "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    mute.receive_until("\r\n\r\n");
    site.reset();
    CHECK(mute.receive_all() == "\x88\x02\x03\xe9");  // close, 1001
}

TEST_CASE("the reason behind which a WebSocket is closed is not overtaken by a reset") {
    const websocket_site site;
    loopback_client eager(site.endpoint);
    eager.send(
        "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    eager.receive_until("\r\n\r\n");
    // The length tells that it is too large; all of it is sent before anything is read.
    const std::string size("\x00\x00\x00\x00\x00\x30\x00\x00", 8);
    eager.send("\x82\xff" + size + std::string(4, '\0') + std::string(3'145'728, 'x'));
    CHECK(eager.receive(4) == "\x88\x02\x03\xf1");  // close, 1009
    CHECK(eager.receive_all().empty());             // a reset would throw
    eager.end();
}

TEST_CASE("what is no WebSocket is told what to speak") {
    const websocket_site site;
    loopback_client plain(site.endpoint);
    plain.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    const std::string answer = plain.receive_all();
    CHECK(answer.starts_with("HTTP/1.1 426 "));
    CHECK(answer.find("Upgrade: websocket") != std::string::npos);
}

TEST_CASE("a silent WebSocket is pinged, and one that answers no ping is cut off") {
    const websocket_site site(nullptr, {1, 1000ms});
    loopback_client silent(site.endpoint);
    silent.send(
        "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    CHECK(silent.receive_until("\r\n\r\n").find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") !=
          std::string::npos);
    // A ping without a payload or with one, and then the end.
    CHECK(silent.receive(1) == "\x89");
    CHECK_NOTHROW(silent.receive_all());
}
