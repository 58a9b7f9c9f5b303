// Loss: the retransmission timer, Karn, fast retransmit and NewReno's recovery.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::tests;

namespace {

// The virtual round trip of the handshake is zero, so the RTO is rto_min: 200 ms.
void takes_full_segments(script& s, std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) s.expects(data(first + 1460 * i, 1460));
}

}  // namespace

// RFC 9293 3.8.1 (MUST-18, MUST-19), RFC 6298 (5.4)-(5.6)
TEST_CASE("retransmission with exponential back-off") {
    script s;
    s.establish_passive();
    s.writes(100);
    s.expects(data(1, 100));
    const instant start = s.now();
    for (const duration at : {200ms, 600ms, 1400ms, 3000ms, 6200ms, 12600ms}) {
        s.silent_until(start + at - 1ms);
        s.after(2ms);
        s.expects(data(1, 100).ack(1));
    }
    s.sends(ack(101).seq(1));
    s.silent_for(100s);
    CHECK(s.layer().info(s.socket)->retransmission_timeout == 200'001us);
    CHECK(s.counter("tcp.timeouts") == 6);
}

// RFC 6298 (2.5): at most rto_max
TEST_CASE("back-off ends at the maximum") {
    script s;
    s.establish_passive();
    s.writes(100);
    s.expects(data(1, 100));
    s.after(110s);
    while (s.layer().info(s.socket)->retransmitted_segments > 0 && s.now() < instant(400s)) {
        s.after(10s);
        if (s.layer().info(s.socket)->retransmission_timeout == 60s) break;
    }
    CHECK(s.layer().info(s.socket)->retransmission_timeout == 60s);
}

// RFC 9293 3.8.3 (MUST-20, MUST-21, SHLD-11)
TEST_CASE("a connection without an answer ends after the user timeout") {
    tcp_config config;
    config.user_timeout = 100s;
    script s(config);
    s.establish_passive();
    s.writes(100);
    s.after(90s);
    CHECK(s.current() == state::established);
    s.after(60s);
    CHECK(s.events().failed);
    CHECK(s.layer().error_of(s.socket) == error::timed_out);
    CHECK(s.counter("tcp.user_timeouts") == 1);
}

// RFC 9293 3.8.3 (MUST-21): the application sets R2
TEST_CASE("the user timeout of one connection") {
    script s;
    s.establish_passive();
    REQUIRE(s.layer().set_user_timeout(s.socket, 10s));
    s.writes(100);
    s.after(9s);
    CHECK(s.current() == state::established);
    s.after(10s);
    CHECK(s.layer().error_of(s.socket) == error::timed_out);
}

// RFC 9293 3.8.3 (SHLD-10): at R1 another way is looked for
TEST_CASE("after three retransmissions the route is resolved anew") {
    script s;
    s.establish_passive();
    s.writes(100);
    s.expects(data(1, 100));
    s.after(700ms);
    s.expects(data(1, 100));
    s.expects(data(1, 100));
    s.expects_nothing();
    s.layer().advance(s.now() + 800ms);  // the third
    tcp::sender* from = s.layer().next_sender();
    REQUIRE(from != nullptr);
    CHECK(from->route.epoch == 0);
}

// RFC 6298 (3), Karn
TEST_CASE("a retransmitted segment is not timed") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    s.after(50ms);
    s.sends(syn_ack().ack(1).mss(1460));
    s.expects(ack(1));
    CHECK(s.layer().info(s.socket)->smoothed_rtt == 50ms);
    s.writes(10);
    s.expects(data(1, 10));
    s.after(260ms);
    s.expects(data(1, 10));
    s.after(5ms);
    s.sends(ack(11).seq(1));
    CHECK(s.layer().info(s.socket)->smoothed_rtt == 50ms);
}

// RFC 7323 4.1: with timestamps the echo tells
TEST_CASE("with timestamps a retransmitted segment is measured") {
    script s;
    s.timestamps = true;
    s.connects();
    s.expects(syn().seq(0));
    s.after(50ms);
    s.sends(syn_ack().ack(1).mss(1460));
    s.expects(ack(1));
    s.writes(10);
    s.expects(data(1, 10));
    s.after(260ms);
    s.expects(data(1, 10));
    s.after(90ms);
    s.sends(ack(11).seq(1));
    CHECK(s.layer().info(s.socket)->smoothed_rtt > 50ms);
    CHECK(s.layer().info(s.socket)->smoothed_rtt < 70ms);
}

// RFC 6298 (2.2), (2.3)
TEST_CASE("the round trip is smoothed") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    s.after(100ms);
    s.sends(syn_ack().ack(1).mss(1460));
    s.expects(ack(1));
    CHECK(s.layer().info(s.socket)->rtt_variation == 50ms);
    CHECK(s.layer().info(s.socket)->retransmission_timeout == 300ms);
    s.writes(10);
    s.expects(data(1, 10));
    s.after(180ms);
    s.sends(ack(11).seq(1));
    CHECK(s.layer().info(s.socket)->smoothed_rtt == 110ms);
    CHECK(s.layer().info(s.socket)->rtt_variation == 57500us);
    CHECK(s.layer().info(s.socket)->retransmission_timeout == 340ms);
}

// RFC 5681 3.2; RFC 6582 3.2 with a full acknowledgment
TEST_CASE("fast retransmit and fast recovery") {
    script s;
    s.establish_passive();
    s.writes(14600);
    takes_full_segments(s, 1, 10);  // RFC 6928: the initial window
    CHECK(s.layer().info(s.socket)->congestion_window == 14600);
    s.sends(ack(1461).seq(1));
    s.writes(20000);
    takes_full_segments(s, 14601, 2);  // one left, slow start adds one
    s.sends(ack(1461).seq(1));         // the segment at 1461 is lost
    s.expects(data(17521, 1460));      // limited transmit, RFC 3042
    s.sends(ack(1461).seq(1));
    s.expects(data(18981, 1460));
    s.sends(ack(1461).seq(1));
    s.expects(data(1461, 1460));
    auto i = *s.layer().info(s.socket);
    CHECK(i.slow_start_threshold == 11 * 1460 / 2);
    s.sends(ack(20441).seq(1));  // full
    i = *s.layer().info(s.socket);
    CHECK(i.congestion_window == 11 * 1460 / 2);  // RFC 6937bis: the threshold
    CHECK(s.counter("tcp.fast_recoveries") == 1);
    CHECK(s.counter("tcp.timeouts") == 0);
}

// RFC 6582 3.2 step 3: partial acknowledgments
TEST_CASE("NewReno: each partial acknowledgment brings the next hole") {
    script s;
    s.establish_passive();
    s.writes(14600);
    takes_full_segments(s, 1, 10);
    // Lost: the 1st, the 3rd and the 5th of ten.
    for (int i = 0; i < 3; ++i) s.sends(ack(1).seq(1));
    s.expects(data(1, 1460));
    for (int i = 0; i < 4; ++i) s.sends(ack(1).seq(1));
    s.expects_nothing();
    s.sends(ack(2921).seq(1));
    s.expects(data(2921, 1460));
    s.sends(ack(5841).seq(1));
    s.expects(data(5841, 1460));
    s.sends(ack(14601).seq(1));
    s.expects_nothing();
    CHECK(s.counter("tcp.fast_recoveries") == 1);
    CHECK(s.counter("tcp.retransmitted") == 3);
    CHECK(s.layer().info(s.socket)->in_flight == 0);
}

// RFC 6937bis: to half the window, so every second segment that arrives lets one go
TEST_CASE("duplicate acknowledgments during recovery let new segments out") {
    script s;
    s.establish_passive();
    s.writes(40000);
    takes_full_segments(s, 1, 10);
    s.sends(ack(1).seq(1));
    s.expects(data(14601, 1460));  // limited transmit
    s.sends(ack(1).seq(1));
    s.expects(data(16061, 1460));
    s.sends(ack(1).seq(1));
    s.expects(data(1, 1460));
    for (std::uint32_t at = 17521; at < 17521 + 2 * 1460; at += 1460) {
        s.sends(ack(1).seq(1));
        s.expects_nothing();
        s.sends(ack(1).seq(1));
        s.expects(data(at, 1460));
    }
}

// RFC 6582 3.2 step 1 and RFC 5681: after a timeout old duplicates start nothing
// RFC 6675 5.1: no second reduction for what was under way
TEST_CASE("after a timeout: slow start from one segment, and no fast retransmit of the old") {
    script s;
    s.establish_passive();
    s.writes(14600);
    takes_full_segments(s, 1, 10);
    s.after(201ms);
    s.expects(data(1, 1460));
    s.expects_nothing();
    auto i = *s.layer().info(s.socket);
    CHECK(i.congestion_window == 1460);
    CHECK(i.slow_start_threshold == 7300);
    for (int n = 0; n < 4; ++n) s.sends(ack(1).seq(1));
    s.expects_nothing();
    s.sends(ack(1461).seq(1));
    s.expects(data(1461, 1460));
    s.expects(data(2921, 1460));
    s.expects_nothing();
    s.sends(ack(14601).seq(1));  // the others had arrived
    s.expects_nothing();
    CHECK(s.counter("tcp.retransmitted") == 3);
}

// RFC 5681 3.1: ssthresh falls once for one loss
TEST_CASE("a second timeout for the same data keeps the threshold") {
    script s;
    s.establish_passive();
    s.writes(14600);
    takes_full_segments(s, 1, 10);
    s.after(201ms);
    s.expects(data(1, 1460));
    s.after(401ms);
    s.expects(data(1, 1460));
    CHECK(s.layer().info(s.socket)->slow_start_threshold == 7300);
}

// RFC 5681 2: what is not a duplicate acknowledgment
TEST_CASE("window updates and data are not duplicate acknowledgments") {
    script s;
    s.establish_passive();
    s.writes(14600);
    takes_full_segments(s, 1, 10);
    for (std::uint32_t n = 0; n < 4; ++n) s.sends(ack(1).seq(1).win(60000 - n));
    for (std::uint32_t n = 0; n < 4; ++n) {
        s.sends(data(1 + n, 1).ack(1).win(50000));
        s.expects(ack(2 + n));
    }
    s.expects_nothing();
}

// RFC 6298 (5.3): the timer starts again with each acknowledgment
TEST_CASE("an acknowledgment of new data restarts the timer") {
    script s;
    s.establish_passive();
    s.writes(2920);
    takes_full_segments(s, 1, 2);
    s.after(150ms);
    s.sends(ack(1461).seq(1));
    s.silent_for(150ms);
    // the sample of 150 ms raised the RTO, too
    s.after(400ms);
    s.expects(data(1461, 1460));
}

// RFC 5681 4.1
TEST_CASE("after idleness the window is the initial one again") {
    script s;
    s.establish_passive();
    for (std::uint32_t at = 1; at < 1 + 40 * 1460; at += 10 * 1460) {
        s.writes(14600);
        s.sends(ack(at + 14600).seq(1));
    }
    s.after(0ms);
    CHECK(s.layer().info(s.socket)->congestion_window > 14600);
    s.after(10s);
    s.writes(1460);
    s.after(0ms);
    CHECK(s.layer().info(s.socket)->congestion_window == 14600);
}

TEST_CASE("what went again is counted in segments and in bytes, and so is all that was sent") {
    script s;
    s.establish_passive();
    CHECK(s.layer().info(s.socket)->bytes_sent == 0);
    CHECK(s.layer().usage().sender_totals == 0);
    s.writes(2000);
    s.after(0ms);
    s.forget_sent();
    CHECK(s.layer().info(s.socket)->bytes_sent == 2000);
    CHECK(s.layer().info(s.socket)->bytes_retransmitted == 0);
    s.after(5s);
    s.forget_sent();
    const auto resent = s.layer().info(s.socket)->retransmitted_segments;
    CHECK(resent >= 3);
    s.sends(ack(2001).seq(1));
    const auto info = s.layer().info(s.socket);
    CHECK(info->bytes_sent == 2000 + info->bytes_retransmitted);
    CHECK(info->bytes_retransmitted > resent * 400ULL);
    CHECK(info->bytes_retransmitted <= resent * 1460ULL);
    CHECK(s.layer().usage().sender_totals == 1);
    s.closes();
    s.after(0ms);
    s.forget_sent();
    s.sends(rst(1));
    CHECK(s.layer().usage().sender_totals == 0);
}
