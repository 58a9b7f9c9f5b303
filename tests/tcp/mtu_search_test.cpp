// The path's MTU: what routers say (RFC 1191), black holes, and probing with real data
// (RFC 4821 7).
#include <algorithm>
#include <map>

#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::tests;
using namespace coax::stack;

namespace {

std::uint32_t mss(script& s) { return s.layer().info(s.socket)->send_mss; }

void told(script& s, std::uint32_t quoted, std::uint16_t mtu) {
    s.layer().icmp_error(s.ends, s.own_iss + quoted, tcp::icmp_verdict::packet_too_big,
                         error::message_too_long, mtu, s.now());
}

// Writes and acknowledges `bytes` from `at` on, whatever the segments are.
std::uint32_t moves(script& s, std::uint32_t bytes) {
    s.writes(bytes);
    s.after(0ms);
    for (int i = 0; i < 100 && s.layer().info(s.socket)->send_buffered != 0; ++i) {
        s.sends(ack(s.peer_acked).seq(1));
        s.after(0ms);
    }
    s.forget_sent();
    return s.peer_acked;
}

// Full segments vanish, until the layer tries smaller ones.
void falls_into_black_hole(script& s) {
    s.writes(20000);
    s.after(1500ms);  // the third timeout: 200, 600, 1400 ms
    s.forget_sent();
    CHECK(s.counter("tcp.black_holes") == 1);
    CHECK(mss(s) == 1024);
}

}  // namespace

// RFC 1191 5, 7.1: table 7-1
TEST_CASE("a router that does not say its MTU: the common sizes downward") {
    script s;
    s.establish_passive();
    s.writes(5000);
    s.after(0ms);
    for (const std::uint32_t expected : {1492U, 1006U, 552U, 552U}) {
        told(s, 1, 0);
        CHECK(mss(s) == expected - 40);
    }
    s.forget_sent();
}

// RFC 1191 6.3
TEST_CASE("after ten minutes a larger path MTU is tried") {
    tcp_config config;
    SECTION("at once, when probing is off") {
        config.mtu_probing = mtu_probing::off;
        script s(config);
        s.establish_passive();
        s.writes(5000);
        s.after(0ms);
        told(s, 1, 1000);
        moves(s, 5000);
        CHECK(mss(s) == 960);
        s.silent_for(601s);
        moves(s, 5000);
        CHECK(mss(s) == 1460);
    }
    SECTION("by a probe, otherwise") {
        script s(config);
        s.establish_passive();
        s.writes(5000);
        s.after(0ms);
        told(s, 1, 1000);
        moves(s, 50000);
        s.silent_for(601s);
        const std::uint32_t at = s.peer_acked;
        s.writes(20000);
        s.expects(data(at, 1460));
        s.expects(data(at + 1460, 960));
        CHECK(mss(s) == 960);
        s.after(0ms);
        s.sends(ack(s.peer_acked).seq(1));
        moves(s, 100);
        CHECK(mss(s) == 1460);
    }
}

TEST_CASE("a black hole is left by smaller segments, and larger ones are probed for") {
    script s;
    s.establish_passive();
    falls_into_black_hole(s);
    // The peer got everything at last.
    s.sends(ack(s.peer_acked).seq(1));
    const std::uint32_t first = moves(s, 60000);
    CHECK(s.counter("tcp.mtu_probes") >= 1);
    SECTION("it was none: one probe is enough") {
        CHECK(mss(s) == 1460);
        CHECK(first > 0);
    }
}

TEST_CASE("a lost probe narrows the search, and does not lower the segment size") {
    script s;
    s.establish_passive();
    falls_into_black_hole(s);
    s.sends(ack(s.peer_acked).seq(1));
    s.forget_sent();
    // The path carries 1300 bytes: an MSS of 1260.
    std::map<std::uint32_t, std::uint32_t> held;
    std::uint32_t acked = s.peer_acked;
    std::uint32_t lost = 0;
    for (int round = 0; round < 2000; ++round) {
        s.writes(20000);
        for (const auto& [first, size] : s.take_sent()) {
            if (size > 1260) {
                ++lost;
                continue;
            }
            held[first] = std::max(held[first], size);
            for (auto at = held.begin(); at != held.end() && at->first <= acked;
                 at = held.erase(at))
                acked = std::max(acked, at->first + at->second);
            s.sends(ack(acked).seq(1));
        }
        s.after(5ms);
    }
    CHECK(lost == s.counter("tcp.mtu_probes_lost"));
    CHECK(s.counter("tcp.mtu_probes_lost") >= 2);
    CHECK(mss(s) <= 1260);
    CHECK(mss(s) > 1260 - 8);
    const auto probes = s.counter("tcp.mtu_probes");
    moves(s, 60000);
    CHECK(s.counter("tcp.mtu_probes") == probes);  // until ten minutes are over
}

TEST_CASE("probing from the start, and not at all") {
    tcp_config config;
    SECTION("always") {
        config.mtu_probing = mtu_probing::always;
        script s(config);
        s.establish_passive();
        CHECK(mss(s) == 1024);
        s.writes(14600);
        s.expects(data(1, 1460));
        s.expects(data(1461, 1024));
        s.after(0ms);
        s.sends(ack(s.peer_acked).seq(1));
        moves(s, 100);
        CHECK(mss(s) == 1460);
    }
    SECTION("off") {
        config.mtu_probing = mtu_probing::off;
        script s(config);
        s.establish_passive();
        s.writes(20000);
        s.after(10s);
        s.forget_sent();
        CHECK(mss(s) == 1460);
        CHECK(s.counter("tcp.black_holes") == 0);
    }
}

// RFC 9293 3.7.1 (MUST-16)
TEST_CASE("no probe goes while SACK blocks take room from it") {
    tcp_config config;
    config.mtu_probing = mtu_probing::always;
    script s(config);
    s.establish_passive(syn().mss(1460).sack_permitted());
    s.sends(data(501, 500).ack(1));
    s.expects(ack(1).sack({{501, 1001}}));
    s.writes(14600);
    s.expects(data(1, 1024 - 12).sack({{501, 1001}}));
    s.after(0ms);
    s.forget_sent();
    CHECK(s.counter("tcp.mtu_probes") == 0);
    s.sends(data(1, 500).ack(s.peer_acked));
    s.forget_sent();
    s.writes(20000);
    s.after(0ms);
    CHECK(s.counter("tcp.mtu_probes") == 1);
    s.forget_sent();
}

TEST_CASE("a black hole is left also when no segment was a full one") {
    script s;
    s.establish_passive();
    s.writes(600);
    s.after(1500ms);  // the third timeout
    CHECK(s.counter("tcp.black_holes") == 1);
    s.forget_sent();
    s.silent_for(1400ms);
    s.after(300ms);  // the fourth
    s.expects(data(1, 512));
    s.sends(ack(513).seq(1));
    s.expects(data(513, 88));
}

TEST_CASE("small segments that are lost are no sign of a black hole") {
    script s;
    s.establish_passive();
    s.writes(500);
    s.after(10s);
    s.forget_sent();
    CHECK(s.counter("tcp.black_holes") == 0);
    CHECK(mss(s) == 1460);
}

// RFC 4821 7.5, 7.6.2
TEST_CASE("the loss of a probe alone is no congestion; any other loss beside it is") {
    const bool sack = GENERATE(true, false);
    tcp_config config;
    config.mtu_probing = mtu_probing::always;
    config.congestion = congestion_algorithm::newreno;
    script s(config);
    s.establish_passive(syn().mss(1460).sack_permitted(sack));
    s.writes(60000);
    s.expects(data(1, 1460));
    s.after(1ms);
    s.forget_sent();
    const std::uint32_t end = s.peer_acked;
    const std::uint32_t before = s.layer().info(s.socket)->congestion_window;
    for (std::uint32_t i = 1; i <= 3; ++i)
        s.sends(sack ? ack(1).seq(1).sack({{1461, 1461 + i * 1024}}) : ack(1).seq(1));
    s.after(1ms);
    s.forget_sent();
    CHECK(s.counter("tcp.retransmitted") == (sack ? 2 : 1));
    CHECK(s.counter("tcp.window_reductions") == 0);
    CHECK(s.layer().info(s.socket)->congestion_window >= before);
    SECTION("it is repaired") {
        if (!sack) s.sends(ack(1025).seq(1));
        s.sends(ack(s.peer_acked).seq(1));
        s.after(1ms);
        CHECK(s.counter("tcp.retransmitted") == 2);
        CHECK(s.counter("tcp.window_reductions") == 0);
        CHECK(s.layer().info(s.socket)->congestion_window >= before);
        CHECK(s.layer().info(s.socket)->slow_start_threshold == 0xffffffffU);
        moves(s, 100);
        CHECK(s.counter("tcp.mtu_probes_lost") == 1);
    }
    SECTION("the segment behind it is missing too") {
        if (sack) s.sends(ack(4533).seq(1).sack({{5557, end}}));
        else s.sends(ack(1461).seq(1));
        s.after(1ms);
        CHECK(s.counter("tcp.window_reductions") == 1);
        CHECK(s.layer().info(s.socket)->slow_start_threshold < before);
    }
    s.forget_sent();
}
