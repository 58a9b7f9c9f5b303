// Opening: passive, active, simultaneous; the SYN and accept queues; what a SYN's options settle.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::tests;

// RFC 9293 3.5 figure 6 (MUST-10), 3.10.7.2
TEST_CASE("passive open: the basic three-way handshake") {
    script s;
    s.listens();
    CHECK(s.sends(syn().mss(1460)) == disposition::consumed);
    s.expects(syn_ack().seq(0).ack(1).mss(1460));
    CHECK(s.layer().accept(s.listener).code() == error::would_block);
    CHECK(s.sends(ack(1).seq(1)) == disposition::consumed_ack_only);
    tcp::event e;
    REQUIRE(s.layer().next_event(e));
    CHECK(e.socket == s.listener);
    CHECK(e.ready.acceptable);
    s.accepts();
    CHECK(s.current() == state::established);
    s.expects_nothing();
}

// RFC 9293 3.5 figure 6, 3.10.1, 3.10.7.3
TEST_CASE("active open") {
    script s;
    s.connects();
    CHECK(s.current() == state::syn_sent);
    s.expects(syn().seq(0).mss(1460));  // MUST-14
    s.after(10ms);
    s.sends(syn_ack().ack(1).mss(1460));
    s.expects(ack(1).seq(1));
    CHECK(s.current() == state::established);
    const auto r = s.events();
    CHECK(r.connected);
    CHECK(r.writable);
    CHECK(s.layer().info(s.socket)->smoothed_rtt == 10ms);  // the SYN is timed
}

// RFC 9293 3.5 figure 7 (MUST-10)
TEST_CASE("simultaneous open") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    CHECK(s.current() == state::syn_received);
    CHECK(!s.events().connected);
    s.sends(syn_ack().ack(1).mss(1460));  // the peer's answer to our SYN repeats its SYN
    CHECK(s.current() == state::established);
    CHECK(s.events().connected);
    s.writes(5);
    s.expects(data(1, 5).ack(1));
}

TEST_CASE("simultaneous open completed by a bare acknowledgment, and by a lost SYN,ACK") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    s.after(1100ms);  // our SYN,ACK again
    s.expects(syn_ack().seq(0).ack(1));
    s.sends(ack(1).seq(1));
    CHECK(s.current() == state::established);
}

// RFC 9293 3.5 figure 7: both answers are under way before either is taken
TEST_CASE("simultaneous open whose segments come in one burst is acknowledged") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    s.jammed = true;
    s.sends(syn().mss(1460));
    s.sends(syn_ack().ack(1).mss(1460));
    s.jammed = false;
    CHECK(s.current() == state::established);
    s.expects(ack(1).seq(1));
    s.expects_nothing();
}

// RFC 6298 (5.7)
TEST_CASE("simultaneous open after a lost SYN begins with a timeout of three seconds") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    s.after(1100ms);
    s.expects(syn().seq(0));
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    s.sends(ack(1).seq(1));
    CHECK(s.current() == state::established);
    CHECK(s.layer().info(s.socket)->retransmission_timeout == 3s);
}

// RFC 9293 3.10.7.3 first: what is at or below ISS acknowledges nothing
TEST_CASE("a SYN that could not leave yet can't be acknowledged") {
    script other;  // the same numbers, so that the peer may guess
    other.connects();
    other.expects(syn().seq(0));
    script s;
    s.jammed = true;
    s.connects();
    s.own_iss = other.own_iss;
    CHECK(s.sends(syn_ack().ack(0).mss(1460)) == disposition::bad_ack);
    CHECK(s.sends(syn_ack().ack(1).mss(1460)) == disposition::bad_ack);
    CHECK(s.current() == state::syn_sent);
    CHECK(s.sends(syn().mss(1460)) == disposition::consumed);
    CHECK(s.sends(ack(0).seq(1)) == disposition::bad_ack);
    CHECK(s.sends(ack(1).seq(1)) == disposition::bad_ack);
    CHECK(s.current() == state::syn_received);
    s.jammed = false;
    s.forget_sent();
    s.sends(ack(1).seq(1));
    CHECK(s.current() == state::established);
}

TEST_CASE("two layers that connect to each other at once meet") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    CHECK(s.sends(syn_ack().ack(7)) == disposition::bad_ack);  // RFC 9293 3.5.1: not ours
    s.expects(rst(7));
    CHECK(s.current() == state::syn_sent);
}

// RFC 9293 3.10.7.3 second
TEST_CASE("active open refused") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    CHECK(s.sends(rst(0)) == disposition::blind_reset);  // without ACK it may be anybody's
    CHECK(s.current() == state::syn_sent);
    s.sends(rst(0).ack(1));
    CHECK(s.events().failed);
    CHECK(s.layer().error_of(s.socket) == error::connection_refused);
    CHECK(s.read_error() == error::connection_refused);
    s.expects_nothing();
}

// RFC 9293 3.8.1 (MUST-18), 3.8.3 (MUST-20, MUST-23): the SYN is tried for at least 3 minutes
TEST_CASE("a SYN without an answer is repeated with back-off for three minutes") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    const instant start = s.now();
    for (const duration at : {1s, 3s, 7s, 15s, 31s, 63s, 123s}) {
        s.silent_until(start + at - 1ms);
        s.after(2ms);
        s.expects(syn().seq(0));
    }
    s.silent_until(start + 182s);
    CHECK(s.current() == state::syn_sent);
    s.after(2s);
    CHECK(s.layer().error_of(s.socket) == error::timed_out);
    s.expects_nothing();
}

TEST_CASE("a SYN,ACK without an answer is repeated, then forgotten") {
    tcp_config config;
    config.syn_ack_retries = 3;
    script s(config);
    s.listens();
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    const instant start = s.now();
    for (const duration at : {1s, 3s, 7s}) {
        s.silent_until(start + at - 1ms);
        s.after(2ms);
        s.expects(syn_ack().seq(0).ack(1));
    }
    s.after(9s);
    s.expects_nothing();
    CHECK(s.layer().socket_count() == 1);  // the listener
}

TEST_CASE("a repeated SYN gets the same SYN,ACK") {
    script s;
    s.listens();
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    const std::uint32_t iss = s.own_iss;
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    CHECK(s.own_iss == iss);
}

// RFC 9293 3.10.7.4 fifth step, SYN-RECEIVED
TEST_CASE("a half-open connection answers a wrong acknowledgment with a reset") {
    script s;
    s.listens();
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    CHECK(s.sends(ack(77).seq(1)) == disposition::bad_ack);
    s.expects(rst(77));
    s.sends(ack(1).seq(1));
    s.accepts();
}

// RFC 9293 3.10.7.4 second and fourth step, RFC 5961 3.2 and 4.2
TEST_CASE("a half-open connection and resets, SYNs and out-of-window segments") {
    script s;
    s.listens();
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    CHECK(s.sends(rst(2)) == disposition::blind_reset);
    s.expects(ack(1).seq(1));
    s.after(1s - 100ms);
    CHECK(s.sends(syn().seq(5)) == disposition::blind_syn);
    s.expects(ack(1).seq(1));
    CHECK(s.sends(rst(0x20000)) == disposition::out_of_window);
    s.expects_nothing();
    CHECK(s.sends(rst(1)) == disposition::consumed);
    s.expects_nothing();
    CHECK(s.layer().socket_count() == 1);
}

// RFC 9293 3.10.7.2: the acknowledgment may carry data and FIN
TEST_CASE("data and FIN on the last segment of the handshake") {
    script s;
    s.listens();
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    s.sends(data(1, 100).ack(1).fin());
    s.expects(ack(102).seq(1));
    s.accepts();
    CHECK(s.current() == state::close_wait);
    CHECK(s.events().readable);
    CHECK(s.reads() == 100);
    CHECK(s.read_error() == error::end_of_stream);
}

// RFC 9293 3.10.7.3 fourth step: text on the SYN,ACK
TEST_CASE("data on the SYN,ACK is taken") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    s.sends(syn_ack().ack(1).mss(1460).length(0));
    s.expects(ack(1).seq(1));
    s.sends(data(1, 10).ack(1));
    s.expects(ack(11).seq(1));
    CHECK(s.reads() == 10);
}

// RFC 9293 3.10.2: SEND before ESTABLISHED is queued
TEST_CASE("data written before the handshake is over goes when it is") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    CHECK(s.writes(20) == 20);
    s.expects_nothing();
    s.sends(syn_ack().ack(1).mss(1460));
    s.expects(data(1, 20).ack(1));
    s.expects_nothing();
}

TEST_CASE("backlog: a full accept queue drops SYNs and last acknowledgments") {
    script s;
    s.listens(2);
    const auto open = [&](std::uint16_t port) {
        s.ends.remote.port = port;
        return s.sends(syn().mss(1460));
    };
    CHECK(open(6001) == disposition::consumed);
    s.expects(syn_ack().seq(0).ack(1));
    const std::uint32_t third_iss = s.own_iss;
    for (const std::uint16_t port : {std::uint16_t{6002}, std::uint16_t{6003}}) {
        CHECK(open(port) == disposition::consumed);
        s.expects(syn_ack().seq(0).ack(1));
        CHECK(s.sends(ack(1).seq(1)) == disposition::consumed_ack_only);
    }
    CHECK(open(6004) == disposition::backlog_full);
    s.expects_nothing();
    s.ends.remote.port = 6001;
    s.own_iss = third_iss;
    CHECK(s.sends(ack(1).seq(1)) == disposition::backlog_full);  // as if lost
    CHECK(s.counter("tcp.accept_refused") == 1);
    REQUIRE(s.layer().accept(s.listener));
    CHECK(s.sends(ack(1).seq(1)) == disposition::consumed_ack_only);
}

TEST_CASE("a SYN queue that is full lets the oldest go") {
    tcp_config config;
    config.syn_queue_max = 4;
    config.syn_cookies = syn_cookie_mode::off;
    script s(config);
    s.listens();
    for (std::uint16_t port = 7000; port < 7006; ++port) {
        s.ends.remote.port = port;
        CHECK(s.sends(syn().mss(1460)) == disposition::consumed);
        s.expects(syn_ack().seq(0).ack(1));
    }
    CHECK(s.layer().socket_count() == 1 + 4);
    CHECK(s.counter("tcp.syn_queue_evicted") == 2);
    CHECK(s.sends(ack(1).seq(1)) == disposition::consumed_ack_only);  // the newest lives
}

TEST_CASE("a listener that closes resets what nobody accepted and forgets what is half open") {
    script s;
    s.listens();
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    s.sends(ack(1).seq(1));
    s.layer().close(s.listener, s.now());
    s.expects(rst(1).ack(1));
    CHECK(s.layer().socket_count() == 0);
}
