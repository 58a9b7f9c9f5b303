// Receiving: acceptability, reassembly, delayed acknowledgments, the window we offer.
#include <catch2/catch.hpp>

#include "tests/tcp/openings.hpp"

using namespace coax::stack;
using namespace coax::tests;

namespace {
// Past the quick acknowledgments of the beginning.
tcp_config calm() {
    tcp_config config;
    config.quick_acks = 0;
    return config;
}
}  // namespace

// RFC 9293 3.8.6.3 (SHLD-18)
TEST_CASE("a single segment is acknowledged after the delay") {
    script s(calm());
    s.establish_passive();
    s.sends(data(1, 100).ack(1));
    s.silent_for(39ms);
    s.after(2ms);
    s.expects(ack(101).seq(1));
    s.silent_for(1s);
}

// RFC 9293 3.8.6.3 (SHLD-19)
TEST_CASE("every second full-sized segment is acknowledged at once") {
    script s(calm());
    s.establish_passive();
    s.sends(data(1, 1460).ack(1));
    s.expects_nothing();
    s.sends(data(1461, 1460).ack(1));
    s.expects(ack(2921));
    s.sends(data(2921, 1460).ack(1));
    s.expects_nothing();
    s.sends(data(4381, 1460).ack(1));
    s.expects(ack(5841));
}

TEST_CASE("an acknowledgment rides on data") {
    script s(calm());
    s.establish_passive();
    s.sends(data(1, 100).ack(1));
    s.writes(50);
    s.expects(data(1, 50).ack(101));
    s.silent_for(60ms);  // the delayed acknowledgment is settled
    s.sends(ack(51).seq(101));
}

TEST_CASE("the first segments are acknowledged at once") {
    script s;
    s.establish_passive();
    std::uint32_t at = 1;
    for (int i = 0; i < 16; ++i, at += 10) {
        s.sends(data(at, 10).ack(1));
        s.expects(ack(at + 10));
    }
    s.sends(data(at, 10).ack(1));
    s.expects_nothing();
}

// RFC 9293 3.10.7.4 seventh step (SHLD-31, MAY-13); RFC 5681 4.2
TEST_CASE("segments out of order are kept and acknowledged at once") {
    script s(calm());
    s.establish_passive();
    s.sends(data(101, 100).ack(1));
    s.expects(ack(1));
    s.sends(data(301, 100).ack(1));
    s.expects(ack(1));
    CHECK(s.layer().info(s.socket)->reassembly_ranges == 2);
    CHECK(s.layer().available(s.socket) == 0);
    s.sends(data(1, 100).ack(1));
    s.expects(ack(201));
    CHECK(s.layer().available(s.socket) == 200);
    s.sends(data(201, 100).ack(1));
    s.expects(ack(401));
    CHECK(s.reads() == 400);
    CHECK(s.layer().info(s.socket)->reassembly_ranges == 0);
}

TEST_CASE("overlaps of every kind give each byte once") {
    script s;
    s.establish_passive();
    s.sends(data(101, 100).ack(1));
    s.expects(ack(1));
    s.sends(data(151, 100).ack(1));  // overlaps the end
    s.expects(ack(1));
    s.sends(data(81, 40).ack(1));  // overlaps the beginning
    s.expects(ack(1));
    s.sends(data(111, 10).ack(1));  // inside
    s.expects(ack(1));
    s.sends(data(61, 300).ack(1));  // around
    s.expects(ack(1));
    CHECK(s.layer().info(s.socket)->reassembly_ranges == 1);
    s.sends(data(1, 70).ack(1));  // into it
    s.expects(ack(361));
    CHECK(s.sends(data(300, 100).ack(1)) == disposition::consumed);  // half known
    s.expects(ack(400));
    CHECK(s.sends(data(1, 399).ack(1)) == disposition::out_of_window);  // wholly known
    s.expects(ack(400));
    CHECK(s.reads() == 399);
}

TEST_CASE("the number of ranges is bounded") {
    tcp_config config;
    config.reassembly_ranges_max = 4;
    script s(config);
    s.establish_passive();
    for (std::uint32_t i = 0; i < 4; ++i) {
        CHECK(s.sends(data(11 + 20 * i, 10).ack(1)) == disposition::consumed);
        s.expects(ack(1));
    }
    CHECK(s.sends(data(201, 10).ack(1)) == disposition::limit);
    s.expects(ack(1));
    CHECK(s.sends(data(21, 10).ack(1)) == disposition::consumed);  // joins two
    s.expects(ack(1));
    CHECK(s.layer().info(s.socket)->reassembly_ranges == 3);
}

// RFC 9293 3.10.7.4 first step: the table of acceptability
TEST_CASE("what lies outside the window is dropped and answered") {
    script s;
    s.establish_passive();
    CHECK(s.sends(data(70000, 10).ack(1)) == disposition::out_of_window);
    s.expects(ack(1).seq(1));
    CHECK(s.sends(data(1, 10).ack(1)) == disposition::consumed);
    s.expects(ack(11));
    CHECK(s.sends(data(1, 10).ack(1)) == disposition::out_of_window);
    s.expects(ack(11));
    CHECK(s.reads() == 10);
}

// RFC 9293 3.10.7.4: trimmed to the window
TEST_CASE("a segment that reaches beyond the window is cut") {
    script s;
    establishes_with_buffer(s, 4000);
    s.sends(data(1, 5000).ack(1).fin());
    s.expects(ack(4001).win(0));
    CHECK(s.current() == state::established);  // the FIN was beyond
    CHECK(s.layer().available(s.socket) == 4000);
}

// RFC 9293 3.8.6 (MUST-66): a closed window still takes ACK and RST; probes are answered
TEST_CASE("a closed window: probes are answered, acknowledgments count, the opening is told") {
    script s;
    establishes_with_buffer(s, 4000);
    s.writes(10);
    s.expects(data(1, 10));
    s.sends(data(1, 4000).ack(1));
    s.expects(ack(4001).win(0));
    CHECK(s.sends(data(4001, 1).ack(11)) == disposition::consumed);  // a probe
    s.expects(ack(4001).win(0));
    CHECK(s.layer().info(s.socket)->in_flight == 0);  // its acknowledgment was taken
    CHECK(s.reads(100) == 100);
    s.expects_nothing();  // RFC 9293 3.8.6.2.2 (MUST-39): too little to tell
    CHECK(s.reads(3900) == 3900);
    s.expects(ack(4001).win(4000));
    CHECK(s.sends(rst(4001)) == disposition::consumed);
}

TEST_CASE("a small reader does not provoke small windows") {
    script s;
    establishes_with_buffer(s, 8000);
    s.sends(data(1, 8000).ack(1));
    s.expects(ack(8001).win(0));
    CHECK(s.reads(300) == 300);
    s.sends(data(8001, 1).ack(1));
    s.expects(ack(8001).win(0));  // 300 bytes are free, and not offered
    CHECK(s.reads(3000) == 3000);
    s.expects(ack(8001).win(3300));
}

// RFC 9293 3.8.6 (SHLD-14): the edge never moves left
TEST_CASE("a smaller receive buffer does not shrink the window") {
    script s;
    s.establish_passive();
    REQUIRE(s.layer().set_receive_buffer(s.socket, 1000));
    s.sends(data(1, 10).ack(1));
    s.expects(ack(11).win(65535 - 10));
}

// RFC 7323 2.2: the field can't tell less than a unit
TEST_CASE("a receive buffer below a unit of the window scale counts as one, and opens again") {
    tcp_config config;
    config.receive_buffer_max_bytes = 15U << 20;  // a scale of 8
    script s(config);
    s.establish_passive(syn().mss(1460).scale(0));
    REQUIRE(s.layer().set_receive_buffer(s.socket, 51));
    std::uint32_t at = 1;
    for (; at + 1460 < 65536; at += 1460) s.sends(data(at, 1460).ack(1));
    s.sends(data(at, 65536 - at).ack(1));
    s.after(0ms);
    s.forget_sent();
    CHECK(s.reads() == 65535);
    s.expects(ack(65536).win(1));
    for (at = 65536; at != 67584; at += 256) {
        s.sends(data(at, 256).ack(1));
        CHECK(s.reads() == 256);
        s.after(40ms);
        CHECK(s.layer().info(s.socket)->receive_window == 256);
    }
    s.forget_sent();
}

TEST_CASE("readable is told for each arrival, not twice") {
    script s;
    s.establish_passive();
    s.sends(data(1, 10).ack(1));
    s.expects(ack(11));
    s.sends(data(11, 10).ack(1));
    s.expects(ack(21));
    tcp::event e;
    REQUIRE(s.layer().next_event(e));
    CHECK(e.ready.readable);
    CHECK(!s.layer().next_event(e));
    std::array<std::byte, 64> bytes;
    const mutable_bytes piece(bytes);
    CHECK(*s.layer().peek(s.socket, {&piece, 1}) == 20);
    CHECK(s.reads() == 20);
    CHECK(s.read_error() == error::would_block);
}

TEST_CASE("a merged super-segment is one segment") {
    script s(calm());
    s.establish_passive();
    CHECK(s.sends(data(1, 14600).ack(1)) == disposition::consumed);
    s.expects(ack(14601));
    CHECK(s.reads() == 14600);
}

TEST_CASE("bare acknowledgments overtaken by data are not answered") {
    script s(calm());
    s.establish_passive();
    s.writes(10);
    s.expects(data(1, 10));
    s.sends(data(1, 100).ack(1));
    CHECK(s.sends(ack(11).seq(1)) == disposition::consumed_ack_only);
    s.expects_nothing();
    CHECK(s.layer().info(s.socket)->in_flight == 0);
}
