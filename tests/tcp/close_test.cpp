// Closing: each way through FIN-WAIT-1 to TIME-WAIT and through CLOSE-WAIT to CLOSED.
#include <catch2/catch.hpp>

#include "tests/tcp/openings.hpp"

using namespace coax::stack;
using namespace coax::tests;

// RFC 9293 3.6 figure 12, case 1
TEST_CASE("normal close, local user first") {
    script s;
    s.establish_passive();
    s.shuts();
    s.expects(fin(1).ack(1));
    CHECK(s.current() == state::fin_wait_1);
    s.sends(ack(2).seq(1));
    CHECK(s.current() == state::fin_wait_2);
    CHECK(s.events().closed);
    s.sends(fin(1).ack(2));
    s.expects(ack(2).seq(2));
    CHECK(s.current() == state::time_wait);
    CHECK(s.read_error() == error::end_of_stream);
    s.closes();
    CHECK(s.layer().socket_count() == 2);  // listener and TIME-WAIT
    s.silent_for(59s);
    CHECK(s.layer().socket_count() == 2);
    s.silent_for(2s);
    CHECK(s.layer().socket_count() == 1);
}

// RFC 9293 3.6 figure 12, case 2 (MUST-12)
TEST_CASE("normal close, peer first, with a half-closed phase") {
    script s;
    s.establish_passive();
    s.sends(fin(1).ack(1));
    s.expects(ack(2).seq(1));
    CHECK(s.current() == state::close_wait);
    CHECK(s.events().readable);
    CHECK(s.read_error() == error::end_of_stream);
    CHECK(s.writes(100) == 100);
    s.expects(data(1, 100).ack(2));
    s.sends(ack(101).seq(2));
    s.closes();
    s.expects(fin(101).ack(2));
    s.sends(ack(102).seq(2));
    s.expects_nothing();
    CHECK(s.layer().socket_count() == 1);  // no TIME-WAIT on this side
}

// RFC 9293 3.6.1 (MUST-12)
TEST_CASE("half close: data still comes after our FIN") {
    script s;
    s.establish_passive();
    s.shuts();
    s.expects(fin(1).ack(1));
    CHECK(s.writes(1) == 0);
    s.sends(data(1, 500).ack(2));
    s.expects(ack(501).seq(2));
    CHECK(s.reads() == 500);
    s.sends(fin(501).ack(2));
    s.expects(ack(502).seq(2));
    CHECK(s.current() == state::time_wait);
}

// RFC 9293 3.6 figure 13
TEST_CASE("simultaneous close") {
    script s;
    s.establish_passive();
    s.shuts();
    s.expects(fin(1).ack(1));
    s.sends(fin(1).ack(1));
    s.expects(ack(2).seq(2));
    CHECK(s.current() == state::closing);
    s.sends(ack(2).seq(2));
    CHECK(s.current() == state::time_wait);
    s.expects_nothing();
}

TEST_CASE("FIN and its acknowledgment in one segment") {
    script s;
    s.establish_passive();
    s.shuts();
    s.expects(fin(1).ack(1));
    s.sends(fin(1).ack(2));
    s.expects(ack(2).seq(2));
    CHECK(s.current() == state::time_wait);
}

// RFC 9293 3.10.4: what is queued goes first
TEST_CASE("close sends what is in the buffer, the FIN on the last segment") {
    script s;
    s.establish_passive();
    s.writes(2000);
    s.expects(data(1, 1460));
    s.expects(data(1461, 540));
    s.writes(100);
    s.closes();
    CHECK(s.layer().info(s.socket).code() == error::bad_handle);
    s.expects(data(2001, 100).fin());
    s.sends(ack(2102).seq(1));
    s.sends(fin(1).ack(2102));
    s.expects(ack(2).seq(2102));
}

// RFC 9293 3.6 (MUST-12), 3.10.7.4 second step
TEST_CASE("a reset after both FINs is an end in order only if all data was taken") {
    const bool crossing = GENERATE(false, true);  // CLOSING, LAST-ACK
    const bool taken = GENERATE(false, true);
    CAPTURE(crossing, taken);
    script s;
    s.establish_passive();
    if (!crossing) s.sends(fin(1).ack(1));
    s.writes(100);
    s.shuts();
    if (crossing) s.sends(fin(1).ack(1));
    CHECK(s.current() == (crossing ? state::closing : state::last_ack));
    if (taken) s.sends(ack(101).seq(2));
    s.forget_sent();
    (void)s.events();
    s.sends(rst(2));
    CHECK(s.current() == state::closed);
    const auto r = s.events();
    CHECK(r.closed == taken);
    CHECK(r.failed == !taken);
    CHECK(s.layer().error_of(s.socket) == (taken ? error::none : error::connection_reset));
}

// RFC 9293 3.8.1: the FIN is retransmitted
TEST_CASE("a lost FIN goes again") {
    script s;
    s.establish_passive();
    s.shuts();
    s.expects(fin(1).ack(1));
    s.after(250ms);
    s.expects(fin(1).ack(1));
    s.sends(ack(2).seq(1));
    CHECK(s.current() == state::fin_wait_2);
    s.silent_for(50s);
}

TEST_CASE("LAST-ACK: a lost FIN goes again, a reset ends it in order") {
    script s;
    s.establish_passive();
    s.sends(fin(1).ack(1));
    s.expects(ack(2));
    s.shuts();
    s.expects(fin(1).ack(2));
    CHECK(s.current() == state::last_ack);
    s.after(250ms);
    s.expects(fin(1).ack(2));
    s.sends(rst(2));
    CHECK(s.layer().error_of(s.socket) == error::none);
}

// RFC 9293 3.10.7.4, TIME-WAIT (MUST-13)
TEST_CASE("TIME-WAIT repeats its acknowledgment and starts again") {
    script s;
    enters_time_wait(s);
    s.after(50s);
    CHECK(s.sends(fin(1).ack(2)) == disposition::consumed);
    s.expects(ack(2).seq(2));
    s.after(50s);
    CHECK(s.layer().socket_count() == 2);
    s.after(11s);
    CHECK(s.layer().socket_count() == 1);
}

// As Linux: who sends again what lies before its FIN has heard no acknowledgment either.
TEST_CASE("TIME-WAIT starts again with data that was acknowledged") {
    script s;
    s.establish_passive();
    s.shuts();
    s.expects(fin(1).ack(1));
    s.sends(data(1, 500).ack(2));
    s.expects(ack(501).seq(2));
    CHECK(s.reads() == 500);
    s.sends(fin(501).ack(2));
    s.expects(ack(502).seq(2));
    s.closes();
    s.silent_for(50s);
    s.sends(data(1, 500).ack(2));
    s.expects(ack(502).seq(2));
    s.silent_for(59s);
    s.sends(data(1, 500).ack(2));
    s.expects(ack(502).seq(2));
    s.silent_for(61s);
    CHECK(s.layer().socket_count() == 1);  // the listener
}

// RFC 1337 3
TEST_CASE("TIME-WAIT is not assassinated") {
    script s;
    enters_time_wait(s);
    CHECK(s.sends(rst(2)) == disposition::invalid);
    CHECK(s.layer().socket_count() == 2);
    CHECK(s.sends(data(1, 1).ack(2)) == disposition::out_of_window);
    s.expects(ack(2).seq(2));
}

// RFC 9293 3.6.1 (MAY-2), RFC 6191
TEST_CASE("TIME-WAIT gives way to a new connection with a higher sequence number") {
    script s;
    enters_time_wait(s);
    CHECK(s.sends(syn().seq(1)) == disposition::out_of_window);  // old
    s.expects(ack(2).seq(2));
    const std::uint32_t old_end = s.own_iss + 2;
    s.peer_iss += 1000;
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    CHECK(s.own_iss - old_end < 0x80000000U);  // and ours is higher, too
    s.sends(ack(1).seq(1));
    s.accepts();
}

TEST_CASE("an orphan in FIN-WAIT-2 does not stay for ever") {
    script s;
    s.establish_passive();
    s.closes();
    s.expects(fin(1).ack(1));
    s.sends(ack(2).seq(1));
    s.silent_for(59s);
    CHECK(s.layer().socket_count() == 2);
    s.silent_for(2s);
    CHECK(s.layer().socket_count() == 1);
    CHECK(s.counter("tcp.orphans_killed") == 1);
}

TEST_CASE("FIN-WAIT-2 with an owner stays") {
    script s;
    s.establish_passive();
    s.shuts();
    s.expects(fin(1).ack(1));
    s.sends(ack(2).seq(1));
    s.silent_for(3600s);
    CHECK(s.current() == state::fin_wait_2);
    s.closes();
    s.silent_for(61s);
    CHECK(s.layer().socket_count() == 1);
}

// RFC 9293 3.10.7.4 eighth step: a FIN behind a gap waits for the gap
TEST_CASE("a FIN out of order") {
    script s;
    s.establish_passive();
    s.sends(data(11, 10).ack(1).fin());
    s.expects(ack(1));
    CHECK(s.current() == state::established);
    s.sends(data(1, 10).ack(1));
    s.expects(ack(22));
    CHECK(s.current() == state::close_wait);
    CHECK(s.reads() == 20);
    CHECK(s.read_error() == error::end_of_stream);
}

TEST_CASE("shutdown of the receiving side: what comes can be read, nothing is the end") {
    script s;
    s.establish_passive();
    s.sends(data(1, 10).ack(1));
    s.expects(ack(11));
    CHECK(s.layer().shutdown(s.socket, tcp::shutdown_side::receive, s.now()));
    CHECK(s.reads() == 10);
    CHECK(s.read_error() == error::end_of_stream);
    s.sends(data(11, 10).ack(1));
    s.expects(ack(21));
    CHECK(s.reads() == 10);
    CHECK(s.read_error() == error::end_of_stream);
    s.writes(3);
    s.expects(data(1, 3));
}

TEST_CASE("the number of connections in TIME-WAIT is bounded, the oldest goes") {
    tcp_config config;
    config.time_wait_max = 3;
    script s(config);
    s.listens();
    for (std::uint16_t port = 7000; port < 7005; ++port) {
        s.ends.remote.port = port;
        s.peer_acked = 0;
        s.sends(syn().mss(1460));
        s.expects(syn_ack());
        s.sends(ack(1).seq(1));
        s.accepts();
        s.closes();
        s.expects(fin(1));
        s.sends(fin(1).ack(2));
        s.expects(ack(2));
    }
    CHECK(s.layer().socket_count() == 1 + 3);
    CHECK(s.counter("tcp.time_wait_evicted") == 2);
}
