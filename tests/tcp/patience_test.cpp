// How long a connection waits for a peer that does not answer: keep-alive, the user timeout and
// lingering, as set for one connection.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::tests;
using namespace coax::stack;

namespace {

void keeps_alive(script& s, const tcp::keep_alive_times& times) {
    REQUIRE(s.layer().set_keep_alive(s.socket, true, s.now()));
    REQUIRE(s.layer().set_keep_alive_times(s.socket, times, s.now()));
}

}  // namespace

// RFC 9293 3.8.4 (MUST-27): the interval is configurable, per connection
TEST_CASE("keep-alive with times of its own") {
    script s;
    s.establish_passive();
    keeps_alive(s, {10s, 3s, 2});
    s.silent_for(9900ms);
    s.after(200ms);
    s.expects(ack(1).seq(0));
    s.sends(ack(1).seq(1));
    s.silent_for(9900ms);
    s.after(200ms);
    s.expects(ack(1).seq(0));
    s.after(3s);
    s.expects(ack(1).seq(0));  // MUST-29: a second one before it counts as dead
    s.silent_for(2900ms);
    CHECK(s.current() == state::established);
    s.silent_for(200ms);
    CHECK(s.layer().error_of(s.socket) == error::timed_out);
}

TEST_CASE("the silence so far counts when the idle time is set") {
    script s;
    s.establish_passive();
    REQUIRE(s.layer().set_keep_alive(s.socket, true, s.now()));
    s.silent_for(8s);
    REQUIRE(s.layer().set_keep_alive_times(s.socket, {10s, 3s, 2}, s.now()));
    s.silent_for(1900ms);
    s.after(200ms);
    s.expects(ack(1).seq(0));
}

// RFC 9293 3.10.7.4 (MUST-66): its acknowledgments count while our window is closed, also those
// whose number is behind the octet of its window probe
TEST_CASE("a peer that probes our closed window is alive") {
    script s;
    s.listens();
    REQUIRE(s.layer().set_receive_buffer(s.listener, 1000));
    s.sends(syn().mss(1460));
    s.expects(syn_ack());
    s.sends(ack(1).seq(1));
    s.accepts();
    keeps_alive(s, {10s, 3s, 2});
    s.sends(data(1, 1000).ack(1));
    s.after(40ms);
    s.expects(ack(1001).win(0));
    s.sends(data(1001, 1).ack(1));
    s.expects(ack(1001).win(0));
    for (int i = 0; i < 10; ++i) {
        s.after(10100ms);
        s.expects(ack(1001).seq(0));
        CHECK(s.sends(ack(1).seq(1002)) == disposition::consumed_ack_only);
    }
    CHECK(s.current() == state::established);
}

// RFC 9293 3.8.4 (MUST-26)
TEST_CASE("no keep-alive probe while data is outstanding") {
    script s;
    s.establish_passive();
    keeps_alive(s, {100ms, 100ms, 1});
    s.writes(100);
    s.expects(data(1, 100));
    s.silent_for(190ms);
    s.after(20ms);
    s.expects(data(1, 100));  // the retransmission alone
    s.silent_for(300ms);
    CHECK(s.current() == state::established);
    CHECK(s.counter("tcp.keep_alive_probes") == 0);
}

TEST_CASE("the user timeout rules over the number of keep-alive probes") {
    script s;
    s.establish_passive();
    keeps_alive(s, {10s, 3s, 2});
    REQUIRE(s.layer().set_user_timeout(s.socket, 15s));
    s.after(13100ms);
    s.expects(ack(1).seq(0));
    s.expects(ack(1).seq(0));
    s.silent_for(2900ms - 100ms);
    CHECK(s.current() == state::established);
    s.silent_for(200ms);
    CHECK(s.layer().error_of(s.socket) == error::timed_out);
}

// RFC 9293 3.8.3 (MUST-21), RFC 5482 1: from the transmission on, and on the minute
TEST_CASE("a user timeout shorter than the next back-off ends the connection in time") {
    script s;
    s.establish_passive();
    REQUIRE(s.layer().set_user_timeout(s.socket, 1000ms));
    s.writes(100);
    s.expects(data(1, 100));
    s.after(900ms);
    s.expects(data(1, 100));
    s.expects(data(1, 100));
    s.expects_nothing();
    CHECK(s.current() == state::established);
    s.silent_for(110ms);
    CHECK(s.layer().error_of(s.socket) == error::timed_out);
    CHECK(s.counter("tcp.user_timeouts") == 1);
}

TEST_CASE("the user timeout bounds an active open") {
    script s;
    s.connects();
    REQUIRE(s.layer().set_user_timeout(s.socket, 5s));
    s.expects(syn().seq(0));
    s.after(3100ms);
    s.expects(syn().seq(0));
    s.expects(syn().seq(0));
    s.silent_for(1800ms);
    CHECK(s.current() == state::syn_sent);
    s.silent_for(200ms);
    CHECK(s.layer().error_of(s.socket) == error::timed_out);
}

TEST_CASE("connections of a listener have its patience") {
    script s;
    s.listens();
    REQUIRE(s.layer().set_keep_alive(s.listener, true, s.now()));
    REQUIRE(s.layer().set_keep_alive_times(s.listener, {10s, 3s, 2}, s.now()));
    REQUIRE(s.layer().set_user_timeout(s.listener, 2s));
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    s.sends(ack(1).seq(1));
    s.accepts();
    s.after(10100ms);
    s.expects(ack(1).seq(0));
    s.sends(ack(1).seq(1));
    s.writes(10);
    s.after(1900ms);
    CHECK(s.current() == state::established);
    s.after(200ms);
    CHECK(s.layer().error_of(s.socket) == error::timed_out);
}

// As SO_LINGER: what is not delivered by then is given up, and the peer is told.
TEST_CASE("a lingering close is over when its time is") {
    script s;
    s.establish_passive();
    REQUIRE(s.layer().set_linger(s.socket, 2s));
    s.writes(100);
    s.closes();
    s.expects(data(1, 100).fin());
    SECTION("not delivered: a reset") {
        s.after(1900ms);
        for (int i = 0; i < 3; ++i) s.expects(data(1, 100).fin());
        s.after(200ms);
        s.expects(rst(102).ack(1));
        CHECK(s.layer().socket_count() == 1);  // the listener
    }
    SECTION("delivered: FIN-WAIT-2 as usual") {
        s.sends(ack(102).seq(1));
        s.silent_for(59s);
        s.sends(fin(1).ack(102));
        s.expects(ack(2));
    }
}
