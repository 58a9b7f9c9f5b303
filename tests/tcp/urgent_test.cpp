// Urgent data (RFC 9293 3.8.5) as RFC 6093 says that everybody does it: a mark one past the last
// urgent octet, and that octet apart from the stream.
#include <algorithm>
#include <array>

#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::tests;
using namespace coax::stack;

namespace {

constexpr tcp::send_flags urgent{.urgent = true};

error urgent_error(script& s) { return s.layer().receive_urgent(s.socket, false).code(); }
bool at_mark(script& s) { return *s.layer().at_mark(s.socket); }
std::size_t reads_once(script& s) {
    std::array<std::byte, 2000> bytes{};
    const mutable_bytes piece(bytes);
    return *s.layer().receive(s.socket, {&piece, 1}, s.now());
}
std::uint32_t urgent_left(script& s) { return s.layer().info(s.socket)->urgent_left; }

}  // namespace

// RFC 9293 3.8.5 (MUST-30, MUST-62): the pointer is one past the last octet
TEST_CASE("urgent data leaves with URG, and the pointer one past its last octet") {
    script s;
    s.establish_passive();
    s.writes(3, urgent);
    s.expects(data(1, 3).urg(3).push());
    s.sends(ack(4).seq(1));
    s.writes(10);  // all of it is acknowledged: not urgent any more
    s.expects(data(4, 10));
}

TEST_CASE("what stands before urgent data tells of it, and so does a retransmission") {
    script s;
    s.establish_passive();
    s.writes(2000, urgent);
    s.expects(data(1, 1460).urg(2000));
    s.expects(data(1461, 540).urg(540));
    s.sends(ack(1461).seq(1));
    s.after(300ms);
    s.expects(data(1461, 540).urg(540));
    s.writes(100);  // behind the mark
    s.sends(ack(2001).seq(1));
    s.expects(data(2001, 100));
}

TEST_CASE("urgent data does not wait for Nagle") {
    script s;
    s.establish_passive();
    s.writes(10);
    s.expects(data(1, 10));
    s.writes(5);
    s.expects_nothing();
    s.writes(1, urgent);
    s.expects(data(11, 6).urg(6));
}

TEST_CASE("a closed window does not keep back that there is urgent data") {
    script s;
    s.establish_passive();
    s.sends(ack(1).seq(1).win(0));
    s.writes(5, urgent);
    s.expects(ack(1).seq(1).urg(5));
    s.after(1100ms);
    s.expects(data(1, 1).urg(5));  // the probe tells it, too
}

// RFC 9293 3.8.5 (MUST-31): any length
TEST_CASE("a mark beyond the reach of the pointer stands at its end, and moves on") {
    script s;
    s.establish_passive(syn().mss(1460).scale(7));
    s.sends(ack(1).seq(1).win(1000));
    REQUIRE(s.writes(100'000, urgent) == 100'000);
    for (std::uint32_t at = 1; at < 60'000;) {
        for (; s.has_sent(); at += 1460)
            s.expects(data(at, 1460).urg(
                static_cast<std::uint16_t>(std::min(100'001 - at, std::uint32_t{0xffff}))));
        s.sends(ack(at).seq(1).win(1000));
    }
}

// RFC 9293 3.10.7.4, sixth step (MUST-32, MUST-33)
TEST_CASE("an urgent octet is announced, told apart from the stream, and reading stops before it") {
    script s;
    s.establish_passive();
    (void)s.events();
    s.sends(data(1, 10).urg(4));  // the fourth byte
    const auto ready = s.events();
    CHECK(ready.urgent);
    CHECK(ready.readable);
    CHECK(urgent_left(s) == 4);
    CHECK(!at_mark(s));
    CHECK(s.layer().available(s.socket) == 3);
    CHECK(s.layer().has_urgent(s.socket));
    CHECK(reads_once(s) == 3);
    CHECK(at_mark(s));
    CHECK(*s.layer().receive_urgent(s.socket, true) == pattern(3));
    CHECK(*s.layer().receive_urgent(s.socket, false) == pattern(3));
    CHECK(urgent_error(s) == error::invalid_argument);  // once
    CHECK(at_mark(s));
    std::array<std::byte, 20> bytes{};
    const mutable_bytes piece(bytes);
    CHECK(*s.layer().peek(s.socket, {&piece, 1}) == 6);
    CHECK(bytes[0] == pattern(4));
    CHECK(*s.layer().receive(s.socket, {&piece, 1}, s.now()) == 6);
    CHECK(bytes[0] == pattern(4));
    CHECK(bytes[5] == pattern(9));
    CHECK(!at_mark(s));
    CHECK(urgent_left(s) == 0);
}

TEST_CASE("the mark comes before its octet, and each new one is announced") {
    script s;
    s.establish_passive();
    (void)s.events();
    s.sends(data(1, 2).urg(5));
    CHECK(s.events().urgent);
    CHECK(urgent_error(s) == error::would_block);
    CHECK(!s.layer().has_urgent(s.socket));
    s.sends(data(3, 1).urg(3));  // the same one again
    CHECK(!s.events().urgent);
    s.sends(data(4, 1).urg(6));  // moved: MUST-32
    CHECK(s.events().urgent);
    s.sends(data(5, 5));  // no flag on what brings it
    CHECK(*s.layer().receive_urgent(s.socket, false) == pattern(8));
    CHECK(s.counter("tcp.urgent_marks") == 2);
}

TEST_CASE("an urgent octet that is wanted in line stays in the stream") {
    script s;
    s.establish_passive();
    REQUIRE(s.layer().set_urgent_inline(s.socket, true));
    s.sends(data(1, 10).urg(4));
    CHECK(reads_once(s) == 3);
    CHECK(at_mark(s));
    CHECK(urgent_error(s) == error::invalid_argument);
    CHECK(reads_once(s) == 7);
    CHECK(!at_mark(s));
}

TEST_CASE("an urgent octet at the end of what came is nothing to read") {
    script s;
    s.establish_passive();
    s.sends(data(1, 4).urg(4));
    CHECK(reads_once(s) == 3);
    CHECK(s.read_error() == error::would_block);
    CHECK(s.layer().available(s.socket) == 0);
    s.sends(fin(5));
    CHECK(s.read_error() == error::end_of_stream);
    CHECK(*s.layer().receive_urgent(s.socket, false) == pattern(3));
    s.forget_sent();
    s.closes();  // nothing unread is lost: no reset
    s.expects(fin(1));
}

// RFC 9293 3.10.7.4 (MUST-66)
TEST_CASE("a closed window does not keep an urgent pointer out") {
    tcp_config config;
    config.receive_buffer_bytes = config.receive_buffer_max_bytes = 1000;
    script s(config);
    s.establish_passive();
    (void)s.events();
    s.sends(data(1, 1000));
    s.forget_sent();
    (void)s.events();
    s.sends(data(1001, 1).urg(1));
    CHECK(s.events().urgent);
}

// RFC 6093 3.4
TEST_CASE("pointers that mean nothing are nothing") {
    script s;
    s.establish_passive();
    s.sends(data(1, 10));
    CHECK(reads_once(s) == 10);
    (void)s.events();
    s.sends(data(11, 1).urg(0));
    CHECK(!s.events().urgent);
    s.sends(data(1, 11).urg(4));  // read long ago
    CHECK(!s.events().urgent);
    CHECK(urgent_left(s) == 0);
}

// RFC 6093 3.1, as Linux: the older octet falls back into the stream unless its user stands before
// it.
TEST_CASE("a second mark takes the first one's place") {
    script s;
    s.establish_passive();
    s.sends(data(1, 4).urg(4));
    s.sends(data(5, 4).urg(4));
    CHECK(reads_once(s) == 7);
    CHECK(at_mark(s));
    s.sends(data(9, 4).urg(4));  // now he does
    std::array<std::byte, 20> bytes{};
    const mutable_bytes piece(bytes);
    CHECK(*s.layer().receive(s.socket, {&piece, 1}, s.now()) == 3);
    CHECK(bytes[0] == pattern(8));
}
