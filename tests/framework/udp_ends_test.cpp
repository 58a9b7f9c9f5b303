// UDP sockets through Asio's interface, the same body on every transport: errors and ends.
#include <array>
#include <string>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/datagrams.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::at;
using coax_test::client_at;
using coax_test::datagram_pair;
using coax_test::each_world;
using coax_test::until_readable;
using udp = coax::udp;

TEST_CASE("udp: errors of sockets that are not open, not connected, or bound already") {
    each_world w;
    std::array<char, 8> data{};
    error_code ec;
    udp::socket closed(w.client());
    closed.send_to(asio::buffer(data), at(w, 9), 0, ec);
    CHECK(ec == asio::error::bad_descriptor);
    closed.async_receive(asio::buffer(data), [](error_code e, std::size_t) {
        CHECK(e == asio::error::bad_descriptor);
    });
    closed.open(udp::v4(), ec);
    CHECK(!ec);
    closed.open(udp::v4(), ec);
    CHECK(ec == asio::error::already_open);
    closed.send(asio::buffer(data), 0, ec);
    CHECK(ec.value() == EDESTADDRREQ);
    closed.async_send(asio::buffer(data),
                      [](error_code e, std::size_t) { CHECK(e.value() == EDESTADDRREQ); });
    closed.remote_endpoint(ec);
    CHECK(ec == asio::error::not_connected);
    closed.shutdown(udp::socket::shutdown_both, ec);
    CHECK(ec == asio::error::not_connected);
    CHECK(closed.at_mark(ec) == false);
    CHECK(ec == asio::error::not_socket);
    closed.send_to(asio::buffer(data), at(w, 0), 0, ec);
    CHECK(ec.value() == EINVAL);
    udp::socket bound(w.server(), at(w));
    bound.bind(at(w), ec);
    CHECK(ec == asio::error::invalid_argument);
    udp::socket second(w.server(), udp::v4());
    second.bind(bound.local_endpoint(), ec);
    CHECK(ec == asio::error::address_in_use);
    second.bind({asio::ip::make_address("203.0.113.9"), 0}, ec);
    CHECK(ec.value() == EADDRNOTAVAIL);
    second.send_to(asio::buffer(data), {asio::ip::address_v6::loopback(), 9}, 0, ec);
    CHECK(ec == asio::error::address_family_not_supported);
    w.run();
}

TEST_CASE("udp: nobody listens there: refused, in connected mode alone") {
    each_world w;
    udp::socket gone(w.server(), at(w));
    const udp::endpoint nobody = gone.local_endpoint();
    gone.close();
    udp::socket s(w.client(), client_at(w));
    s.connect(nobody);
    std::array<char, 8> data{};
    int refused = 0;
    int waited = 0;
    s.async_wait(udp::socket::wait_error, [&](error_code ec) { waited += ec ? 0 : 1; });
    s.send(asio::buffer("x", 1));
    w.run();
    CHECK(waited == 1);
    s.async_receive(asio::buffer(data), [&](error_code ec, std::size_t n) {
        CHECK(ec == asio::error::connection_refused);
        CHECK(n == 0);
        ++refused;
    });
    w.run();
    CHECK(refused == 1);
    // The next operation has it, a send as well; then it is told.
    bool error = false;
    s.async_wait(udp::socket::wait_error, [&](error_code) { error = true; });
    s.send(asio::buffer("x", 1));
    w.run_until([&] { return error; });
    error_code ec;
    s.send(asio::buffer("x", 1), 0, ec);
    CHECK(ec == asio::error::connection_refused);
    s.send(asio::buffer("x", 1), 0, ec);
    CHECK(!ec);
    // Not connected: silence.
    udp::socket loose(w.client(), client_at(w));
    loose.send_to(asio::buffer("x", 1), nobody);
    bool aborted = false;
    loose.async_receive(asio::buffer(data), [&](error_code e, std::size_t) {
        aborted = e == asio::error::operation_aborted;
    });
    udp::socket witness(w.server(), at(w));
    loose.send_to(asio::buffer("w", 1), witness.local_endpoint());
    until_readable(w, witness);
    CHECK(!aborted);
    loose.cancel();
    s.close();
    w.run();
    CHECK(aborted);
}

TEST_CASE("udp: cancel, close and the cancellation of one operation") {
    each_world w;
    datagram_pair p(w);
    std::array<std::array<char, 8>, 3> data{};
    std::string ended;
    asio::cancellation_signal signal;
    const auto note = [&](char name) {
        return [&ended, name](error_code ec, std::size_t) {
            ended += ec == asio::error::operation_aborted ? name : '-';
        };
    };
    p.far.async_receive(asio::buffer(data[0]), note('a'));
    p.far.async_receive(asio::buffer(data[1]),
                        asio::bind_cancellation_slot(signal.slot(), note('b')));
    p.far.async_receive(asio::buffer(data[2]), note('c'));
    signal.emit(asio::cancellation_type::total);
    p.near.send(asio::buffer("1", 1));
    w.run_until([&] { return ended.size() == 2; });
    CHECK((ended == "b-" || ended == "-b"));
    p.far.cancel();
    w.run();
    CHECK(ended.substr(2) == "c");
    p.far.async_receive(asio::buffer(data[0]), note('d'));
    p.far.async_wait(udp::socket::wait_read, [&](error_code ec) {
        ended += ec == asio::error::operation_aborted ? 'e' : '-';
    });
    p.far.close();
    CHECK(!p.far.is_open());
    w.run();
    CHECK((ended.substr(3) == "de" || ended.substr(3) == "ed"));
    // The port is free again, and a destroyed socket ends its operations too.
    {
        udp::socket again(w.server(), p.near.remote_endpoint());
        again.async_receive(asio::buffer(data[1]), note('f'));
    }
    w.run();
    CHECK(ended.back() == 'f');
}

TEST_CASE("udp: after shutdown receives are empty and sends a broken pipe") {
    each_world w;
    datagram_pair p(w);
    std::array<char, 8> data{};
    int empty = 0;
    p.near.async_receive(asio::buffer(data),
                         [&](error_code ec, std::size_t n) { empty += !ec && n == 0 ? 1 : 0; });
    w.run_until([&, turns = 0]() mutable { return ++turns > 3; });
    p.near.shutdown(udp::socket::shutdown_both);
    w.run();
    CHECK(empty == 1);
    error_code ec;
    CHECK(p.near.receive(asio::buffer(data), 0, ec) == 0);
    CHECK(!ec);
    p.near.send(asio::buffer("x", 1), 0, ec);
    CHECK(ec == asio::error::broken_pipe);
}

TEST_CASE("udp: non-blocking calls and blocking ones") {
    each_world w;
    datagram_pair p(w);
    std::array<char, 8> data{};
    error_code ec;
    p.far.non_blocking(true);
    udp::endpoint from;
    p.far.receive_from(asio::buffer(data), from, 0, ec);
    CHECK(ec == asio::error::would_block);
    bool writable = false;
    p.near.async_wait(udp::socket::wait_write, [&](error_code e) { writable = !e; });
    w.run();
    CHECK(writable);
    p.far.non_blocking(false);
    p.near.send(asio::buffer("now", 3));
    until_readable(w, p.far);
    CHECK(p.far.receive(asio::buffer(data)) == 3);
}

TEST_CASE("udp: sockets move, with what is pending on them, and to other executors") {
    each_world w;
    datagram_pair p(w);
    coax::fast_udp_socket fast(w.server(), udp::v4());
    const udp::socket general(std::move(fast));
    CHECK(general.is_open());
    std::array<char, 8> data{};
    bool got = false;
    p.far.async_receive(asio::buffer(data), [&](error_code ec, std::size_t) { got = !ec; });
    udp::socket moved(std::move(p.far));
    CHECK(!p.far.is_open());
    p.near.send(asio::buffer("m", 1));
    w.run();
    CHECK(got);
    CHECK(udp::v4() == asio::ip::udp::v4());
    CHECK(udp::v4() != udp::v6());
}
