// The relay over loopback, with one context and with two, between plain Asio peers; and from
// loopback to a wire.
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>

#include "services/program/context.hpp"
#include "services/program/endpoint_text.hpp"
#include "services/proxy/proxy_server.hpp"
#include "services/serve/background_server.hpp"

using namespace coax::services;
using boost::asio::ip::tcp;

namespace {

const coax::tcp::endpoint any_port = *parse_endpoint("127.0.0.1:0");

class relay_site {
  public:
    relay_site(const coax::tcp::endpoint& upstream, const char* upstream_backend)
        : server_({"kernel", {}}, [&](coax::io_context& io) {
              std::unique_ptr<coax::io_context> other;
              if (upstream_backend != nullptr)
                  other = std::make_unique<coax::io_context>(
                      context_options_of({upstream_backend, {}}));
              auto s = std::make_unique<proxy_server>(
                  io, any_port, server_limits{},
                  upstream_target{upstream, std::chrono::milliseconds(300)}, std::move(other));
              endpoint = s->local_endpoint();
              return s;
          }) {}

    coax::tcp::endpoint endpoint;

  private:
    background_server server_;
};

// A client and an upstream of plain Asio, with the relay between them.
struct pair_of_peers {
    explicit pair_of_peers(const char* upstream_backend)
        : acceptor(io, tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)),
          client(io),
          upstream(io),
          site(std::make_unique<relay_site>(acceptor.local_endpoint(), upstream_backend)) {
        client.connect(site->endpoint);
        acceptor.accept(upstream);
    }

    boost::asio::io_context io;
    tcp::acceptor acceptor;
    tcp::socket client;
    tcp::socket upstream;
    std::unique_ptr<relay_site> site;
};

std::string receive_all(tcp::socket& from) {
    std::string text;
    boost::system::error_code error;
    boost::asio::read(from, boost::asio::dynamic_buffer(text), error);
    CHECK(error == boost::asio::error::eof);
    return text;
}

boost::system::error_code receive_error(tcp::socket& from) {
    char byte = 0;
    boost::system::error_code error;
    from.read_some(boost::asio::buffer(&byte, 1), error);
    return error;
}

void reset(tcp::socket& socket) {
    socket.set_option(boost::asio::socket_base::linger(true, 0));
    socket.close();
}

}  // namespace

TEST_CASE("a relay passes on each side's end alone") {
    for (const char* backend : {static_cast<const char*>(nullptr), "kernel"}) {
        pair_of_peers p(backend);
        boost::asio::write(p.client, boost::asio::buffer(std::string("question")));
        p.client.shutdown(tcp::socket::shutdown_send);
        CHECK(receive_all(p.upstream) == "question");
        boost::asio::write(p.upstream, boost::asio::buffer(std::string(300'000, 'a')));
        p.upstream.shutdown(tcp::socket::shutdown_send);
        CHECK(receive_all(p.client) == std::string(300'000, 'a'));

        pair_of_peers q(backend);
        boost::asio::write(q.upstream, boost::asio::buffer(std::string("greeting")));
        q.upstream.shutdown(tcp::socket::shutdown_send);
        CHECK(receive_all(q.client) == "greeting");
        boost::asio::write(q.client, boost::asio::buffer(std::string("more")));
        q.client.close();
        CHECK(receive_all(q.upstream) == "more");
    }
}

TEST_CASE("a relay passes resets on as resets") {
    for (const char* backend : {static_cast<const char*>(nullptr), "kernel"}) {
        pair_of_peers p(backend);
        reset(p.client);
        CHECK(receive_error(p.upstream) == boost::asio::error::connection_reset);
        pair_of_peers q(backend);
        reset(q.upstream);
        CHECK(receive_error(q.client) == boost::asio::error::connection_reset);
    }
}

TEST_CASE("a relay that is stopped resets both sides") {
    for (const char* backend : {static_cast<const char*>(nullptr), "kernel"}) {
        pair_of_peers p(backend);
        boost::asio::write(p.client, boost::asio::buffer(std::string("x")));
        char byte = 0;
        boost::asio::read(p.upstream, boost::asio::buffer(&byte, 1));
        p.site.reset();
        CHECK(receive_error(p.client) == boost::asio::error::connection_reset);
        CHECK(receive_error(p.upstream) == boost::asio::error::connection_reset);
    }
}

TEST_CASE("a side that does not read slows the other, and nothing is lost") {
    for (const char* backend : {static_cast<const char*>(nullptr), "kernel"}) {
        pair_of_peers p(backend);
        // Small, so that the bound of the relay shows beside the kernel's buffers.
        p.client.set_option(boost::asio::socket_base::send_buffer_size(65'536));
        p.upstream.set_option(boost::asio::socket_base::receive_buffer_size(65'536));
        p.client.non_blocking(true);
        const std::string piece(65'536, 'p');
        std::size_t sent = 0;
        // Full when nothing has gone for a while: the kernel's buffers grow as they are used.
        for (int idle = 0; idle < 50;) {
            boost::system::error_code error;
            const std::size_t n = p.client.write_some(boost::asio::buffer(piece), error);
            sent += n;
            idle = n > 0 ? 0 : idle + 1;
            if (error) std::this_thread::sleep_for(std::chrono::milliseconds(4));
            if (sent > (std::size_t{64} << 20)) break;
        }
        CHECK(sent < (std::size_t{64} << 20));
        p.client.close();
        CHECK(receive_all(p.upstream).size() == sent);
    }
}

TEST_CASE("a client is reset when its upstream refuses or does not answer") {
    boost::asio::io_context io;
    tcp::acceptor gone(io, tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0));
    const coax::tcp::endpoint nobody = gone.local_endpoint();
    gone.close();
    const auto check = [&](const coax::tcp::endpoint& upstream, const char* backend) {
        const relay_site site(upstream, backend);
        tcp::socket client(io);
        boost::system::error_code error;
        client.connect(site.endpoint, error);
        if (!error) error = receive_error(client);
        CHECK(error == boost::asio::error::connection_reset);
    };
    check(nobody, nullptr);
    check(nobody, "kernel");
    // Nobody answers on a wire of one host.
    check(*parse_endpoint("198.18.0.9:7"), "wire:proxy-test-silent,ip=198.18.0.2/24");
}

TEST_CASE("a relay joins kernel sockets and a wire") {
    const background_server echo({"wire:proxy-test,ip=198.18.0.1/24", {}},
                                 [](coax::io_context& io) {
                                     return std::make_unique<echo_server>(
                                         io, *parse_endpoint("198.18.0.1:7"), server_limits{});
                                 });
    const relay_site site(*parse_endpoint("198.18.0.1:7"), "wire:proxy-test,ip=198.18.0.2/24");
    boost::asio::io_context io;
    for (int i = 0; i < 20; ++i) {
        tcp::socket client(io);
        client.connect(site.endpoint);
        std::string sent(150'000, static_cast<char>('a' + i));
        boost::asio::write(client, boost::asio::buffer(sent));
        client.shutdown(tcp::socket::shutdown_send);
        CHECK(receive_all(client) == sent);
    }
}
