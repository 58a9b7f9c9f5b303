// Retransmissions that were not needed, and what is undone: RFC 3522, RFC 5682, D-SACK.
#include <catch2/catch.hpp>

#include "tests/tcp/openings.hpp"

using namespace coax::stack;
using namespace coax::tests;

namespace {

tcp_config only_timeouts() {
    tcp_config config;
    config.tail_loss_probe = false;
    config.congestion = congestion_algorithm::newreno;
    return config;
}

}  // namespace

// RFC 3522 3.2, RFC 4015 3.2: the echo tells that the original arrived
TEST_CASE("Eifel: a timeout that was none") {
    tcp_config config = only_timeouts();
    config.forward_rto = false;
    script s(config);
    s.timestamps = true;
    establishes_over_100ms(s, true);
    s.writes(14480);
    takes_segments(s, 1, 10, 1448);
    const std::uint32_t original = s.last_ts;
    s.after(301ms);
    s.expects(data(1, 1448));
    CHECK(s.layer().info(s.socket)->congestion_window == 1448);
    s.after(10ms);
    s.sends(ack(1449).seq(1).echo(original));
    s.expects_nothing();
    CHECK(s.counter("tcp.spurious_by_timestamp") == 1);
    CHECK(s.layer().info(s.socket)->congestion_window >= 14480);
    CHECK(s.layer().info(s.socket)->slow_start_threshold == 0xffffffffU);
    s.sends(ack(14481).seq(1).echo(original));
    s.silent_for(5s);
    CHECK(s.counter("tcp.retransmitted") == 1);
}

TEST_CASE("Eifel: a timeout that was one") {
    tcp_config config = only_timeouts();
    config.forward_rto = false;
    script s(config);
    s.timestamps = true;
    establishes_over_100ms(s, true);
    s.writes(2896);
    takes_segments(s, 1, 2, 1448);
    s.after(301ms);
    s.expects(data(1, 1448));
    s.after(100ms);
    s.sends(ack(1449).seq(1));
    s.expects(data(1449, 1448));
    CHECK(s.counter("tcp.spurious_by_timestamp") == 0);
}

// RFC 5682 2.1, 3.1: the acknowledgments of the originals come late
TEST_CASE("F-RTO: a delay spike, with and without SACK") {
    for (const bool sack : {false, true}) {
        script s(only_timeouts());
        establishes_over_100ms(s, sack);
        s.writes(40000);
        takes_segments(s, 1, 10, 1460);
        s.after(301ms);
        s.expects(data(1, 1460));
        s.expects_nothing();
        s.after(10ms);
        s.sends(ack(1461).seq(1));  // step 2 (b): new data goes, not the second segment
        s.expects(data(14601, 1460));
        s.expects(data(16061, 1460));
        s.expects_nothing();
        s.sends(ack(2921).seq(1));  // step 3 (b)
        CHECK(s.counter("tcp.spurious_by_forward_rto") == 1);
        CHECK(s.layer().info(s.socket)->congestion_window >= 14600);
        CHECK(s.counter("tcp.retransmitted") == 1);
        s.after(0ms);
        s.sends(ack(17521).seq(1));
        s.after(100ms);
    }
}

// RFC 5682 2.1 step 2 (b): new data goes when pacing lets it go, and no retransmission before
TEST_CASE("F-RTO: pacing makes new data wait, and gives up nothing") {
    tcp_config config = only_timeouts();
    config.pacing = true;
    script s(config);
    establishes_over_100ms(s, true);
    s.writes(2920);
    takes_segments(s, 1, 2, 1460);
    s.after(298ms);
    s.writes(20000);
    s.forget_sent();
    const std::uint32_t end = s.peer_acked;
    s.after(3ms);
    s.expects(data(1, 1460));
    s.expects_nothing();
    s.sends(ack(1461).seq(1));
    s.expects_nothing();
    s.after(20ms);
    s.expects(data(end, 1460));
    s.forget_sent();
    CHECK(s.counter("tcp.retransmitted") == 1);
    s.sends(ack(2921).seq(1));
    CHECK(s.counter("tcp.spurious_by_forward_rto") == 1);
    s.after(50ms);
    s.forget_sent();
    CHECK(s.counter("tcp.retransmitted") == 1);
}

// RFC 5682 2.1 step 3 (a): the second acknowledgment is a duplicate: the loss was real
TEST_CASE("F-RTO: a real loss") {
    for (const bool sack : {false, true}) {
        script s(only_timeouts());
        establishes_over_100ms(s, sack);
        s.writes(40000);
        takes_segments(s, 1, 10, 1460);
        s.after(301ms);
        s.expects(data(1, 1460));
        s.after(100ms);
        s.sends(ack(1461).seq(1));
        s.expects(data(14601, 1460));
        s.expects(data(16061, 1460));
        s.after(100ms);
        s.sends(sack ? ack(1461).seq(1).sack({{14601, 16061}}) : ack(1461).seq(1));
        s.expects(data(1461, 1460));
        CHECK(s.counter("tcp.spurious_by_forward_rto") == 0);
        CHECK(s.layer().info(s.socket)->slow_start_threshold == 7300);
    }
}

// RFC 5682 2.1 step 2 (a)
TEST_CASE("F-RTO: a duplicate acknowledgment first") {
    script s(only_timeouts());
    establishes_over_100ms(s, false);
    s.writes(40000);
    takes_segments(s, 1, 10, 1460);
    s.after(301ms);
    s.expects(data(1, 1460));
    s.sends(ack(1).seq(1));
    s.expects_nothing();
    s.sends(ack(1461).seq(1));
    s.expects(data(1461, 1460));
    s.expects(data(2921, 1460));
    s.expects_nothing();
}

// RFC 5682 2.1 step 2 (b): without new data the usual way is taken
TEST_CASE("F-RTO: nothing new to send") {
    script s(only_timeouts());
    establishes_over_100ms(s, true);
    s.writes(4380);
    takes_segments(s, 1, 3, 1460);
    s.after(301ms);
    s.expects(data(1, 1460));
    s.sends(ack(1461).seq(1));
    s.expects(data(1461, 1460));
    s.expects(data(2921, 1460));
}

// RFC 3708 3, RFC 2883: every retransmission was a duplicate; RFC 8985 6.2 step 4: more patience
TEST_CASE("D-SACK: fast recovery by reordering is undone") {
    script s;
    establishes_over_100ms(s, true);
    s.writes(14600);
    takes_segments(s, 1, 10, 1460);
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{1461, 5841}}));
    s.expects(data(1, 1460));
    CHECK(s.layer().info(s.socket)->slow_start_threshold == 7300);
    s.after(5ms);
    s.sends(ack(14601).seq(1));  // the original
    CHECK(s.layer().info(s.socket)->congestion_window == 7300);
    s.after(95ms);
    s.sends(ack(14601).seq(1).sack({{1, 1461}}));  // the retransmission
    CHECK(s.counter("tcp.spurious_by_dsack") == 1);
    CHECK(s.layer().info(s.socket)->congestion_window >= 14600);
    CHECK(s.layer().info(s.socket)->slow_start_threshold == 0xffffffffU);
    s.silent_for(5s);
}

// RFC 2883 5: a D-SACK of something never sent again, or long gone, is counted at most
TEST_CASE("D-SACK: duplicates made by the network undo nothing") {
    script s;
    establishes_over_100ms(s, true);
    s.writes(14600);
    takes_segments(s, 1, 10, 1460);
    s.sends(ack(7301).seq(1));
    s.sends(ack(7301).seq(1).sack({{1, 1461}}));
    s.sends(ack(7301).seq(1).sack({{0xf0000000U, 0xf0000100U}}));
    s.sends(ack(14601).seq(1));
    s.silent_for(5s);
    CHECK(s.counter("tcp.dsacks_received") == 1);
    CHECK(s.counter("tcp.spurious_by_dsack") == 0);
}
