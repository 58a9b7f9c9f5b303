// What a connection tells of itself, the same questions on every transport.
#include <string>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::connection;
using coax_test::world;
using tcp = coax::tcp;
using namespace std::chrono_literals;

TEST_CASE("a connection tells its state, its totals and what was agreed on") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    CHECK(c.near.info().state == coax::tcp_state::established);
    CHECK(c.near.info().bytes_acknowledged == 0);

    const std::string question(20000, 'q');
    std::string got(question.size(), '?');
    bool read = false;
    asio::async_write(c.near, asio::buffer(question),
                      [](error_code ec, std::size_t) { CHECK(!ec); });
    asio::async_read(c.far, asio::buffer(got), [&](error_code ec, std::size_t) {
        CHECK(!ec);
        read = true;
    });
    w.run_until([&] { return read && c.near.info().bytes_acknowledged == question.size(); });

    const coax::connection_info sender = c.near.info();
    CHECK(sender.state == coax::tcp_state::established);
    CHECK(sender.phase == coax::congestion_phase::open);
    CHECK_FALSE(sender.algorithm.empty());
    CHECK(sender.round_trip > 0ns);
    CHECK(sender.retransmission_timeout >= 200ms);
    CHECK(sender.congestion_window >= sender.send_maximum_segment);
    CHECK(sender.send_window > 0);
    CHECK(sender.send_buffer_max > 0);
    CHECK(sender.bytes_in_flight == 0);
    CHECK(sender.bytes_unsent == 0);
    CHECK(sender.bytes_received == 0);
    CHECK(sender.send_maximum_segment >= 536);
    CHECK(sender.path_mtu >= 576);
    CHECK(sender.timestamps);
    CHECK(sender.selective_acknowledgments);
    CHECK(sender.window_scaling);
    CHECK(sender.since_data_sent);
    CHECK_FALSE(sender.since_data_received);
    CHECK(sender.since_acknowledged);
    CHECK(sender.busy);
    REQUIRE(sender.receiver_limited);
    CHECK(*sender.receiver_limited <= *sender.busy + 2ms);
    REQUIRE(sender.send_buffer_limited);
    CHECK(*sender.send_buffer_limited <= *sender.busy + 2ms);
    REQUIRE(sender.round_trip_min);
    CHECK(*sender.round_trip_min > 0ns);
    CHECK(sender.bytes_sent == question.size());
    CHECK(sender.bytes_retransmitted == 0U);
    CHECK(sender.to_line().find("established") == 0);
    CHECK(sender.to_line().find("acked=20000") != std::string::npos);

    const coax::connection_info receiver = c.far.info();
    CHECK(receiver.bytes_received == question.size());
    CHECK(receiver.bytes_acknowledged == 0);
    CHECK(receiver.bytes_sent == 0U);
    CHECK(receiver.since_data_received);
    CHECK(receiver.receive_window > 0);
    CHECK(receiver.receive_buffered == 0);
}

TEST_CASE("what is not read is told, and so is the end") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    asio::async_write(c.near, asio::buffer("unread", 6), [&](error_code, std::size_t) {
        error_code ec;
        c.near.shutdown(tcp::socket::shutdown_send, ec);
    });
    w.run_until([&] {
        return c.far.info().state == coax::tcp_state::close_wait &&
               c.near.info().state == coax::tcp_state::fin_wait_2;
    });
    CHECK(c.far.info().receive_buffered == 6);
}

TEST_CASE("info of what is no connection") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    tcp::acceptor acceptor(w.server(), w.listen_address());
    CHECK(acceptor.local_endpoint().port() != 0);
    tcp::socket s(w.client());
    error_code ec;
    s.info(ec);
    CHECK(ec == asio::error::bad_descriptor);
    CHECK_THROWS(s.info());
    s.open(tcp::v4());
    CHECK(s.info().state == coax::tcp_state::closed);
}
