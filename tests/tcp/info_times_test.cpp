// What a connection tells of its times: since when, and for how long. In virtual time; the figures
// are told in steps of 1.05 ms.
#include <cstdlib>

#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::tests;
using coax::stack::duration;
using coax::stack::tcp::connection_info;

namespace {

connection_info info(script& s) { return *s.layer().info(s.socket, s.now()); }

// As far as steps tell.
bool is_near(duration told, duration expected) {
    const bool near = told - expected < 2200us && expected - told < 2200us;
    if (!near) UNSCOPED_INFO("told " << told.count() << " ns, expected " << expected.count());
    return near;
}

}  // namespace

TEST_CASE("what came last is told from the handshake on") {
    script s;
    s.establish_passive();
    s.after(300ms);
    CHECK(is_near(info(s).since_data_received, 300ms));
    CHECK(is_near(info(s).since_acknowledged, 300ms));
    CHECK(is_near(info(s).since_data_sent, 300ms));
    CHECK(s.layer().info(s.socket)->since_data_received == 0ms);  // nobody said what time it is

    s.sends(data(1, 100).ack(1));
    s.after(50ms);
    CHECK(is_near(info(s).since_data_received, 50ms));
    CHECK(is_near(info(s).since_acknowledged, 50ms));

    s.sends(ack(1).seq(101));  // no news, but the peer is there
    s.after(20ms);
    CHECK(is_near(info(s).since_data_received, 70ms));
    CHECK(is_near(info(s).since_acknowledged, 20ms));

    s.sends(ack(500000).seq(101));  // not acceptable
    s.after(20ms);
    CHECK(is_near(info(s).since_acknowledged, 40ms));
}

TEST_CASE("data behind a gap does not count as received in order, but its acknowledgment does") {
    script s;
    s.establish_passive();
    s.after(100ms);
    s.sends(data(101, 100).ack(1));
    s.after(10ms);
    CHECK(is_near(info(s).since_data_received, 110ms));
    CHECK(is_near(info(s).since_acknowledged, 10ms));
}

TEST_CASE("a sender is busy while there is something in its buffer") {
    script s;
    s.establish_passive();
    s.after(100ms);
    CHECK(info(s).busy == 0ms);
    s.writes(1000);
    s.after(100ms);
    CHECK(is_near(info(s).busy, 100ms));
    s.sends(ack(1001).seq(1));
    s.after(300ms);
    CHECK(is_near(info(s).busy, 100ms));
    s.writes(2000);
    s.after(30ms);
    s.sends(ack(2461).seq(1));  // one of two segments
    s.after(20ms);
    CHECK(is_near(info(s).busy, 150ms));
    s.sends(ack(3001).seq(1));
    s.after(40ms);
    CHECK(is_near(info(s).busy, 150ms));
    CHECK(info(s).receiver_limited == 0ms);
    CHECK(info(s).send_buffer_limited == 0ms);
}

TEST_CASE("many times shorter than a step add up to what they were") {
    script s;
    s.establish_passive();
    std::uint32_t end = 1;
    for (int i = 0; i < 3000; ++i) {
        s.writes(100);
        s.after(100us);
        s.sends(ack(end += 100).seq(1));
        s.after(1137us);
    }
    CHECK(info(s).busy > 280ms);
    CHECK(info(s).busy < 320ms);
}

TEST_CASE("a sender is limited by the receiver while its window takes no more") {
    script s;
    s.establish_passive();
    s.sends(ack(1).seq(1).win(0));
    s.after(50ms);
    CHECK(info(s).receiver_limited == 0ms);  // there is nothing to send
    s.writes(1000);
    s.after(100ms);
    CHECK(is_near(info(s).receiver_limited, 100ms));
    s.sends(ack(1).seq(1).win(2000));
    s.after(30ms);
    CHECK(is_near(info(s).receiver_limited, 100ms));
    s.sends(ack(1001).seq(1).win(10));
    s.writes(1000);
    s.after(100ms);
    CHECK(is_near(info(s).receiver_limited, 200ms));
    CHECK(is_near(info(s).busy, 230ms));
    s.sends(ack(1001).seq(1).win(2000));
    s.after(20ms);
    s.sends(ack(2001).seq(1).win(2000));
    s.after(100ms);
    CHECK(is_near(info(s).receiver_limited, 200ms));
    CHECK(is_near(info(s).busy, 250ms));
}

TEST_CASE("what the congestion window holds back is not the receiver's doing") {
    script s;
    s.establish_passive();
    s.writes(40000);  // ten segments are under way
    s.after(100ms);
    CHECK(info(s).receiver_limited == 0ms);
    CHECK(info(s).send_buffer_limited == 0ms);
    CHECK(is_near(info(s).busy, 100ms));
}

TEST_CASE("a window probe that takes the last byte ends the time") {
    script s;
    s.establish_passive();
    s.sends(ack(1).seq(1).win(0));
    s.writes(1);
    while (!s.has_sent()) s.after(10ms);
    const duration limited = info(s).receiver_limited;
    CHECK(limited >= 190ms);
    s.expects(data(1, 1));
    s.sends(ack(2).seq(1).win(0));
    s.after(500ms);
    CHECK(is_near(info(s).receiver_limited, limited));
    CHECK(is_near(info(s).busy, limited));
}

TEST_CASE("a sender is limited by its buffer while all is sent and the user waits for room") {
    script s;
    s.establish_passive();
    REQUIRE(s.layer().set_send_buffer(s.socket, 4 * 1460));
    CHECK(s.writes(4 * 1460) == 4 * 1460);
    s.after(40ms);
    CHECK(info(s).send_buffer_limited == 0ms);  // nobody waits
    CHECK(s.writes(1460) == 0);
    s.forget_sent();
    s.sends(ack(1).seq(1));  // the layer looks again when something happens
    s.after(10ms);
    s.sends(ack(1461).seq(1));  // a quarter is free: the user is told
    CHECK(s.events().writable);
    s.after(30ms);
    const duration first = info(s).send_buffer_limited;
    CHECK(first <= 12ms);
    CHECK(s.writes(3000) == 1460);  // and wants more than that
    s.after(70ms);
    CHECK(is_near(info(s).send_buffer_limited, first + 70ms));
    s.sends(ack(5 * 1460 + 1).seq(1));
    s.after(100ms);
    CHECK(is_near(info(s).send_buffer_limited, first + 70ms));
    CHECK(is_near(info(s).busy, 150ms));
}

TEST_CASE("what came in order is counted beyond the places where reading is measured") {
    script s;
    s.establish_passive();
    std::uint32_t at = 1;
    for (int i = 0; i < 200; ++i, at += 1000) {
        s.sends(data(at, 1000).ack(1));
        CHECK(info(s).bytes_received == at + 999);
        if (i % 3 == 2) s.reads();
        s.forget_sent();
    }
}
