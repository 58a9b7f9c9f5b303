// Congestion window validation (RFC 7661): pipeACK, the two phases, and what congestion and time do
// to a window that nothing shows to be right.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

namespace {

using namespace coax;
using namespace coax::tests;
using stack::idle_window;
using stack::tcp_config;

constexpr std::uint32_t mss = 1460;

tcp_config validating() {
    tcp_config config = script::with_newreno(tcp_config());
    config.after_idle = idle_window::validate;
    return config;
}

// A round trip of 100 ms, SACK, ECN if the configuration lets it.
void establish(script& s) {
    s.listens();
    s.sends(syn().mss(mss).sack_permitted().ece().cwr());
    s.after(100ms);
    s.forget_sent();
    s.sends(ack(1).seq(1));
    s.accepts();
}

stack::tcp::connection_info info(script& s) { return *s.layer().info(s.socket); }
std::uint32_t window(script& s) { return info(s).congestion_window; }

// A round: so many bytes leave, and one acknowledgment comes for all of them. Returns SND.UNA.
std::uint32_t round(script& s, std::uint32_t bytes) {
    s.writes(bytes);
    s.after(100ms);
    const std::uint32_t una = s.peer_acked;
    s.sends(ack(una).seq(1));
    s.forget_sent();
    return una;
}

// A window of 40 segments that was in use up to now. Returns SND.UNA.
std::uint32_t open_window(script& s) {
    std::uint32_t una = 1;
    while (window(s) < 40 * mss) una = round(s, window(s));
    REQUIRE(window(s) == 40 * mss);
    REQUIRE(info(s).window_validated);
    return una;
}

// RFC 7661 4.1, 4.2, 4.3
TEST_CASE("CWV: validated while pipeACK is undefined; then it is what a round trip acknowledged") {
    script s(validating());
    establish(s);
    CHECK(info(s).pipe_ack == 0);
    CHECK(info(s).window_validated);
    CHECK(info(s).pacing_rate == 0);
    s.writes(14600);
    for (std::uint32_t i = 0; i < 10; ++i) s.expects(data(1 + i * mss, mss));  // in one burst
    s.after(100ms);
    for (std::uint32_t i = 2; i < 10; i += 2) {
        s.sends(ack(1 + i * mss).seq(1));
        CHECK(info(s).pipe_ack == 0);  // the round is not over
    }
    s.sends(ack(14601).seq(1));
    CHECK(info(s).pipe_ack == 14600);
    CHECK(info(s).window_validated);
    CHECK(window(s) == 14600 + 5 * 2 * mss);
}

// RFC 7661 4.2: never more than was in flight when the sample began
TEST_CASE("CWV: acknowledgments that come together count for one round") {
    script s(validating());
    establish(s);
    s.writes(2 * mss);
    s.after(50ms);
    s.sends(ack(1 + mss).seq(1));  // a sample begins: two segments
    s.writes(8 * mss);
    s.after(50ms);
    s.sends(ack(1 + 10 * mss).seq(1));
    CHECK(info(s).pipe_ack == 2 * mss);
    round(s, 6 * mss);
    CHECK(info(s).pipe_ack == 6 * mss);
}

// RFC 7661 4.2, 4.3, 4.4
TEST_CASE("CWV: the highest sample of the sampling period counts, then the window is in doubt") {
    script s(validating());
    establish(s);
    open_window(s);
    const std::uint32_t used = info(s).pipe_ack;
    CHECK(used == 38 * mss);
    for (int i = 0; i < 7; ++i) round(s, mss);  // less than max(3 RTT, 1 s)
    CHECK(info(s).pipe_ack == used);
    CHECK(info(s).window_validated);
    for (int i = 0; i < 4; ++i) round(s, mss);
    CHECK(info(s).pipe_ack == mss);
    CHECK_FALSE(info(s).window_validated);
    CHECK(s.counter("tcp.non_validated_phases") == 1);
    CHECK(window(s) == 40 * mss);
    // Who uses it again shows it to be right.
    round(s, 30 * mss);
    CHECK(info(s).window_validated);
    CHECK(info(s).pipe_ack == 30 * mss);
}

// RFC 7661 4.4, 4.4.2: kept, where RFC 2861 halves it for each timeout, but not as a burst
TEST_CASE("CWV: after a pause the window is there, and leaves paced") {
    script s(validating());
    establish(s);
    const std::uint32_t una = open_window(s);
    s.after(60s);
    s.writes(40 * mss);
    const auto burst = s.take_sent();
    CHECK(window(s) == 40 * mss);
    CHECK_FALSE(info(s).window_validated);
    CHECK(burst.size() < 6);
    CHECK(burst.front().first == una);
    const std::uint64_t rate = info(s).pacing_rate;  // two windows in a round trip
    const auto round_trip = static_cast<std::uint64_t>(info(s).smoothed_rtt / 1us);
    CHECK(rate == std::uint64_t{window(s)} * 2'000'000 / round_trip);
    s.after(60ms);
    CHECK(burst.size() + s.take_sent().size() == 40);
    s.after(40ms);
    s.sends(ack(una + 40 * mss).seq(1));
    CHECK(info(s).window_validated);
    CHECK(info(s).pacing_rate == 0);
}

// RFC 7661 4.4, 4.5.3
TEST_CASE("CWV: a window in doubt grows only for who fills it") {
    script s(validating());
    establish(s);
    const std::uint32_t una = open_window(s);
    s.after(60s);
    SECTION("more than half of it, which is enough in slow start otherwise") {
        s.writes(30 * mss);
        s.after(100ms);
        s.sends(ack(una + 4 * mss).seq(1));
        CHECK(window(s) == 40 * mss);
        s.sends(ack(una + 30 * mss).seq(1));  // the sample
        CHECK(window(s) == 42 * mss);
    }
    SECTION("all of it") {
        s.writes(40 * mss);
        s.after(100ms);
        s.sends(ack(una + 4 * mss).seq(1));
        CHECK_FALSE(info(s).window_validated);
        CHECK(window(s) == 42 * mss);
    }
}

// RFC 7661 4.4.1
TEST_CASE("CWV: a loss cuts a window in doubt to half of what was used, less what was lost") {
    script s(validating());
    establish(s);
    const std::uint32_t una = open_window(s);
    s.after(60s);
    s.writes(16 * mss);
    s.after(100ms);
    s.forget_sent();
    // Two of them are missing.
    s.sends(ack(una).seq(1).sack({{una + 2 * mss, una + 16 * mss}}));
    CHECK(info(s).slow_start_threshold == 8 * mss);  // LossFlightSize / 2
    s.expects(data(una, mss));
    s.expects(data(una + mss, mss));
    s.after(100ms);
    s.sends(ack(una + 16 * mss).seq(1));
    CHECK(window(s) == 7 * mss);  // (16 - 2) / 2
    CHECK(info(s).slow_start_threshold == 7 * mss);
    CHECK(info(s).pipe_ack == 0);
    CHECK(info(s).window_validated);
    // What came before does not count.
    round(s, 3 * mss);
    CHECK(info(s).pipe_ack == 3 * mss);
    CHECK_FALSE(info(s).window_validated);
}

// RFC 7661 4.4.1: pipeACK, where it is the larger one
TEST_CASE("CWV: a loss in a small flight counts what was acknowledged lately") {
    script s(validating());
    establish(s);
    open_window(s);
    for (int i = 0; i < 12; ++i) round(s, 10 * mss);
    const std::uint32_t una = round(s, 10 * mss);
    CHECK_FALSE(info(s).window_validated);
    s.writes(4 * mss);
    s.after(60ms);
    s.forget_sent();
    s.sends(ack(una).seq(1).sack({{una + mss, una + 4 * mss}}));
    s.after(40ms);
    s.expects(data(una, mss));
    CHECK(info(s).slow_start_threshold == 5 * mss);
    s.after(60ms);
    s.sends(ack(una + 4 * mss).seq(1));
    CHECK(window(s) == 9 * mss / 2);
}

// RFC 7661 4.3: the standard answer to who is in the validated phase; 4.2: pipeACK begins anew
TEST_CASE("CWV: a loss in the validated phase is RFC 5681's") {
    script s(validating());
    establish(s);
    const std::uint32_t una = open_window(s);
    s.writes(40 * mss);
    s.after(60ms);
    s.forget_sent();
    s.sends(ack(una).seq(1).sack({{una + mss, una + 40 * mss}}));
    CHECK(info(s).slow_start_threshold == 20 * mss);
    s.after(60ms);
    s.sends(ack(una + 40 * mss).seq(1));
    CHECK(window(s) == 20 * mss);
    CHECK(info(s).pipe_ack == 0);
    CHECK(info(s).window_validated);
}

// RFC 7661 4.4: the answer to a mark is the same, and no recovery follows
TEST_CASE("CWV: a mark cuts a window in doubt to half of what was used") {
    tcp_config config = validating();
    config.ecn = stack::ecn_use::accept;
    script s(config);
    establish(s);
    REQUIRE(info(s).congestion_notification);
    const std::uint32_t una = open_window(s);
    s.after(60s);
    s.writes(12 * mss);
    s.after(100ms);
    s.sends(ack(una + 12 * mss).seq(1).ece());
    CHECK(window(s) == 6 * mss);
    CHECK(info(s).slow_start_threshold == 6 * mss);
    CHECK(info(s).window_validated);
}

// RFC 7661 4.4: the rest is RFC 5681 3.1's
TEST_CASE("CWV: a timeout ends the doubt") {
    tcp_config config = validating();
    config.tail_loss_probe = false;
    script s(config);
    establish(s);
    const std::uint32_t una = open_window(s);
    s.after(60s);
    s.writes(12 * mss);
    s.after(500ms);
    CHECK(s.counter("tcp.timeouts") == 1);
    CHECK(window(s) == mss);
    CHECK(info(s).slow_start_threshold == 6 * mss);
    CHECK(info(s).window_validated);
    s.sends(ack(una + 12 * mss).seq(1));
    CHECK(info(s).pipe_ack == 0);
    CHECK(info(s).window_validated);
}

// RFC 8985 7.4.2 with RFC 7661 4.4.1
TEST_CASE("CWV: a loss that a probe repaired is judged by the flight, not by the window") {
    script s(validating());
    establish(s);
    const std::uint32_t una = open_window(s);
    s.after(60s);
    s.writes(8 * mss);
    s.after(100ms);
    s.sends(ack(una + 7 * mss).seq(1));
    s.forget_sent();
    s.after(500ms);
    s.expects(data(una + 7 * mss, mss));
    s.sends(ack(una + 8 * mss).seq(1));
    s.writes(100);
    s.after(100ms);
    s.sends(ack(una + 8 * mss + 100).seq(1));
    CHECK(s.counter("tcp.tail_losses") == 1);
    CHECK(window(s) == 7 * mss / 2);  // pipeACK is 8 segments, R one
}

// RFC 7661 4.4.1, RFC 4015 3.2
TEST_CASE("CWV: a loss that was none gives back what was in doubt") {
    script s(validating());
    establish(s);
    const std::uint32_t una = open_window(s);
    s.after(60s);
    s.writes(16 * mss);
    s.after(100ms);
    s.forget_sent();
    s.sends(ack(una).seq(1).sack({{una + mss, una + 16 * mss}}));
    s.after(50ms);
    s.expects(data(una, mss));
    s.sends(ack(una + 16 * mss).seq(1).sack({{una, una + mss}}));  // it came twice
    CHECK(s.counter("tcp.window_restorations") == 1);
    CHECK(window(s) >= 40 * mss);
}

// RFC 7661 4.4.3
TEST_CASE("CWV: after five minutes in doubt the window is halved, and again after the next five") {
    script s(validating());
    establish(s);
    open_window(s);
    SECTION("of silence") {
        s.after(299s);
        s.writes(mss);
        s.after(1ms);
        CHECK(window(s) == 40 * mss);
    }
    SECTION("of silence, and a moment more") {
        s.after(302s);
        s.writes(mss);
        s.after(1ms);
        CHECK(window(s) == 20 * mss);
        CHECK_FALSE(info(s).window_validated);
    }
    SECTION("two of them") {
        s.after(602s);
        s.writes(mss);
        s.after(1ms);
        CHECK(window(s) == 10 * mss);
    }
    SECTION("not below the initial window") {
        s.after(2000s);
        s.writes(mss);
        s.after(1ms);
        CHECK(window(s) == 10 * mss);
    }
    SECTION("with a segment now and then") {
        for (int i = 0; i < 62; ++i) {
            round(s, mss);
            s.after(4900ms);
        }
        round(s, mss);
        CHECK(window(s) == 20 * mss);
        CHECK_FALSE(info(s).window_validated);
    }
}

// RFC 7661 4.4.3: ssthresh = max(ssthresh, 3 * cwnd / 4)
TEST_CASE("CWV: the threshold remembers the window that is halved") {
    script s(validating());
    establish(s);
    std::uint32_t una = open_window(s);
    s.writes(20 * mss);  // a loss, so that there is a threshold: half of this
    s.after(60ms);
    s.forget_sent();
    s.sends(ack(una).seq(1).sack({{una + mss, una + 20 * mss}}));
    s.after(60ms);
    una += 20 * mss;
    s.sends(ack(una).seq(1));
    REQUIRE(info(s).slow_start_threshold == 10 * mss);
    while (window(s) < 16 * mss) round(s, window(s));
    REQUIRE(info(s).slow_start_threshold == 10 * mss);
    s.after(302s);
    s.writes(mss);
    s.after(1ms);
    CHECK(window(s) == 10 * mss);
    CHECK(info(s).slow_start_threshold == 12 * mss);
}

// RFC 7661 4.2: silence after a recovery is not a reason to trust
TEST_CASE("CWV: who pauses after a recovery has nothing acknowledged, and is in doubt") {
    script s(validating());
    establish(s);
    const std::uint32_t una = open_window(s);
    s.writes(40 * mss);
    s.after(60ms);
    s.sends(ack(una).seq(1).sack({{una + mss, una + 40 * mss}}));
    s.after(60ms);
    s.sends(ack(una + 40 * mss).seq(1));
    REQUIRE(window(s) == 20 * mss);
    s.after(302s);
    s.writes(mss);
    s.after(1ms);
    CHECK_FALSE(info(s).window_validated);
    CHECK(window(s) == 10 * mss);
}

TEST_CASE("CWV: chosen for a socket, and inherited") {
    script s;
    establish(s);
    open_window(s);
    CHECK(s.layer().set_idle_window(s.socket, idle_window::validate));
    CHECK(s.layer().usage().validations == 1);
    s.after(60s);
    s.writes(mss);
    s.after(1ms);
    CHECK(window(s) == 40 * mss);
    CHECK(s.layer().set_pacing(s.socket, true));
    CHECK(s.layer().set_pacing(s.socket, false));
    CHECK(s.layer().usage().validations == 1);
    CHECK(s.layer().set_idle_window(s.socket, idle_window::restart));
    CHECK(s.layer().usage().validations == 0);
    CHECK(info(s).pacing_rate == 0);
    s.sends(ack(s.peer_acked).seq(1));
    s.after(60s);
    s.writes(mss);
    s.after(1ms);
    CHECK(window(s) == 10 * mss);
    s.layer().abort(s.socket, s.now());

    script t;
    t.listens();
    CHECK(t.layer().set_idle_window(t.listener, idle_window::validate));
    t.sends(syn().mss(mss));
    t.expects(syn_ack());
    t.after(1ms);
    t.sends(ack(1).seq(1));
    t.accepts();
    CHECK(t.layer().usage().validations == 1);
    t.layer().abort(t.socket, t.now());
    CHECK(t.layer().usage().validations == 0);
}

}  // namespace
