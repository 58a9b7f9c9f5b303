// What a SYN's options settle: MSS, window scale, timestamps.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::tests;

// RFC 9293 3.7.1 (MUST-14, MUST-16)
TEST_CASE("the peer's MSS bounds segments") {
    script s;
    s.establish_passive(syn().mss(600));
    CHECK(s.layer().info(s.socket)->send_mss == 600);
    s.writes(1000);
    s.expects(data(1, 600).push(false));
    s.expects(data(601, 400).push(true));  // MUST-60, MUST-61
}

// RFC 9293 3.7.1 (MUST-15)
TEST_CASE("without an MSS option 536 bytes are sent, over IPv6 1220") {
    script s;
    s.establish_passive(syn());
    CHECK(s.layer().info(s.socket)->send_mss == 536);
    script six;
    std::array<std::uint8_t, 16> a{0xfd, 0, 0xc0, 0xa0};
    six.ends.local.address = ip_address::v6(a);
    a[15] = 1;
    six.ends.remote.address = ip_address::v6(a);
    six.establish_passive(syn());
    CHECK(six.layer().info(six.socket)->send_mss == 1220);
}

// RFC 9293 3.7.1: the path's MTU bounds segments, and the MSS offered (MUST-67)
TEST_CASE("the MTU bounds segments and the offer") {
    script s;
    s.route.mtu = 1000;
    s.listens();
    s.sends(syn().mss(8960));
    s.expects(syn_ack().mss(960));
    s.sends(ack(1).seq(1));
    s.accepts();
    s.writes(2000);
    s.expects(data(1, 960));
    s.expects(data(961, 960));
    s.expects(data(1921, 80));
    script six;
    six.ends.local.address = ip_address::v6({0xfd, 0, 0xc0, 0xa0, 1});
    six.ends.remote.address = ip_address::v6({0xfd, 0, 0xc0, 0xa0, 2});
    six.listens();
    six.sends(syn().mss(8960));
    six.expects(syn_ack().mss(1440));
}

TEST_CASE("an absurdly small MSS counts as the least") {
    script s;
    s.establish_passive(syn().mss(1));
    CHECK(s.layer().info(s.socket)->send_mss == 88);
}

// RFC 9293 3.7.1: options count; RFC 6691 (SHLD of RFC 7323 3.2)
TEST_CASE("timestamps take their room from the segment") {
    script s;
    s.timestamps = true;
    s.establish_passive(syn().mss(1460).ts(5));
    CHECK(s.layer().info(s.socket)->timestamps);
    CHECK(s.layer().info(s.socket)->send_mss == 1448);
}

// RFC 7323 2.2: only when both sides offer; the SYN's own window is not scaled
TEST_CASE("window scaling is used when both offer it") {
    script s;
    s.listens();
    s.peer_window = 1000;
    s.sends(syn().mss(1460).scale(7));
    s.expects(syn_ack().seq(0).ack(1).scale(8).win(65535));
    s.sends(ack(1).seq(1).win(1000));
    s.accepts();
    CHECK(s.layer().info(s.socket)->send_window == 128000);
    CHECK(s.layer().info(s.socket)->receive_window_scale == 8);
    s.sends(data(1, 10).ack(1).win(1000));
    s.expects(ack(11).win((1 << 17) / 256 - 1));  // 128 KiB less what is not read, in units of 256
}

TEST_CASE("window scaling is not used when the peer does not offer it") {
    script s;
    s.establish_passive(syn().mss(1460));
    CHECK(s.layer().info(s.socket)->receive_window_scale == 0);
    s.sends(data(1, 10).ack(1));
    s.expects(ack(11).win(65525));  // ten bytes are too small a step to the right
    script active;
    active.establish_active();
    CHECK(active.layer().info(active.socket)->receive_window_scale == 0);
    CHECK(active.layer().info(active.socket)->send_window == 65535);
}

// RFC 7323 2.3
TEST_CASE("a shift count above 14 counts as 14") {
    script s;
    s.establish_passive(syn().mss(1460).scale(200));
    CHECK(s.layer().info(s.socket)->send_window_scale == 14);
}

// RFC 7323 3.2, 5.3, 5.4
TEST_CASE("timestamps are echoed, and old ones are refused (PAWS)") {
    script s;
    s.timestamps = true;
    s.listens();
    s.sends(syn().mss(1460).ts(5000).echo(0));
    s.expects(syn_ack().echo(5000));
    s.sends(ack(1).seq(1).ts(5001));
    s.accepts();
    s.sends(data(1, 10).ack(1).ts(5002));
    s.expects(ack(11).echo(5002));
    CHECK(s.sends(data(11, 10).ack(1).ts(4000)) == disposition::paws);
    s.expects(ack(11).echo(5002));
    CHECK(s.sends(data(11, 10).ack(1).ts(5003)) == disposition::consumed);
    s.expects(ack(21).echo(5003));
    CHECK(s.reads() == 20);
}

// RFC 7323 3.2: dropped silently; 4.3: a reset needs none
TEST_CASE("a segment without the timestamp that was agreed on is dropped") {
    script s;
    s.timestamps = true;
    s.establish_passive(syn().mss(1460).ts(5));
    CHECK(s.sends(data(1, 10).ack(1).no_options()) == disposition::paws);
    s.expects_nothing();
    CHECK(s.sends(rst(1).no_options()) == disposition::consumed);
    CHECK(s.layer().error_of(s.socket) == error::connection_reset);
}

// RFC 7323 4.3 (2): the echo is that of the segment at the left edge
TEST_CASE("a segment behind a gap does not change the timestamp that is echoed") {
    script s;
    s.timestamps = true;
    s.establish_passive(syn().mss(1460));  // ends with 100000, the virtual time in ms
    s.sends(data(11, 10).ack(1).ts(100050));
    s.expects(ack(1).echo(100000));
    s.sends(data(1, 10).ack(1).ts(100040));
    s.expects(ack(21).echo(100040));
}

// RFC 7323 5.5: after 24 days the old timestamp means nothing
TEST_CASE("PAWS gives way after 24 days of silence") {
    script s;
    s.timestamps = true;
    s.establish_passive(syn().mss(1460).ts(5000));
    s.after(25 * 24h);
    CHECK(s.sends(data(1, 10).ack(1).ts(10)) == disposition::consumed);
    s.expects(ack(11).echo(10));
}

// RFC 9293 3.7.1 (MUST-14, MUST-16), smaller by the user's wish
TEST_CASE("a socket's own largest segment is offered and obeyed, and its connections inherit it") {
    script s;
    s.listens();
    REQUIRE(s.layer().set_maximum_segment(s.listener, 1100));
    CHECK(s.layer().set_maximum_segment(s.listener, 20).code() == error::invalid_argument);
    s.sends(syn().mss(1300));
    s.expects(syn_ack().mss(1100));
    s.sends(ack(1).seq(1));
    s.accepts();
    s.writes(2200);
    s.expects(data(1, 1100));
    s.expects(data(1101, 1100));
    CHECK(s.layer().info(s.socket)->send_mss == 1100);
    CHECK(s.layer().info(s.socket)->announced_mss == 1100);
}

TEST_CASE("a connection counts what it sent and took in") {
    script s;
    s.establish_passive();
    s.writes(3000);
    s.expects(data(1, 1460));
    s.expects(data(1461, 1460));
    s.expects(data(2921, 80));
    s.sends(ack(1461).seq(1));
    s.sends(data(1, 700).ack(1461));
    s.sends(data(1, 700).ack(1461));  // again
    const auto info = s.layer().info(s.socket, s.now() + 250ms);
    CHECK(info->bytes_acknowledged == 1460);
    CHECK(info->outstanding == 1540);
    CHECK(info->unsent == 0);
    CHECK(info->bytes_received == 700);
    CHECK(info->since_data_sent == 250ms);
    CHECK(info->phase == tcp::sender_phase::open);
}
