// How large the buffers become: right-sizing after what the user reads in a round trip, and after
// the congestion window.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::tests;
using namespace coax::stack;

namespace {

constexpr std::uint32_t mss = 1448;

// The peer's segments of one round trip: `count` full ones in answer to what we sent a round trip
// ago; the user reads all. Returns where the stream goes on.
struct flow_in {
    script& s;
    std::uint32_t at = 1;

    void round_trip(std::uint32_t count, duration time) {
        const std::uint32_t echo = s.last_ts;  // of our acknowledgments of the last round
        s.after(time);
        for (std::uint32_t i = 0; i < count; ++i, at += mss) {
            seg one = data(at, mss).ack(1);
            s.sends(s.timestamps ? one.echo(echo) : one);
            s.reads();
        }
        s.after(50ms);  // the delayed acknowledgment
        s.forget_sent();
    }
};

std::uint32_t capacity(script& s) { return s.layer().info(s.socket)->receive_capacity; }

void opens(script& s, bool timestamps) {
    s.timestamps = timestamps;
    s.establish_passive(syn().mss(1460).scale(8));
}

}  // namespace

TEST_CASE("the receive window grows with what is read in a round trip") {
    const bool timestamps = GENERATE(true, false);
    CAPTURE(timestamps);
    script s;
    opens(s, timestamps);
    CHECK(capacity(s) == 128 * 1024);
    CHECK(s.layer().info(s.socket)->receive_window_scale == 8);
    flow_in in{s};
    std::uint32_t before = 0;
    for (std::uint32_t count = 10; count <= 1280; count *= 2) {
        // Slow start never meets the window.
        CHECK(s.layer().info(s.socket)->receive_window >= count * mss);
        in.round_trip(count, 100ms);
        CHECK(capacity(s) >= before);
        before = capacity(s);
    }
    for (int i = 0; i < 3; ++i) in.round_trip(1280, 100ms);
    CHECK(capacity(s) >= 2 * 1280 * mss);
    CHECK(capacity(s) < 15 << 20);
    const std::uint32_t reached = capacity(s);
    for (int i = 0; i < 4; ++i) in.round_trip(1280, 100ms);  // no more than that is needed
    CHECK(capacity(s) == reached);
}

TEST_CASE("a slow stream leaves the receive window as it is") {
    script s;
    opens(s, true);
    flow_in in{s};
    for (int i = 0; i < 40; ++i) in.round_trip(10, 100ms);
    CHECK(capacity(s) == 128 * 1024);
}

TEST_CASE("what is not read makes the window no larger") {
    script s;
    opens(s, true);
    std::uint32_t at = 1;
    for (int i = 0; i < 60; ++i, at += mss) s.sends(data(at, mss).ack(1));
    s.after(200ms);
    s.forget_sent();
    CHECK(capacity(s) == 128 * 1024);
}

TEST_CASE("the window grows up to the maximum, and the scale tells it") {
    tcp_config config;
    config.receive_buffer_max_bytes = 1 << 20;
    script s(config);
    opens(s, true);
    CHECK(s.layer().info(s.socket)->receive_window_scale == 5);
    flow_in in{s};
    for (std::uint32_t count = 10; count <= 640; count *= 2) in.round_trip(count, 100ms);
    CHECK(capacity(s) == 1 << 20);
}

TEST_CASE("a receive buffer that the user sized stays") {
    script s;
    s.listens();
    REQUIRE(s.layer().set_receive_buffer(s.listener, 200000));
    s.timestamps = true;
    s.sends(syn().mss(1460).scale(8));
    s.expects(syn_ack().scale(2));
    s.sends(ack(1).seq(1));
    s.accepts();
    flow_in in{s};
    for (std::uint32_t count = 10; count <= 80; count *= 2) in.round_trip(count, 100ms);
    in.round_trip(120, 100ms);
    in.round_trip(120, 100ms);
    CHECK(capacity(s) == 200000);
}

TEST_CASE("while memory is scarce no window grows, and grown ones give back") {
    tcp_config config;
    config.buffer_memory_bytes = 4 << 20;
    script s(config);
    opens(s, true);
    flow_in in{s};
    for (std::uint32_t count = 10; count <= 320; count *= 2) in.round_trip(count, 100ms);
    const std::uint32_t grown = capacity(s);
    CHECK(grown > 128 * 1024);
    // Somebody else takes four fifths of the memory.
    const std::uint32_t iss = s.own_iss;
    const std::uint32_t stamp = s.last_ts;
    const auto hog = *s.layer().open(nullptr);
    REQUIRE(s.layer().connect(hog, {s.ends.remote.address, 99}, s.ends.local.address, s.now()));
    REQUIRE(s.layer().set_send_buffer(hog, 64 << 20));
    const std::vector<std::byte> bytes(3500000);
    const const_bytes piece(bytes);
    CHECK(*s.layer().send(hog, {&piece, 1}, s.now()) == bytes.size());
    s.after(0ms);
    s.forget_sent();
    s.own_iss = iss;
    s.last_ts = stamp;
    const std::uint32_t edge = in.at + s.layer().info(s.socket)->receive_window;
    in.round_trip(100, 100ms);
    in.round_trip(100, 100ms);
    CHECK(capacity(s) < grown);
    CHECK(capacity(s) >= 128 * 1024);
    // RFC 9293 3.8.6.2.2 (SHLD-14): what was offered stays
    CHECK(in.at + s.layer().info(s.socket)->receive_window >= edge);
}

TEST_CASE("the number of measurements is bounded, and the longest unused are forgotten") {
    tcp_config config;
    config.tuned_connections_max = 1;
    script s(config);
    opens(s, true);
    flow_in in{s};
    for (std::uint32_t count = 10; count <= 80; count *= 2) in.round_trip(count, 100ms);
    const std::uint32_t grown = capacity(s);
    CHECK(grown > 128 * 1024);
    // A second connection takes the place; the first keeps what it has, and takes it back.
    const auto first = s.socket;
    const auto listener = s.listener;
    s.ends.remote.port = 5001;
    s.peer_acked = 0;
    s.sends(syn().mss(1460).scale(8));
    s.forget_sent();
    s.sends(ack(1).seq(1));
    const auto second = s.layer().accept(listener);
    REQUIRE(second);
    s.starts_reading(second->socket);
    flow_in other{s};
    for (std::uint32_t count = 10; count <= 40; count *= 2) other.round_trip(count, 100ms);
    CHECK(s.layer().info(first)->receive_capacity == grown);
}

TEST_CASE("the send buffer grows to twice the congestion window, unless the user sized it") {
    const bool sized = GENERATE(false, true);
    CAPTURE(sized);
    tcp_config config;
    config.send_buffer_max_bytes = 500000;
    script s(config);
    s.establish_passive(syn().mss(1460).scale(8));
    if (sized) REQUIRE(s.layer().set_send_buffer(s.socket, 131072));
    s.peer_window = 65535;
    std::uint32_t acked = 1;
    for (int round = 0; round < 9; ++round) {
        while (s.writes(65536) != 0) {
        }  // as much as there is room for
        s.after(20ms);
        s.forget_sent();
        while (acked < s.peer_acked) {
            acked = std::min(acked + 2920, s.peer_acked);
            s.sends(ack(acked).seq(1));
        }
    }
    const auto info = *s.layer().info(s.socket);
    CHECK(info.congestion_window > 131072);
    CHECK(info.send_capacity == (sized ? 131072 : 500000));
}
