// Resets: for no connection, on a connection, and those of an attacker who guesses (RFC 5961).
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::tests;

// RFC 9293 3.5.2 group 1, 3.10.7.1
TEST_CASE("a segment for nobody is answered with a reset") {
    script s;
    SECTION("with an acknowledgment: the reset is where the peer expects us") {
        CHECK(s.sends(ack(500).seq(1)) == disposition::no_listener);
        s.expects(rst(500).no_options());
    }
    SECTION("without: it acknowledges all that came") {
        CHECK(s.sends(syn()) == disposition::no_listener);
        s.expects(rst(0).ack(1));
        CHECK(s.sends(bare().seq(9).length(5)) == disposition::no_listener);
        s.expects(rst(0).ack(14));
        CHECK(s.sends(seg({.fin = true}).seq(9)) == disposition::no_listener);
        s.expects(rst(0).ack(10));
    }
    SECTION("a reset never is") {
        CHECK(s.sends(rst(0)) == disposition::no_listener);
        CHECK(s.sends(rst(0).ack(5)) == disposition::no_listener);
        s.expects_nothing();
    }
}

TEST_CASE("resets without a connection are limited per second") {
    tcp_config config;
    config.resets_per_second_max = 10;
    script s(config);
    for (int i = 0; i < 30; ++i) s.sends(ack(500).seq(1));
    // 10 on average: the cost of each is drawn (CVE-2016-5696)
    const std::uint64_t sent = s.counter("tcp.resets_sent");
    CHECK(sent >= 5);
    CHECK(sent <= 20);
    for (std::uint64_t i = 0; i < sent; ++i) s.expects(rst(500));
    s.expects_nothing();
    CHECK(s.counter("tcp.resets_suppressed") == 30 - sent);
    s.after(1001ms);
    s.sends(ack(500).seq(1));
    s.expects(rst(500));
}

// RFC 9293 3.10.7.2
TEST_CASE("a listener ignores resets and resets acknowledgments") {
    script s;
    s.listens();
    CHECK(s.sends(rst(0)) == disposition::invalid);
    s.expects_nothing();
    CHECK(s.sends(ack(9).seq(1)) == disposition::bad_ack);
    s.expects(rst(9));
    CHECK(s.sends(syn_ack().ack(9)) == disposition::bad_ack);
    s.expects(rst(9));
    CHECK(s.sends(bare()) == disposition::invalid);
    CHECK(s.sends(seg({.fin = true, .syn = true})) == disposition::invalid);
    s.expects_nothing();
}

// RFC 9293 3.9.2.3 (MUST-57); LAND
TEST_CASE("a listener ignores SYNs from multicast, broadcast and itself") {
    for (const ip_address from :
         {ip_address::v4(224, 0, 0, 1), ip_address::v4(255, 255, 255, 255)}) {
        script s;
        s.listens();
        s.ends.remote.address = from;
        CHECK(s.sends(syn()) == disposition::invalid);
        s.expects_nothing();
    }
    script s;
    s.listens();
    s.ends.remote = s.ends.local;
    CHECK(s.sends(syn()) == disposition::invalid);
    s.expects_nothing();
}

// RFC 9293 3.10.7.4 second step
TEST_CASE("a reset at RCV.NXT ends the connection") {
    script s;
    s.establish_passive();
    s.sends(data(1, 10).ack(1));
    s.expects(ack(11));
    CHECK(s.sends(rst(11)) == disposition::consumed);
    s.expects_nothing();
    CHECK(s.events().failed);
    CHECK(s.layer().error_of(s.socket) == error::connection_reset);
    CHECK(s.reads() == 10);  // what came before it may still be read
    CHECK(s.read_error() == error::connection_reset);
    CHECK(s.writes(1) == 0);
    CHECK(s.layer().shutdown(s.socket, tcp::shutdown_side::send, s.now()).code() ==
          error::not_connected);
    s.closes();
    s.expects_nothing();
    CHECK(s.layer().socket_count() == 1);
}

// RFC 5961 3.2
TEST_CASE("a reset elsewhere in the window is challenged, outside it is dropped") {
    script s;
    s.establish_passive();
    CHECK(s.sends(rst(2)) == disposition::blind_reset);
    s.expects(ack(1).seq(1));
    CHECK(s.sends(rst(70000)) == disposition::out_of_window);
    CHECK(s.sends(rst(0)) == disposition::out_of_window);
    s.expects_nothing();
    CHECK(s.current() == state::established);
}

// RFC 5961 4.2
TEST_CASE("a SYN on a connection is challenged") {
    script s;
    s.establish_passive();
    CHECK(s.sends(syn().seq(5)) == disposition::blind_syn);
    s.expects(ack(1).seq(1));
    s.after(600ms);
    CHECK(s.sends(syn().seq(0x100000)) == disposition::out_of_window);
    s.expects(ack(1).seq(1));
    CHECK(s.current() == state::established);
}

// RFC 5961 5.2 (RFC 9293 MAY-12)
TEST_CASE("an acknowledgment far from what was sent is challenged") {
    script s;
    s.establish_passive();
    CHECK(s.sends(data(1, 10).ack(2)) == disposition::bad_ack);  // not sent yet
    s.expects(ack(1).seq(1));
    s.after(600ms);
    CHECK(s.sends(data(1, 10).ack(1 - 65536U)) == disposition::bad_ack);  // older than any window
    s.expects(ack(1).seq(1));
    CHECK(s.sends(data(1, 10).ack(1 - 65535U)) == disposition::consumed);
    s.expects(ack(11));
}

// RFC 5961 7, 10; the limit is the connection's own (CVE-2016-5696)
TEST_CASE("challenges are limited per connection") {
    script s;
    s.establish_passive();
    for (int i = 0; i < 20; ++i) CHECK(s.sends(rst(2)) == disposition::blind_reset);
    s.expects(ack(1));
    s.expects_nothing();
    CHECK(s.counter("tcp.challenges_suppressed") == 19);
    s.after(501ms);
    s.sends(rst(2));
    s.expects(ack(1));
}

// RFC 9293 3.10.7.4 fifth step: a segment without ACK is dropped
TEST_CASE("a segment without ACK is dropped") {
    script s;
    s.establish_passive();
    CHECK(s.sends(bare().seq(1).length(10)) == disposition::invalid);
    s.expects_nothing();
    CHECK(s.layer().available(s.socket) == 0);
}

// RFC 9293 3.10.5
TEST_CASE("abort sends a reset and forgets the connection") {
    script s;
    s.establish_passive();
    s.writes(10);
    s.expects(data(1, 10));
    s.layer().abort(s.socket, s.now());
    s.expects(rst(11).ack(1));
    CHECK(s.layer().info(s.socket).code() == error::bad_handle);
    s.after(100s);
    s.expects_nothing();
    CHECK(s.sends(ack(11).seq(1)) == disposition::bad_ack);  // LISTEN answers
    s.expects(rst(11));
}

// RFC 7323 3.2
TEST_CASE("the reset of a connection with timestamps carries them") {
    script s;
    s.timestamps = true;
    s.establish_passive(syn().mss(1460).ts(5));
    s.sends(data(1, 10).ack(1).ts(200077));
    s.expects(ack(11).echo(200077));
    s.layer().abort(s.socket, s.now());
    s.expects(rst(1).ack(11).echo(200077));
}

TEST_CASE("abort in SYN-SENT sends nothing") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    s.layer().abort(s.socket, s.now());
    s.expects_nothing();
    CHECK(s.layer().socket_count() == 0);
}

// RFC 9293 3.10.4, RFC 2525 2.17 (SHLD-3)
TEST_CASE("close with unread data resets") {
    script s;
    s.establish_passive();
    s.sends(data(1, 10).ack(1));
    s.expects(ack(11));
    s.closes();
    s.expects(rst(1).ack(11));
    CHECK(s.layer().socket_count() == 1);
}

// RFC 9293 3.6.1 (SHLD-3)
TEST_CASE("data for a connection that was closed resets it") {
    script s;
    s.establish_passive();
    s.closes();
    s.expects(fin(1).ack(1));
    SECTION("by a peer that has our FIN") {
        CHECK(s.sends(data(1, 10).ack(2)) == disposition::after_close);
        s.expects(rst(2));
    }
    SECTION("by one that has not: the reset is where it expects one (RFC 5961 3.2)") {
        CHECK(s.sends(data(1, 10).ack(1)) == disposition::after_close);
        s.expects(rst(1));
    }
    CHECK(s.layer().socket_count() == 1);
}

TEST_CASE("a reset takes an unaccepted connection out of the queue") {
    script s;
    s.listens(1);
    s.sends(syn().mss(1460));
    s.expects(syn_ack());
    s.sends(ack(1).seq(1));
    CHECK(s.sends(rst(1)) == disposition::consumed);
    CHECK(s.layer().accept(s.listener).code() == error::would_block);
    s.sends(syn().mss(1460));  // and there is room again
    s.expects(syn_ack());
}
