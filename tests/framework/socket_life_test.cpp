// The life of sockets: opening, refusal, reset, cancellation, closing with operations pending, and
// destruction, the same body on every transport.
#include <array>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::connection;
using coax_test::world;
using tcp = coax::tcp;

namespace {

// Notes what operations ended with.
struct results {
    std::vector<error_code> all;
    auto operator()() {
        return [this](error_code ec, auto&&...) { all.push_back(ec); };
    }
};

asio::awaitable<void> waits_for_ever(tcp::endpoint where, std::shared_ptr<int>) {
    tcp::socket s(co_await asio::this_coro::executor);
    co_await s.async_connect(where, asio::use_awaitable);
    coax::steady_timer timer(s.get_executor(), std::chrono::hours(1));
    co_await timer.async_wait(asio::use_awaitable);
    FAIL("ran");
}

const error_code aborted = asio::error::operation_aborted;

}  // namespace

TEST_CASE("a connection that nobody accepts is refused, and the socket can try again") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    auto acceptor = std::make_unique<tcp::acceptor>(w.server(), w.listen_address());
    const auto where = acceptor->local_endpoint();
    acceptor.reset();
    tcp::socket s(w.client());
    results r;
    s.async_connect(where, r());
    w.run();
    CHECK(r.all == std::vector<error_code>{asio::error::connection_refused});
    CHECK(s.is_open());

    tcp::acceptor again(w.server(), where);
    tcp::socket far(w.server());
    again.async_accept(far, r());
    s.async_connect(where, r());
    w.run();
    CHECK(r.all.size() == 3);
    CHECK(!r.all[1]);
    CHECK(!r.all[2]);
}

TEST_CASE("async_connect over a range takes the first that answers") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    tcp::acceptor acceptor(w.server(), w.listen_address());
    auto closed = std::make_unique<tcp::acceptor>(w.server(), w.listen_address());
    const auto good = acceptor.local_endpoint();
    const std::vector<tcp::endpoint> all{closed->local_endpoint(), good};
    closed.reset();
    tcp::socket far(w.server());
    acceptor.async_accept(far, [](error_code) {});
    tcp::socket s(w.client());
    tcp::endpoint chosen;
    asio::async_connect(s, all, [&](error_code ec, const tcp::endpoint& e) {
        CHECK(!ec);
        chosen = e;
    });
    w.run();
    CHECK(chosen == good);
    CHECK(s.remote_endpoint() == good);
}

TEST_CASE("a reset ends what is pending; what comes later is broken") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    results r;
    std::array<char, 8> data{};
    c.far.async_read_some(asio::buffer(data), r());
    c.near.set_option(tcp::socket::linger(true, 0));
    c.near.close();
    w.run();
    CHECK(r.all == std::vector<error_code>{asio::error::connection_reset});
    error_code ec;
    c.far.write_some(asio::buffer("x", 1), ec);
    CHECK(ec == asio::error::broken_pipe);
}

TEST_CASE("close and cancel end all pending operations, later, and once") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    const bool by_close = GENERATE(true, false);
    world w(kind);
    connection c(w);
    results r;
    std::array<char, 8> data{};
    c.near.async_read_some(asio::buffer(data), r());
    c.near.async_read_some(asio::buffer(data), r());
    c.near.async_wait(tcp::socket::wait_read, r());
    tcp::acceptor acceptor(w.client(), tcp::endpoint(tcp::v4(), 0));
    acceptor.async_accept(r());
    if (by_close) {
        c.near.close();
        acceptor.close();
    } else {
        c.near.cancel();
        acceptor.cancel();
    }
    CHECK(r.all.empty());
    w.run();
    CHECK(r.all == std::vector<error_code>(4, aborted));
    CHECK(c.near.is_open() != by_close);
    if (by_close) return;
    // After cancel() it works as before.
    c.far.async_write_some(asio::buffer("go on", 5), r());
    c.near.async_read_some(asio::buffer(data), r());
    w.run();
    CHECK(!r.all[4]);
    CHECK(!r.all[5]);
}

TEST_CASE("a destroyed socket ends its operations, which may own it") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    auto c = std::make_shared<connection>(w);
    results r;
    std::array<char, 8> data{};
    c->near.async_read_some(asio::buffer(data), r());
    {
        auto near = std::make_shared<tcp::socket>(std::move(c->near));
        near->async_read_some(asio::buffer(data),
                              [near, &r](error_code ec, std::size_t) { r.all.push_back(ec); });
    }
    c->far.close();  // the peer's end of file lets both end
    w.run();
    CHECK(r.all == std::vector<error_code>(2, asio::error::eof));
}

TEST_CASE("a context is destroyed with operations pending: handlers go, none runs") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    const int rounds = GENERATE(0, 3);
    const auto alive = std::make_shared<int>(0);
    std::array<char, 8> data{};
    {
        world w(kind);
        connection c(w);
        // No socket may outlive its context: each end is owned by handlers of its own.
        const auto near = std::make_shared<tcp::socket>(std::move(c.near));
        const auto far = std::make_shared<tcp::socket>(std::move(c.far));
        const auto never_run = [alive](const auto& owned) {
            return [alive, owned](error_code, auto&&...) { FAIL("ran"); };
        };
        // Handlers that own the sockets of their own operations: a cycle that only the context can
        // break. Coroutines that are suspended in an operation, and ones that never began.
        near->async_read_some(asio::buffer(data), never_run(near));
        near->async_wait(tcp::socket::wait_read, never_run(near));
        far->async_read_some(asio::buffer(data), never_run(far));
        auto acceptor = std::make_shared<tcp::acceptor>(w.server(), w.listen_address());
        acceptor->async_accept([alive, acceptor](error_code, tcp::socket) { FAIL("ran"); });
        asio::co_spawn(w.client(), waits_for_ever(acceptor->local_endpoint(), alive),
                       asio::detached);
        acceptor.reset();
        // Some have begun, and frames are under way; or nothing has.
        for (int i = 0; i < rounds; ++i) w.client().poll();
        CHECK(alive.use_count() > 3);
    }
    CHECK(alive.use_count() == 1);
}

TEST_CASE("operations on a socket that is not open, or not connected") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    tcp::socket s(w.client());
    results r;
    std::array<char, 8> data{};
    error_code ec;
    s.async_read_some(asio::buffer(data), r());
    s.async_write_some(asio::buffer(data), r());
    s.async_wait(tcp::socket::wait_write, r());
    w.run();
    CHECK(r.all == std::vector<error_code>(3, asio::error::bad_descriptor));
    s.bind(tcp::endpoint(tcp::v4(), 0), ec);
    CHECK(ec == asio::error::bad_descriptor);
    CHECK_THROWS_AS(s.set_option(tcp::no_delay(true)), boost::system::system_error);
    CHECK_NOTHROW(s.close());

    s.open(tcp::v4());
    CHECK(s.open(tcp::v4(), ec) == asio::error::already_open);
    s.read_some(asio::buffer(data), ec);
    CHECK(ec == asio::error::not_connected);
    s.remote_endpoint(ec);
    CHECK(ec == asio::error::not_connected);
    s.shutdown(tcp::socket::shutdown_both, ec);
    CHECK(ec == asio::error::not_connected);
    CHECK(s.local_endpoint().port() == 0);
}

TEST_CASE("two acceptors cannot have one port; closing gives it back") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    auto first = std::make_unique<tcp::acceptor>(w.server(), w.listen_address());
    const auto where = first->local_endpoint();
    tcp::acceptor second(w.server(), tcp::v4());
    error_code ec;
    // With the kernel and reuse_address, the conflict shows at listen() or bind(); it must show.
    second.bind(where, ec);
    if (!ec) second.listen(5, ec);
    CHECK(ec == asio::error::address_in_use);
    first.reset();
    tcp::acceptor third(w.server(), where);
    CHECK(third.local_endpoint() == where);
}

TEST_CASE("per-operation cancellation: read, accept, connect, of every kind") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    const auto type = GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial,
                               asio::cancellation_type::total);
    world w(kind);
    connection c(w);
    tcp::acceptor acceptor(w.client(), tcp::endpoint(tcp::v4(), 0));
    results ended;
    results other;
    std::array<char, 8> data{};
    asio::cancellation_signal read;
    asio::cancellation_signal accept;
    c.near.async_read_some(asio::buffer(data), other());
    c.near.async_read_some(asio::buffer(data), asio::bind_cancellation_slot(read.slot(), ended()));
    acceptor.async_accept(asio::bind_cancellation_slot(accept.slot(), ended()));
    read.emit(type);
    accept.emit(type);
    CHECK(ended.all.empty());
    w.run_until([&] { return ended.all.size() == 2; });
    CHECK(ended.all == std::vector<error_code>(2, aborted));
    CHECK(other.all.empty());
    read.emit(type);  // too late: no effect on the other read
    c.far.async_write_some(asio::buffer("x", 1), other());
    w.run_until([&] { return other.all.size() == 2; });
    CHECK(other.all == std::vector<error_code>(2));
}

TEST_CASE("a cancelled connect leaves the socket open, and free to connect") {
    world w("wire");  // an address where nobody answers: only here there is one for sure
    tcp::socket s(w.client());
    asio::cancellation_signal signal;
    results r;
    s.async_connect(tcp::endpoint(asio::ip::make_address("198.18.7.99"), 1),
                    asio::bind_cancellation_slot(signal.slot(), r()));
    w.client().poll();
    signal.emit(asio::cancellation_type::total);
    w.run();
    CHECK(r.all == std::vector<error_code>{aborted});
    CHECK(s.is_open());
    tcp::acceptor acceptor(w.server(), w.listen_address());
    tcp::socket far(w.server());
    acceptor.async_accept(far, r());
    s.async_connect(acceptor.local_endpoint(), r());
    w.run();
    CHECK(r.all == std::vector<error_code>{aborted, {}, {}});
}

TEST_CASE("connecting to a host that is not there") {
    world w("wire");
    tcp::socket s(w.client());
    results r;
    s.async_connect(tcp::endpoint(asio::ip::make_address("198.18.7.99"), 1), r());
    w.run();
    s.close();
    s.async_connect(tcp::endpoint(asio::ip::make_address("203.0.113.1"), 1), r());
    w.run();
    CHECK(r.all ==
          std::vector<error_code>{asio::error::host_unreachable, asio::error::network_unreachable});
}

TEST_CASE("sockets move, also to another executor type; options come back as they were set") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    results r;
    std::array<char, 8> data{};
    c.near.async_read_some(asio::buffer(data), r());
    tcp::socket moved(std::move(c.near));
    CHECK(!c.near.is_open());  // NOLINT(bugprone-use-after-move)
    c.far.async_write_some(asio::buffer("x", 1), r());
    w.run();
    CHECK(r.all == std::vector<error_code>(2));
    coax::fast_socket fast(w.client());
    fast.open(tcp::v4());
    tcp::socket erased(std::move(fast));
    CHECK(erased.is_open());
    erased = coax::fast_socket(w.client());
    CHECK(!erased.is_open());

    moved.set_option(tcp::no_delay(true));
    tcp::no_delay no_delay;
    moved.get_option(no_delay);
    CHECK(no_delay.value());
    moved.set_option(tcp::socket::keep_alive(true));
    tcp::socket::keep_alive keep_alive;
    moved.get_option(keep_alive);
    CHECK(keep_alive.value());
    moved.set_option(tcp::socket::linger(true, 30));
    tcp::socket::linger linger;
    moved.get_option(linger);
    CHECK(linger.enabled());
    CHECK(linger.timeout() == 30);
    moved.set_option(tcp::socket::receive_buffer_size(32768));
    tcp::socket::receive_buffer_size size;
    moved.get_option(size);
    CHECK(size.value() == 32768);
    moved.set_option(tcp::type_of_service(0xb8));
    tcp::type_of_service service;
    moved.get_option(service);
    CHECK(service.value() == 0xb8);
    error_code ec;
    moved.set_option(asio::ip::multicast::enable_loopback(true), ec);
    CHECK((kind == "kernel" || ec == asio::error::no_protocol_option));
}

TEST_CASE("accepting into a peer, with its endpoint, as a new socket, and onto a strand") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    tcp::acceptor acceptor(w.server(), w.listen_address());
    std::vector<std::unique_ptr<tcp::socket>> clients;
    results connected;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(std::make_unique<tcp::socket>(w.client()));
        clients.back()->async_connect(acceptor.local_endpoint(), connected());
    }
    tcp::socket peer(w.server());
    tcp::endpoint from;
    results r;
    acceptor.async_accept(peer, from, r());
    int moved = 0;
    acceptor.async_accept([&](error_code ec, tcp::socket s) {
        CHECK(!ec);
        CHECK(s.is_open());
        ++moved;
    });
    const auto strand = asio::make_strand(w.server());
    acceptor.async_accept(strand, [&](error_code ec, auto s) {
        CHECK(!ec);
        CHECK(s.get_executor() == strand);
        CHECK(s.is_open());
        ++moved;
    });
    tcp::socket open_already(w.server(), tcp::v4());
    acceptor.async_accept(open_already, r());
    w.run_until([&] { return r.all.size() == 2 && moved == 2 && connected.all.size() == 4; });
    CHECK(connected.all == std::vector<error_code>(4));
    CHECK(from.port() != 0);
    CHECK(from == peer.remote_endpoint());
    CHECK((r.all[0] == asio::error::already_open || r.all[1] == asio::error::already_open));
    CHECK(acceptor.accept().is_open());  // the fourth, blocking
}
