// When messages go, and from when their latency counts: on a clock of the test's own.
#include "services/load/send_gate.hpp"

#include <deque>

#include <catch2/catch.hpp>

#include "services/load/histogram.hpp"

using namespace coax::services;
using namespace std::chrono_literals;
using time_point = send_gate::time_point;

namespace {

constexpr time_point start{std::chrono::hours{1}};
constexpr time_point never = time_point::max();

// A server that answers `delay` after a message, but nothing at all during a stall: then at its
// end. One connection, one second on a clock that jumps from one event to the next.
struct outcome {
    histogram latency;
    std::size_t sent = 0;
    std::uint64_t unsent = 0;
};

outcome run_against_stall(std::size_t most, const send_pace& pace) {
    constexpr auto delay = 100us;
    constexpr time_point stall = start + 400ms;
    constexpr time_point stall_end = start + 700ms;
    constexpr time_point stop = start + 1s;
    struct message {
        time_point from;
        time_point answered;
    };
    std::deque<message> waiting;
    outcome result;
    send_gate gate(most, pace);
    gate.begin(start);
    for (time_point now = start;;) {
        while (!waiting.empty() && waiting.front().answered <= now) {
            result.latency.record(static_cast<std::uint64_t>((now - waiting.front().from).count()));
            waiting.pop_front();
            gate.free(now);
        }
        while (gate.may_send(now, stop)) {
            time_point answered = now + delay;
            if (answered >= stall && answered < stall_end) answered = stall_end;
            waiting.push_back({gate.send(now), answered});
            ++result.sent;
        }
        if (waiting.empty() && gate.is_finished(now, stop)) break;
        time_point next = waiting.empty() ? never : waiting.front().answered;
        if (gate.has_room() && gate.next() > now) next = std::min(next, gate.next());
        now = next;
    }
    result.unsent = gate.unsent(stop);
    return result;
}

}  // namespace

TEST_CASE("a closed loop lets as many go as there is room for, whenever") {
    send_gate gate(3, pace_of(0, 0ns, 0, 1));
    gate.begin(start);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(gate.may_send(start + 5s, start + 6s));
        CHECK(gate.send(start + 5s) == start + 5s);
    }
    CHECK_FALSE(gate.may_send(start + 5s, start + 6s));
    CHECK(gate.outstanding() == 3);
    gate.free(start + 5s);
    CHECK(gate.may_send(start + 5s, start + 6s));
    CHECK_FALSE(gate.may_send(start + 6s, start + 6s));
    CHECK(gate.is_finished(start + 6s, start + 6s));
    CHECK_FALSE(gate.is_finished(start + 5s, start + 6s));
    CHECK(gate.unsent(start + 6s) == 0);
}

TEST_CASE("a think time counts from the reply, and connections begin spread over it") {
    send_gate gate(2, pace_of(0, 10ms, 1, 4));
    gate.begin(start);
    CHECK(gate.next() == start + 2500us);
    CHECK_FALSE(gate.may_send(start, never));
    CHECK(gate.send(start + 3ms) == start + 3ms);
    CHECK(gate.send(start + 3ms) == start + 3ms);
    gate.free(start + 4ms);
    CHECK(gate.next() == start + 14ms);
    CHECK_FALSE(gate.may_send(start + 13ms, never));
    CHECK(gate.may_send(start + 14ms, never));
    gate.free(start + 5ms);
    gate.send(start + 14ms);
    CHECK(gate.next() == start + 15ms);
}

TEST_CASE("an open loop deals the rate out to connections that take turns") {
    // 1000 messages a second over four connections: one each millisecond.
    for (std::size_t i = 0; i < 4; ++i) {
        send_gate gate(1, pace_of(1000, 0ns, i, 4));
        gate.begin(start);
        for (int n = 0; n < 5; ++n) {
            const time_point due = start + std::chrono::milliseconds(i) + n * 4ms;
            CHECK(gate.next() == due);
            CHECK_FALSE(gate.may_send(due - 1ns, never));
            // Late: the latency counts from when it was due.
            CHECK(gate.send(due + 3ms) == due);
            gate.free(due + 3ms);
        }
    }
}

TEST_CASE("due times of an open loop do not drift") {
    // A rate whose interval is no whole number of nanoseconds.
    send_gate gate(1, pace_of(700'000, 0ns, 0, 1));
    gate.begin(start);
    for (int n = 0; n < 700'000; ++n) {
        gate.send(start);
        gate.free(start);
    }
    CHECK(gate.next() == start + 1s);
}

TEST_CASE("what was due before the end may go after it, and nothing else") {
    send_gate gate(1, pace_of(10, 0ns, 0, 1));
    gate.begin(start);
    gate.send(start);
    const time_point stop = start + 450ms;
    CHECK(gate.unsent(stop) == 4);
    CHECK_FALSE(gate.is_finished(start + 10s, stop));
    for (int n = 0; n < 4; ++n) {
        gate.free(start + 10s);
        REQUIRE(gate.may_send(start + 10s, stop));
        gate.send(start + 10s);
    }
    gate.free(start + 10s);
    CHECK_FALSE(gate.may_send(start + 10s, stop));
    CHECK(gate.is_finished(start + 10s, stop));
    CHECK(gate.unsent(stop) == 0);
}

TEST_CASE("a stall is in the figures of an open loop, and hidden by a closed one") {
    const outcome closed = run_against_stall(1, pace_of(0, 0ns, 0, 1));
    // 7000 messages, of which one saw a stall of 300 ms.
    CHECK(closed.sent > 6'900);
    CHECK(closed.latency.percentile(99.9) < 102'000);
    CHECK(closed.latency.max() >= 299'000'000);

    // At 1000 a second, 300 of 1000 would have come during the stall: p90 is a wait of 200 ms.
    const outcome open = run_against_stall(1, pace_of(1000, 0ns, 0, 1));
    CHECK(open.sent == 1'000);
    CHECK(open.unsent == 0);
    CHECK(open.latency.count() == 1'000);
    CHECK(open.latency.percentile(50) < 102'000);
    CHECK(open.latency.percentile(90) >= 195'000'000);
    CHECK(open.latency.percentile(90) <= 240'000'000);
    CHECK(open.latency.percentile(99) >= 285'000'000);

    // The same, however many may be under way: latency counts from the due time either way.
    const outcome deep = run_against_stall(1'000, pace_of(1000, 0ns, 0, 1));
    CHECK(deep.sent == 1'000);
    CHECK(deep.latency.percentile(90) >= 195'000'000);
    CHECK(deep.latency.percentile(90) <= open.latency.percentile(90));
}
