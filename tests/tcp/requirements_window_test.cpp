// Windows in corners that a requirement of RFC 9293 is about; what a fuzzer found among them.
#include <catch2/catch.hpp>

#include "tests/tcp/openings.hpp"

using namespace coax::stack;
using namespace coax::tests;

// RFC 9293 3.10.7.4: a new acknowledgment that comes in an old segment (a retransmission) brings
// the peer's window all the same. Otherwise the edge would move right by what was acknowledged.
TEST_CASE("the window of a new acknowledgment counts although its sequence number is old") {
    script s;
    s.establish_passive();
    s.sends(ack(1).seq(101).length(100).win(50));  // behind a gap: SND.WL1 is 101
    s.expects(ack(1));
    REQUIRE(s.writes(50) == 50);
    s.expects(data(1, 50).ack(1));
    s.sends(ack(51).seq(1).length(100).win(0));  // fills the gap, and closes the window
    REQUIRE(s.writes(30) == 30);
    s.expects(ack(201));  // and no data
    s.expects_nothing();
}

// RFC 9293 3.1 (MUST-1, REC-1): 40,000 and more is not negative, and 32 bits are kept of it
TEST_CASE("large windows are unsigned") {
    tcp_config config;
    config.congestion_window_initial = 60;
    script s(config);
    s.establish_passive();
    s.writes(70000);
    for (std::uint32_t i = 0; i < 44; ++i) s.expects(data(1 + i * 1460, 1460));
    s.expects_nothing();  // 65,535 less 44 segments: 1,295
    script wide;
    wide.establish_active(syn_ack().mss(1460).scale(14));
    wide.sends(ack(1).seq(1).win(65535));
    CHECK(wide.layer().info(wide.socket)->send_window == 65535U << 14);
}

// RFC 9293 3.8.6 (SHLD-15, SHLD-16, MAY-7): of what a shrunk window leaves out, only the oldest
// goes again, as the probe
TEST_CASE("a shrunk window: nothing new, and the old goes again") {
    script s;
    s.establish_passive();
    s.writes(4380);
    for (std::uint32_t i = 0; i < 3; ++i) s.expects(data(1 + i * 1460, 1460));
    s.sends(ack(1).seq(1).win(2920));
    s.writes(1000);
    s.silent_for(190ms);
    s.after(20ms);
    s.expects(data(1, 1460));
    s.sends(ack(1461).seq(1).win(1460));
    s.expects(data(1461, 1460));
    s.expects_nothing();
}

// RFC 9293 3.8.6 (SHLD-17), 3.8.6.1 (MUST-37): what lies beyond the edge ends nothing as long as
// the peer answers, also when the window closed over data that was under way
TEST_CASE("a window that closed over data under way does not end the connection") {
    tcp_config config;
    config.user_timeout = 100s;
    script s(config);
    s.establish_passive();
    s.writes(1000);
    s.expects(data(1, 1000));
    s.sends(ack(1).seq(1).win(0));
    for (int minute = 0; minute < 10; ++minute) {
        s.after(60s);
        s.expects(data(1, 1000));
        s.sends(ack(1).seq(1).win(0));
        while (s.has_sent()) {
            s.expects(data(1, 1000));
            s.sends(ack(1).seq(1).win(0));
        }
    }
    CHECK(s.current() == state::established);
    CHECK(s.layer().error_of(s.socket) == error::none);
}

// RFC 9293 3.8.6.1 (MAY-8): closed for as long as nobody reads
TEST_CASE("our window may stay closed for ever") {
    script s;
    establishes_with_buffer(s, 4000);
    s.sends(data(1, 4000).ack(1));
    s.expects(ack(4001).win(0));
    for (int hour = 0; hour < 5; ++hour) {
        s.silent_for(1h);
        s.sends(data(4001, 1).ack(1));
        s.expects(ack(4001).win(0));
    }
    CHECK(s.reads() == 4000);
    s.expects(ack(4001).win(4000));
}

// RFC 9293 3.8.6.3 (MUST-40)
TEST_CASE("an acknowledgment is never held for half a second") {
    CHECK(tcp_config().delayed_ack < 500ms);
    script s;
    s.establish_passive();
    for (std::uint32_t i = 0; i < 40; ++i) {
        s.sends(data(1 + i * 10, 10).ack(1));
        s.after(499ms);
        s.expects(ack(11 + i * 10));
    }
}

// RFC 9293 3.10.7.4 (MUST-58, MUST-59): all that waits is read before anything is acknowledged
TEST_CASE("a burst of segments gets one acknowledgment") {
    script s;
    s.establish_passive();
    const std::vector<std::byte> bytes(1000);
    for (std::uint32_t i = 0; i < 5; ++i) {
        wire::tcp_header h;
        h.source_port = s.ends.remote.port;
        h.destination_port = s.ends.local.port;
        h.flags.ack = true;
        h.sequence = s.peer_iss + 1 + i * 1000;
        h.acknowledgment = s.own_iss + 1;
        h.window = 65535;
        s.layer().input(s.ends, h, payload_view(bytes), s.now());
    }
    s.expects(ack(5001).seq(1));
    s.expects_nothing();
}
