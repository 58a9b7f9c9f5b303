// The sender's side of SACK: RFC 6675, RACK-TLP (RFC 8985), proportional rate reduction.
#include <catch2/catch.hpp>

#include "tests/tcp/openings.hpp"

using namespace coax::stack;
using namespace coax::tests;

namespace {

// A round trip of 100 ms, SACK, and no timestamps unless the script wants them.
void establish_sack(script& s) {
    establishes_over_100ms(s, true);
    REQUIRE(s.layer().info(s.socket)->smoothed_rtt == 100ms);
    REQUIRE(s.layer().info(s.socket)->retransmission_timeout == 300ms);
}

tcp_config counting() {
    tcp_config config;
    config.rack = false;
    config.tail_loss_probe = false;
    return config;
}

}  // namespace

// RFC 5681 3.2 step 2: FlightSize when the loss is found is what was under way before the
// acknowledgment that shows it, also when that acknowledges most of a window at once
TEST_CASE(
    "a rare acknowledgment does not make the window smaller than half of what was under way") {
    script s;
    establish_sack(s);
    s.writes(14600);
    takes_segments(s, 1, 10);
    s.after(100ms);
    s.sends(ack(8761).seq(1).sack({{10221, 14601}}));
    s.expects(data(8761, 1460));
    CHECK(s.counter("tcp.sack_recoveries") == 1);
    CHECK(s.layer().info(s.socket)->slow_start_threshold == 7300);
}

// RFC 8985 6.2 step 5: what was sent before the segment that arrived, and is not lost yet, keeps
// its timer also when all that was known to be missing has come
TEST_CASE("RACK: the reordering timer outlives the recovery that armed it") {
    script s;
    establish_sack(s);
    s.writes(5840);
    takes_segments(s, 1, 4);
    s.layer().icmp_error(s.ends, s.own_iss + 1, tcp::icmp_verdict::packet_too_big,
                         error::message_too_long, 1000, s.now());
    s.after(0ms);
    s.forget_sent();  // all again, in segments of 960 bytes
    s.silent_for(95ms);
    s.writes(960);
    s.expects(data(5841, 960));  // it will be lost
    s.silent_for(5ms);
    s.sends(ack(1).seq(1).sack({{961, 5841}}));
    s.expects(data(1, 960));
    s.after(100ms);
    const bool more = GENERATE(false, true);
    s.sends(ack(5841).seq(1));
    if (more) s.sends(ack(5841).seq(1).sack({{1, 961}}));  // and the timer is not touched
    s.silent_for(19ms);
    s.after(300ms);
    s.expects(data(5841, 960));
}

// RFC 8985 6.2 step 4: with DupThresh segments SACKed and no reordering seen, no patience; RFC
// 3042: before that, what left the network is replaced
TEST_CASE("RACK: the third SACKed segment begins recovery") {
    script s;
    establish_sack(s);
    s.writes(40000);
    takes_segments(s, 1, 10);
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{1461, 2921}}));
    s.expects(data(14601, 1460));
    s.expects_nothing();
    s.sends(ack(1).seq(1).sack({{1461, 4381}}));
    s.expects(data(16061, 1460));
    s.expects_nothing();
    CHECK(s.layer().info(s.socket)->in_flight == 10 * 1460);
    s.sends(ack(1).seq(1).sack({{1461, 5841}}));
    s.expects(data(1, 1460));
    s.expects_nothing();
    CHECK(s.counter("tcp.sack_recoveries") == 1);
    CHECK(s.counter("tcp.lost_segments") == 1);
    CHECK(s.layer().info(s.socket)->slow_start_threshold == 7300);
    // RFC 6937bis: half as fast as segments arrive
    s.sends(ack(1).seq(1).sack({{1461, 7301}}));
    s.expects_nothing();
    s.sends(ack(1).seq(1).sack({{1461, 8761}}));
    s.expects(data(17521, 1460));
    s.sends(ack(1).seq(1).sack({{1461, 10221}}));
    s.expects_nothing();
    s.sends(ack(1).seq(1).sack({{1461, 11681}}));
    s.expects(data(18981, 1460));
    s.after(100ms);
    s.sends(ack(17521).seq(1));  // full
    CHECK(s.layer().info(s.socket)->congestion_window == 7300);
    CHECK(s.counter("tcp.retransmitted") == 1);
    CHECK(s.counter("tcp.timeouts") == 0);
}

// RFC 8985 6.2 step 5: fewer SACKs: a quarter of the round trip is waited
TEST_CASE("RACK: a single SACKed segment and the reordering timer") {
    script s;
    establish_sack(s);
    s.writes(2920);
    takes_segments(s, 1, 2);
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{1461, 2921}}));
    s.silent_for(24900us);
    s.after(200us);
    s.expects(data(1, 1460));
    CHECK(s.counter("tcp.sack_recoveries") == 1);
}

// RFC 8985 6.2 step 3, 4: reordering, once seen, is waited for even beyond DupThresh
TEST_CASE("RACK: a segment that arrives late teaches patience") {
    script s;
    establish_sack(s);
    s.writes(14600);
    takes_segments(s, 1, 10);
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{1461, 4381}}));
    s.after(10ms);
    s.sends(ack(4381).seq(1));  // it was only late
    s.sends(ack(4381).seq(1).sack({{5841, 14601}}));
    s.expects_nothing();  // eight above it, and yet
    s.after(30ms);
    s.expects(data(4381, 1460));
}

// RFC 8985 6.2 step 5: a retransmission that is lost is found by what was sent after it
TEST_CASE("RACK: a lost retransmission") {
    script s;
    establish_sack(s);
    s.writes(40000);
    takes_segments(s, 1, 10);
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{1461, 14601}}));
    s.expects(data(1, 1460));
    // conservation: RFC 6937bis PRR-CRB, one is under way, nine arrived
    takes_segments(s, 14601, 4);
    s.expects_nothing();
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{1461, 16061}}));
    s.expects(data(1, 1460));  // sent in the same moment as it, but behind it
    CHECK(s.counter("tcp.timeouts") == 0);
    CHECK(s.counter("tcp.retransmitted") == 2);
}

// RFC 8985 7.2, 7.3: two round trips after the last segment, the last segment again
TEST_CASE("TLP: a lost tail is found by the probe") {
    script s;
    establish_sack(s);
    s.writes(4380);
    takes_segments(s, 1, 3);
    s.silent_for(201ms);
    s.after(2ms);
    s.expects(data(2921, 1460));
    s.expects_nothing();
    CHECK(s.counter("tcp.tail_loss_probes") == 1);
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{2921, 4381}}));
    s.expects(data(1, 1460));
    s.after(100ms);
    s.sends(ack(1461).seq(1).sack({{2921, 4381}}));
    s.expects(data(1461, 1460));
    s.after(100ms);
    s.sends(ack(4381).seq(1));
    s.silent_for(10s);
    CHECK(s.counter("tcp.timeouts") == 0);
    CHECK(s.layer().info(s.socket)->in_flight == 0);
}

// RFC 8985 7.2: a single segment's acknowledgment may be delayed; never later than the timeout
TEST_CASE("TLP: one segment in flight, then the timeout") {
    script s;
    establish_sack(s);
    s.writes(100);
    s.expects(data(1, 100));
    s.silent_for(299ms);
    s.after(2ms);
    s.expects(data(1, 100));  // the probe
    CHECK(s.counter("tcp.timeouts") == 0);
    s.silent_for(298ms);
    s.after(2ms);
    s.expects(data(1, 100));
    CHECK(s.counter("tcp.timeouts") == 1);
    s.silent_for(598ms);  // backed off
    s.after(4ms);
    s.expects(data(1, 100));
}

// RFC 8985 7.3: new data if there is some
TEST_CASE("TLP: new data is the better probe") {
    script s;
    establish_sack(s);
    s.writes(20000);
    takes_segments(s, 1, 10);
    s.after(203ms);
    s.expects(data(14601, 1460));
    s.expects_nothing();
    s.sends(ack(16061).seq(1));
    s.expects(data(16061, 1460));
    CHECK(s.counter("tcp.retransmitted") == 0);
}

// RFC 8985 7.2: an acknowledgment starts the timer again, also when the probe could not leave yet
TEST_CASE("TLP: a probe that waited for the device does not go after an acknowledgment") {
    tcp_config config = script::with_newreno(tcp_config());
    config.ecn = ecn_use::accept;
    script s(config);
    s.listens();
    s.sends(syn().mss(1460).sack_permitted().ece().cwr());
    s.expects(syn_ack().ece());
    s.after(100ms);
    s.sends(ack(1).seq(1));
    s.accepts();
    s.writes(60000);
    takes_segments(s, 1, 10);
    s.jammed = true;
    s.after(203ms);
    s.sends(ack(1461).seq(1).ece());  // halves the window, with nine segments under way
    s.jammed = false;
    s.expects_nothing();
    CHECK(s.counter("tcp.tail_loss_probes") == 0);
    CHECK(s.layer().info(s.socket)->congestion_window == 7300);
    // Two round trips of the new measurement later it is due again, and goes beyond the window.
    s.silent_for(227ms);
    s.after(2ms);
    s.expects(data(14601, 1460).cwr());
    s.expects_nothing();
    CHECK(s.counter("tcp.tail_loss_probes") == 1);
}

// RFC 8985 7.4.2: the probe repaired a loss, and congestion control hears of it
TEST_CASE("TLP: a loss that the probe repaired") {
    script s;
    establish_sack(s);
    s.writes(4380);
    takes_segments(s, 1, 3);
    s.after(100ms);
    s.sends(ack(2921).seq(1));
    s.after(301ms);
    s.expects(data(2921, 1460));
    s.after(100ms);
    s.sends(ack(4381).seq(1));
    const auto before = s.layer().info(s.socket)->congestion_window;
    s.writes(100);
    s.expects(data(4381, 100));
    s.after(100ms);
    s.sends(ack(4481).seq(1));
    CHECK(s.counter("tcp.tail_losses") == 1);
    CHECK(s.layer().info(s.socket)->congestion_window == before / 2);
}

// RFC 8985 7.4.2: with a D-SACK both arrived
TEST_CASE("TLP: a probe for nothing") {
    script s;
    establish_sack(s);
    s.writes(4380);
    takes_segments(s, 1, 3);
    s.after(203ms);
    s.expects(data(2921, 1460));
    s.sends(ack(4381).seq(1));
    s.sends(ack(4381).seq(1).sack({{2921, 4381}}));
    s.writes(100);
    s.expects(data(4381, 100));
    s.after(100ms);
    s.sends(ack(4481).seq(1));
    CHECK(s.counter("tcp.tail_losses") == 0);
    CHECK(s.counter("tcp.dsacks_received") == 1);
    CHECK(s.layer().info(s.socket)->slow_start_threshold == 0xffffffffU);
}

// RFC 8985 6.3: after a timeout what was sent a moment ago is not thought lost
TEST_CASE("RACK: a timeout spares what has just left") {
    script s;
    establish_sack(s);
    s.writes(14600);
    takes_segments(s, 1, 10);
    s.after(203ms);
    s.expects(data(13141, 1460));  // probe
    s.after(299ms);
    s.expects_nothing();
    s.after(2ms);
    s.expects(data(1, 1460));
    s.expects_nothing();
    s.after(100ms);
    s.sends(ack(14601).seq(1));
    s.silent_for(5s);
}

// RFC 2018 8: what was SACKed and dropped afterwards is sent again
TEST_CASE("a receiver that reneges") {
    script s;
    establish_sack(s);
    s.writes(5840);
    takes_segments(s, 1, 4);
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{1461, 5841}}));
    s.expects(data(1, 1460));
    s.after(100ms);
    s.sends(ack(1461).seq(1));
    s.silent_for(45ms);
    s.after(10ms);
    s.expects(data(1461, 1460));
    CHECK(s.counter("tcp.sack_reneges") == 1);
    s.after(100ms);
    s.sends(ack(2921).seq(1));
    s.expects(data(2921, 1460));
    s.expects(data(4381, 1460));
    s.sends(ack(5841).seq(1));
    s.silent_for(5s);
}

// RFC 6675 4: blocks that make no sense change nothing
TEST_CASE("impossible SACK blocks") {
    script s;
    establish_sack(s);
    s.writes(14600);
    takes_segments(s, 1, 10);
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{14601, 16061}}));  // never sent
    s.sends(ack(1).seq(1).sack({{2921, 1461}}));    // upside down
    s.sends(ack(1).seq(1).sack({{1461, 1461}}));    // nothing
    s.sends(ack(1).seq(1).sack({{1000, 1400}}));    // no whole segment
    s.sends(ack(1).seq(1).sack({{0x80000000U, 1461}}));
    s.expects_nothing();
    CHECK(s.layer().info(s.socket)->in_flight == 14600);
    s.sends(ack(14601).seq(1));
    s.silent_for(5s);
    CHECK(s.counter("tcp.sack_recoveries") == 0);
}

// RFC 6675 4 (IsLost): more than two segments' bytes above, and no clock
TEST_CASE("RFC 6675: losses are counted") {
    script s(counting());
    establish_sack(s);
    s.writes(14600);
    takes_segments(s, 1, 10);
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{1461, 2921}}));
    s.sends(ack(1).seq(1).sack({{1461, 4381}}));
    s.silent_for(100ms);
    s.sends(ack(1).seq(1).sack({{1461, 5841}}));
    s.expects(data(1, 1460));
    s.expects_nothing();
}

// RFC 6675 4 (IsLost): or DupThresh discontiguous sequences
TEST_CASE("RFC 6675: three islands") {
    script s(counting());
    establish_sack(s);
    REQUIRE(s.layer().set_no_delay(s.socket, true, s.now()));
    for (std::uint32_t at = 1; at < 701; at += 100) {
        s.writes(100);
        s.expects(data(at, 100));
    }
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{101, 201}}));
    s.sends(ack(1).seq(1).sack({{301, 401}, {101, 201}}));
    s.expects_nothing();
    s.sends(ack(1).seq(1).sack({{501, 601}, {301, 401}, {101, 201}}));
    s.expects(data(1, 100));
}

// RFC 6675 4, 5 (NextSeg): (1) what is lost, (2) new data, (3) what is doubtful; what is SACKed
// does not go again (RFC 2018 5)
TEST_CASE("RFC 6675: the order of NextSeg") {
    script s(counting());
    establish_sack(s);
    s.writes(14600 + 1460);
    takes_segments(s, 1, 10);
    s.after(100ms);
    // 1 and 3 are missing, of those above only 9 and 10 are not there
    s.sends(ack(1).seq(1).sack({{4381, 11681}, {1461, 2921}}));
    s.expects(data(1, 1460));
    s.expects(data(2921, 1460));
    s.expects(data(14601, 1460));
    s.sends(ack(1).seq(1).sack({{13141, 14601}, {4381, 11681}, {1461, 2921}}));
    s.expects(data(11681, 1460));  // not lost by the count: one segment above
    s.expects_nothing();
    CHECK(s.counter("tcp.timeouts") == 0);
}

TEST_CASE("retransmissions of many small segments are joined") {
    script s;
    establish_sack(s);
    REQUIRE(s.layer().set_no_delay(s.socket, true, s.now()));
    for (std::uint32_t at = 1; at < 1001; at += 100) {
        s.writes(100);
        s.expects(data(at, 100));
    }
    s.after(100ms);
    s.sends(ack(1).seq(1).sack({{501, 1001}}));
    s.expects(data(1, 500));
    s.after(100ms);
    s.sends(ack(1001).seq(1));
    s.silent_for(5s);
}

// RFC 3042, and no loss in the end: what SACK had told does not open the window again
TEST_CASE("limited transmit, and then it was reordering") {
    script s;
    establish_sack(s);
    s.writes(15 * 1460);
    takes_segments(s, 1, 10);
    s.after(110ms);
    s.sends(ack(1).seq(1).sack({{1461, 2921}}));
    s.expects(data(14601, 1460));
    s.after(10ms);
    s.sends(ack(1).seq(1).sack({{1461, 4381}}));
    s.expects(data(16061, 1460));
    s.after(10ms);
    s.sends(ack(4381).seq(1));
    CHECK(s.layer().info(s.socket)->congestion_window == 11 * 1460);
    takes_segments(s, 17521, 2);
    s.expects_nothing();
    CHECK(s.counter("tcp.sack_recoveries") == 0);
    CHECK(s.counter("tcp.retransmitted") == 0);
}

// RFC 7323 4.1: the acknowledgment was lost, not the segment
TEST_CASE("the answer to a duplicate measures no round trip") {
    tcp_config config;
    config.tail_loss_probe = false;
    script s(config);
    s.timestamps = true;
    establish_sack(s);
    s.writes(100);
    s.expects(data(1, 100));
    const std::uint32_t first = s.last_ts;
    s.after(301ms);
    s.expects(data(1, 100));
    s.after(100ms);
    s.sends(ack(101).seq(1).echo(first).sack({{1, 101}}));
    CHECK(s.layer().info(s.socket)->smoothed_rtt == 100ms);
}
