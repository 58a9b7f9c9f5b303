// The oracles that need no stack: the balance of a dialogue, and the bytes of a stream.

#include <chrono>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/sim/swarm/dialogue.hpp"
#include "tests/sim/swarm/excuse.hpp"
#include "tests/sim/swarm/pattern.hpp"

namespace {

using namespace coax;
using namespace coax::sim;

// 100 bytes up, 50 down, both ends at their end.
dialogue good_one() {
    dialogue d;
    for (end_state* each : {&d.client_end, &d.server_end})
        each->began = each->over = each->ended_sending = each->saw_end = true;
    d.client_end.accepted = d.server_end.received = 100;
    d.server_end.accepted = d.client_end.received = 50;
    return d;
}

TEST_CASE("balance: what was accepted arrived") { CHECK(imbalance(good_one()).empty()); }

TEST_CASE("balance: an end before all bytes, bytes that nobody sent, an end that nobody sent") {
    dialogue d = good_one();
    d.server_end.received = 99;
    CHECK(imbalance(d).find("too early") != std::string::npos);
    d.server_end.received = 101;
    CHECK(imbalance(d).find("more than was sent") != std::string::npos);
    d = good_one();
    d.client_end.ended_sending = false;
    CHECK(imbalance(d).find("nobody sent") != std::string::npos);
}

TEST_CASE("balance: bytes may be missing only if somebody knows") {
    dialogue d = good_one();
    d.server_end.saw_end = false;
    d.server_end.received = 10;
    CHECK(imbalance(d).find("neither end nor error") != std::string::npos);
    d.server_end.failure = stack::error::connection_reset;
    CHECK(imbalance(d).empty());
    d.server_end.failure = stack::error::none;
    d.client_end.left = true;
    CHECK(imbalance(d).empty());
}

// RFC 9293 MUST-12, and the time of 3.4.2
TEST_CASE("cause: a peer that left in order may forget, after its time") {
    dialogue d = good_one();
    end_state& mine = d.client_end;
    mine.failure = stack::error::connection_reset;
    d.server_end.remembers = std::chrono::seconds(2);
    d.server_end.ended_sending_at = stack::instant(std::chrono::seconds(10));
    mine.failed_at = stack::instant(std::chrono::seconds(12));
    CHECK(was_forgotten(mine, d.server_end));
    mine.failed_at -= std::chrono::milliseconds(1);
    CHECK_FALSE(was_forgotten(mine, d.server_end));
    mine.failed_at += std::chrono::seconds(1);
    mine.failure = stack::error::timed_out;
    CHECK_FALSE(was_forgotten(mine, d.server_end));
    mine.failure = stack::error::connection_reset;
    for (bool* each : {&mine.ended_sending, &mine.saw_end, &d.server_end.saw_end}) {
        *each = false;
        CHECK_FALSE(was_forgotten(mine, d.server_end));
        *each = true;
    }
    d.server_end.received -= 1;
    CHECK_FALSE(was_forgotten(mine, d.server_end));
}

// RFC 8985 7.3
TEST_CASE("cwnd: a tail loss probe explains one segment, in the turn that sent it") {
    probe_excuse host;
    host.turn(0);
    CHECK(host.bytes(1000) == 0);
    host.turn(2);
    CHECK(host.bytes(1000) == 2000);
    host.turn(2);
    CHECK(host.bytes(1000) == 0);
    host.turn(3);
    CHECK(host.bytes(1000) == 1000);
}

// RFC 4987 3.6
TEST_CASE("accept: a good cookie explains one more connection of a dialogue") {
    cookie_excuse host;
    host.accepted(7, 4);
    CHECK_FALSE(host.again(7, 4));  // its own, and those of others before it
    CHECK(host.again(7, 5));
    CHECK_FALSE(host.again(7, 5));
    CHECK(host.again(7, 6));
    host.accepted(8, 6);
    CHECK_FALSE(host.again(8, 6));
}

TEST_CASE("pattern: a byte tells its connection, its direction and its place") {
    const stack::endpoint client{stack::ip_address::v4(198, 18, 0, 1), 40000};
    const stack::endpoint server{stack::ip_address::v4(198, 18, 0, 2), 9};
    const stream_pattern up(client, server, false);
    const stream_pattern down(client, server, true);
    const auto piece = up.bytes(123'456, 1000);
    CHECK(up.matches(123'456, piece));
    CHECK_FALSE(up.matches(123'457, piece));
    CHECK_FALSE(down.matches(123'456, piece));
    std::vector<std::byte> wrong(piece.begin(), piece.end());
    wrong[999] ^= std::byte{1};
    CHECK_FALSE(up.matches(123'456, wrong));
    const stack::endpoint echo{server.address, echo_port};
    const stream_pattern there(client, echo, false);
    CHECK(there.matches(0, stream_pattern(client, echo, true).bytes(0, 5000)));
}

}  // namespace
