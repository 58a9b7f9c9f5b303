// The relay over loopback, with one context and with two, between plain Asio peers; and from
// loopback to a wire.
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
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
              made_ = s.get();
              context_ = &io;
              return s;
          }) {}

    coax::tcp::endpoint endpoint;

    // Asked on the server's thread.
    std::string details() const {
        return on_its_thread<std::string>([this] { return made_->details(); });
    }
    traffic statistics() const {
        return on_its_thread<traffic>([this] { return made_->statistics(); });
    }

  private:
    template <class Answer, class Question>
    Answer on_its_thread(Question question) const {
        return boost::asio::post(*context_, boost::asio::use_future(question)).get();
    }

    proxy_server* made_ = nullptr;
    coax::io_context* context_ = nullptr;
    background_server server_;
};

// A client and an upstream of plain Asio, with the relay between them.
struct pair_of_peers {
    // `room`: of the client's receive buffer; 0: as the system has it.
    explicit pair_of_peers(const char* upstream_backend, int room = 0)
        : acceptor(io, tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)),
          client(io),
          upstream(io),
          site(std::make_unique<relay_site>(acceptor.local_endpoint(), upstream_backend)) {
        client.open(tcp::v4());
        if (room > 0) client.set_option(boost::asio::socket_base::receive_buffer_size(room));
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

// Behind the peer's end a read does not tell a reset, but the socket knows it; and nothing may be
// written, which would provoke it.
void check_reset_comes(tcp::socket& to) {
    int error = 0;
    for (int turn = 0; error == 0 && turn < 1'000; ++turn) {
        socklen_t size = sizeof error;
        ::getsockopt(to.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
        if (error == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    // Linux: EPIPE where this side had seen the peer's end.
    const bool is_reset = error == ECONNRESET || error == EPIPE;
    CHECK(is_reset);
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

TEST_CASE("a relay passes on the reset of a side that has ended its stream") {
    for (const char* backend : {static_cast<const char*>(nullptr), "kernel"}) {
        pair_of_peers p(backend);
        p.client.shutdown(tcp::socket::shutdown_send);
        CHECK(receive_all(p.upstream).empty());
        reset(p.client);  // nobody writes anything to it
        check_reset_comes(p.upstream);
        pair_of_peers q(backend);
        q.upstream.shutdown(tcp::socket::shutdown_send);
        CHECK(receive_all(q.client).empty());
        reset(q.upstream);
        check_reset_comes(q.client);
    }
}

TEST_CASE("a reset that loses what a relay had sent is counted, also behind both ends") {
    using namespace std::chrono_literals;
    for (const char* backend : {static_cast<const char*>(nullptr), "kernel"}) {
        pair_of_peers p(backend, 4'096);
        p.client.shutdown(tcp::socket::shutdown_send);
        CHECK(receive_all(p.upstream).empty());
        boost::asio::write(p.upstream, boost::asio::buffer(std::string(20'000, 'a')));
        p.upstream.close();
        // All of it is in the buffers of two kernels, with the end behind it.
        for (int turn = 0; p.site->statistics().bytes_out < 20'000 && turn < 1'000; ++turn)
            std::this_thread::sleep_for(5ms);
        CHECK(p.site->statistics().open == 1);
        reset(p.client);
        for (int turn = 0; p.site->statistics().open > 0 && turn < 1'000; ++turn)
            std::this_thread::sleep_for(5ms);
        CHECK(p.site->details() == "1 resets, 0 upstream failures");
        CHECK(p.site->statistics().requests == 0);
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
