// CUBIC (RFC 9293 MAY-18) against the figures of RFC 9438, computed here in floating point; and
// HyStart++ against the rounds of RFC 9406.
#include "stack/tcp/congestion/cubic.hpp"

#include <cmath>

#include <catch2/catch.hpp>

#include "stack/tcp/congestion/newreno.hpp"
#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::stack::tcp;
using coax::tests::script;
using namespace std::chrono_literals;

namespace {

constexpr double tick = 65536e-9;  // seconds

// One connection's window in a world of rounds: everything sent is acknowledged a round trip
// later, two segments at a time.
struct flight {
    explicit flight(const congestion_control& c, std::uint16_t mss = 1000, unsigned segments = 10)
        : control(c) {
        s.mss = mss;
        s.set_window(std::uint64_t{segments} * mss);
        REQUIRE(control.start(s, rtt, now));
    }
    std::uint32_t segments() const { return s.window.bytes() / s.mss; }
    void acknowledge(std::uint32_t bytes, duration measured, bool limited = true) {
        una = una + bytes;
        acknowledged a;
        a.now = now;
        a.bytes = bytes;
        a.in_flight = s.window.bytes();
        a.round_trip = rtt;
        a.window_limited = limited;
        a.newest_round_trip = measured;
        a.una = una;
        a.nxt = una + s.window.bytes();
        a.delivered = bytes;
        control.on_acknowledged(s, a);
    }
    // A window's worth of acknowledgments, spread over a round trip that measures `measured`.
    void round(duration measured, bool limited = true) {
        const std::uint32_t window = s.window.bytes();
        const std::uint32_t count = std::max(window / (2U * s.mss), 1U);
        for (std::uint32_t i = 0; i < count; ++i) {
            now += rtt / count;
            acknowledge(window / count, measured, limited);
        }
    }
    void rounds(int count) {
        for (int i = 0; i < count; ++i) round(rtt);
    }
    void loses() { control.on_congestion(s, {now, congestion_sign::loss, s.window.bytes()}); }

    const congestion_control& control;
    congestion_state s;
    duration rtt = 100ms;
    instant now{1000s};
    seq una{0xfffff000};
};

// RFC 9438 4.2: the window that figure 1 gives `t` seconds after a loss at `w_max` segments.
double figure_1(double t, double w_max) {
    const double k = std::cbrt(w_max * 0.3 / 0.4);
    return 0.4 * std::pow(t - k, 3) + w_max;
}

}  // namespace

TEST_CASE("CUBIC's cube root is the floor of the cube root") {
    for (std::uint64_t r : {0ULL, 1ULL, 2ULL, 3ULL, 1000ULL, 65535ULL, 2097151ULL, 2642245ULL}) {
        CHECK(cubic_math::cube_root(r * r * r) == r);
        if (r > 1) CHECK(cubic_math::cube_root(r * r * r - 1) == r - 1);
    }
    CHECK(cubic_math::cube_root(~std::uint64_t{0}) == 2642245);
}

// RFC 9438 4.2, figures 1 and 2
TEST_CASE("W_cubic(t) and K are those of the figures, from 2 to 500,000 segments") {
    for (const double w_max : {2.0, 10.0, 100.0, 1000.0, 12000.0, 500000.0}) {
        for (const std::uint32_t mss : {536U, 1460U}) {
            const auto bytes = static_cast<std::uint32_t>(w_max * mss);
            const std::uint32_t k = cubic_math::time_to_plateau(bytes / 10 * 3, mss);
            const double wanted_k = std::cbrt(w_max * 0.3 / 0.4);
            CHECK(k * tick == Approx(wanted_k).epsilon(0.002));
            for (int step = 0; step <= 20; ++step) {
                const double t = wanted_k * step / 10;
                const auto got =
                    cubic_math::window_at(static_cast<std::uint32_t>(t / tick), k, bytes, mss);
                CHECK(static_cast<double>(got) ==
                      Approx(figure_1(t, w_max) * mss).epsilon(0.002).margin(2));
            }
        }
    }
    // What can't be told apart any more is bounded, not wrapped.
    CHECK(cubic_math::time_to_plateau(1U << 30, 1) == cubic_math::tick_max);
    CHECK(cubic_math::window_at(0, cubic_math::tick_max, 1000, 65535) == 0);
    CHECK(cubic_math::window_at(~0U, 0, 1U << 30, 65535) > 1ULL << 30);
}

// RFC 9438 4.2 to 4.5: concave up to W_max, flat there, convex behind
TEST_CASE("CUBIC's window follows the curve through a whole epoch") {
    const cubic control;
    flight f(control, 1000, 10000);  // 1e7 bytes; BDP far above the Reno-friendly region
    f.rtt = 50ms;
    f.loses();
    CHECK(f.segments() == 7000);
    const instant begin = f.now;
    double previous_step = 0;
    bool concave = false;
    bool convex = false;
    for (int i = 0; i < 600; ++i) {
        const std::uint32_t before = f.segments();
        f.round(f.rtt);
        const double t = std::chrono::duration<double>(f.now - begin).count();
        // The target is one round trip ahead, and reached within one.
        CHECK(f.segments() >= figure_1(t - 0.1, 10000) * 0.997);
        CHECK(f.segments() <= figure_1(t + 0.1, 10000) * 1.003);
        const double step = f.segments() - static_cast<double>(before);
        if (t < 15 && i > 5 && step < previous_step) concave = true;
        if (t > 25 && step > previous_step) convex = true;
        previous_step = step;
    }
    CHECK(concave);
    CHECK(convex);
    // K = cbrt(3000 / 0.4) = 19.57 s; ten seconds behind it the curve stands 454 segments higher.
    CHECK(f.segments() > 10400);
}

// RFC 9438 4.2: target is at most 1.5 cwnd
TEST_CASE("CUBIC grows by at most a half in a round trip") {
    const cubic control;
    flight f(control, 1000, 10);
    f.rtt = 10s;  // the curve would give thousands
    f.loses();
    for (int i = 0; i < 6; ++i) {
        const std::uint32_t before = f.s.window.bytes();
        f.round(f.rtt);
        CHECK(f.s.window.bytes() <= before + before / 2);
    }
}

// RFC 9438 4.3, figure 4: with a short round trip Reno is faster, and CUBIC goes with it
TEST_CASE("CUBIC in the Reno-friendly region grows by alpha until cwnd_prior, then by one") {
    const cubic control;
    flight f(control, 1000, 100);
    f.rtt = 1ms;
    f.loses();
    CHECK(f.segments() == 70);
    // alpha = 3 * 0.3 / 1.7 = 0.529 segments a round trip
    f.rounds(20);
    CHECK(f.segments() == Approx(70 + 20 * 9.0 / 17).margin(1.01));
    f.rounds(37);
    CHECK(f.segments() == Approx(100).margin(1.01));
    const std::uint32_t there = f.segments();
    f.rounds(20);
    CHECK(f.segments() == Approx(there + 20).margin(1.51));
}

// RFC 9438 4.3 and 5.1, figure 3: AIMD(9/17, 0.7) has Reno's average window for a given loss rate
TEST_CASE("CUBIC at short round trips has Reno's average window") {
    const cubic cubic_control;
    const newreno reno_control;
    const auto average = [](const congestion_control& control) {
        flight f(control, 1000, 20);
        f.rtt = 2ms;
        f.loses();
        double sum = 0;
        int rounds = 0;
        double sent = 0;
        for (; rounds < 20000; ++rounds) {
            sum += f.segments();
            sent += f.segments();
            f.round(f.rtt);
            if (sent < 2000) continue;  // one loss in 2,000 segments
            sent = 0;
            f.loses();
        }
        return sum / rounds;
    };
    const double reno = average(reno_control);
    CHECK(reno == Approx(std::sqrt(3.0 / 2 * 2000)).epsilon(0.1));
    CHECK(average(cubic_control) == Approx(reno).epsilon(0.1));
}

// RFC 9438 4.6, figure 5
TEST_CASE(
    "CUBIC's multiplicative decrease: 0.7 of the flight, two segments at least, one for ECE") {
    const cubic control;
    flight f(control, 1000, 100);
    control.on_congestion(f.s, {f.now, congestion_sign::loss, 50000});  // FlightSize, not cwnd
    CHECK(f.s.slow_start_threshold == 35000);
    CHECK(f.s.window.bytes() == 35000);
    control.on_congestion(f.s, {f.now, congestion_sign::loss, 2000});
    CHECK(f.s.slow_start_threshold == 2000);
    CHECK(f.s.window.bytes() == 2000);
    control.on_congestion(f.s, {f.now, congestion_sign::ecn, 1000});
    CHECK(f.s.slow_start_threshold == 2000);
    CHECK(f.s.window.bytes() == 1000);
}

// RFC 9438 4.7: W_max = cwnd * (1 + beta) / 2 when it did not come back to the last one
TEST_CASE("CUBIC's fast convergence lowers the plateau") {
    const cubic control;
    const auto plateau = [&](bool twice) {
        flight f(control, 1000, 10000);
        f.rtt = 50ms;
        f.loses();
        if (twice) {
            f.rounds(20);  // 7,000 and a little, far below 10,000
            f.loses();
        }
        const double from = f.segments();
        double slowest = 1e9;
        double at = from;
        for (int i = 0; i < 500; ++i) {
            const double before = f.segments();
            f.round(f.rtt);
            if (i > 10 && f.segments() - before < slowest) {
                slowest = f.segments() - before;
                at = f.segments();
            }
        }
        return std::pair(from, at);
    };
    CHECK(plateau(false).second == Approx(10000).epsilon(0.02));
    const auto [from, at] = plateau(true);
    CHECK(at == Approx(from / 0.7 * 0.85).epsilon(0.03));
}

// RFC 9438 4.8
TEST_CASE("CUBIC after a timeout: one segment, slow start to 0.7, then K = 0 from there") {
    const cubic control;
    flight f(control, 1000, 100);
    control.on_timeout(f.s, 100000, false, f.now);
    CHECK(f.s.window.bytes() == 1000);
    CHECK(f.s.slow_start_threshold == 70000);
    control.on_timeout(f.s, 1000, true, f.now);  // RFC 5681 3.1: again, for the same data
    CHECK(f.s.slow_start_threshold == 70000);
    // RFC 3465 2.3: L = 1 after a timeout
    f.acknowledge(5000, f.rtt);
    CHECK(f.s.window.bytes() == 2000);
    while (f.s.in_slow_start()) f.round(f.rtt);
    const std::uint32_t from = f.segments();
    CHECK(from >= 70);
    const instant begin = f.now;
    f.rtt = 1s;  // slow enough for the curve to be above Reno's line
    f.rounds(10);
    const double t = std::chrono::duration<double>(f.now - begin).count();
    CHECK(f.segments() >= from + 0.4 * std::pow(t - 1, 3) - 2);
    CHECK(f.segments() <= from + 0.4 * std::pow(t + 1, 3) + 2);
}

// RFC 9438 4.9: spurious timeouts and spurious loss detection
TEST_CASE("CUBIC's undo brings back window, threshold and curve") {
    const cubic control;
    flight f(control, 1000, 1000);
    f.loses();
    f.rounds(30);
    const congestion_state before = f.s;
    SECTION("after a timeout") { control.on_timeout(f.s, f.s.window.bytes(), false, f.now); }
    SECTION("after a loss") { f.loses(); }
    CHECK(f.s.window.bytes() < before.window.bytes());
    control.on_undo(f.s, before, f.now);
    CHECK(f.s.window.bytes() == before.window.bytes());
    CHECK(f.s.slow_start_threshold == before.slow_start_threshold);
    CHECK(f.s.own == before.own);
    CHECK(!f.s.after_timeout);
}

TEST_CASE("CUBIC's undo of the first slow start's end goes on with HyStart++") {
    const cubic control;
    flight f(control);
    f.rounds(2);
    const congestion_state before = f.s;
    f.loses();
    CHECK(!f.s.in_slow_start());
    control.on_undo(f.s, before, f.now);
    CHECK(f.s.in_slow_start());
    CHECK(f.s.own == before.own);
}

// RFC 9438 5.8 (application-limited): neither growth nor time
TEST_CASE("CUBIC's clock stands still while the application or the peer is the limit") {
    const cubic control;
    flight busy(control, 1000, 10000);
    busy.loses();
    flight lazy(control, 1000, 10000);
    lazy.loses();
    busy.rounds(50);
    lazy.rounds(25);
    const std::uint32_t there = lazy.s.window.bytes();
    for (int i = 0; i < 200; ++i) lazy.round(lazy.rtt, false);
    CHECK(lazy.s.window.bytes() == there);
    control.on_idle(lazy.s, 30s);
    lazy.now += 30s;
    lazy.rounds(25);
    CHECK(lazy.segments() == Approx(busy.segments()).epsilon(0.002));
}

// RFC 9406 4.2: no growing round trip, no end of slow start
TEST_CASE("HyStart++: slow start doubles while round trips stay as they are") {
    const cubic control;
    flight f(control, 1000, 16);
    f.rounds(6);
    CHECK(f.s.in_slow_start());
    CHECK(f.segments() == 16 * 64);
}

// RFC 9406 4.2, 4.3: L = 8 without pacing
TEST_CASE("HyStart++: an acknowledgment adds eight segments at most, unless paced") {
    const cubic control;
    flight f(control, 1000, 100);
    f.acknowledge(50000, 10ms);
    CHECK(f.segments() == 108);
    f.s.pacing = 1;
    f.acknowledge(50000, 10ms);
    CHECK(f.segments() == 158);
}

// RFC 9406 4.2: RttThresh = clamp(lastRoundMinRTT / 8, 4 ms, 16 ms)
TEST_CASE("HyStart++: conservative slow start for five rounds, then congestion avoidance") {
    struct row {
        duration rtt, quiet, loud;
    };
    const auto [rtt, quiet, loud] =
        GENERATE(row{10ms, 13900us, 14ms}, row{80ms, 89900us, 90ms}, row{400ms, 415900us, 416ms});
    const cubic control;
    flight f(control, 1000, 32);
    f.rtt = rtt;
    f.rounds(3);
    f.round(quiet);  // below the threshold; and now the last round's minimum is quiet
    const std::uint32_t doubled = f.segments();
    CHECK(doubled == 32 * 16);
    f.round(rtt);
    f.round(loud);  // eight samples in, it slows down to a quarter
    const std::uint32_t slowed = f.segments();
    CHECK(slowed < 32 * 32 * 13 / 10);
    CHECK(f.s.in_slow_start());
    for (int i = 0; i < 4; ++i) {
        CHECK(f.s.in_slow_start());
        f.round(loud);
    }
    f.round(loud);
    CHECK(!f.s.in_slow_start());
    CHECK(f.s.slow_start_threshold <= f.s.window.bytes());
    CHECK(f.segments() > slowed * 2);  // 1.25^4
}

// RFC 9406 4.2: back to slow start when the minimum falls below cssBaselineMinRtt
TEST_CASE("HyStart++: a delay that passes is forgiven") {
    const cubic control;
    flight f(control, 1000, 32);
    f.rounds(2);
    f.round(120ms);
    const std::uint32_t before = f.segments();
    CHECK(before < 32 * 8);
    f.round(105ms);  // eight samples below the baseline
    CHECK(f.segments() > before * 18 / 10);
    f.rounds(8);
    CHECK(f.s.in_slow_start());
}

// RFC 9406 4.2: fewer than N_RTT_SAMPLE samples in a round say nothing
TEST_CASE("HyStart++: seven samples are not enough") {
    const cubic control;
    flight f(control, 1000, 14);
    f.round(100ms);
    f.s.set_window(14000);
    for (int i = 0; i < 7; ++i) f.acknowledge(2000, 300ms);
    CHECK(f.segments() == 28);
}

// RFC 9406 4.2: loss or ECE ends it, and RFC 9406 4.3: only the first slow start has it
TEST_CASE("HyStart++: congestion ends it for ever") {
    const cubic control;
    flight f(control, 1000, 64);
    f.rounds(1);
    control.on_timeout(f.s, 64000, false, f.now);
    f.s.slow_start_threshold = 1 << 20;
    for (int i = 0; i < 4; ++i) {
        const std::uint32_t before = f.segments();
        f.round(f.rtt * (i + 1));
        CHECK(f.segments() >= before * 15 / 10);
    }
}

// The whole layer: the default, the choice, and who inherits it
TEST_CASE("congestion control is chosen per layer and per socket, and inherited from listeners") {
    script s{tcp_config()};
    s.establish_passive();
    CHECK(s.layer().info(s.socket)->congestion == "cubic");
    CHECK(s.layer().set_congestion(s.socket, "no such", s.now()).code() == error::invalid_argument);
    s.writes(14600);
    s.after(0ms);
    const auto before = *s.layer().info(s.socket);
    CHECK(s.layer().set_congestion(s.socket, "newreno", s.now()));
    const auto after = *s.layer().info(s.socket);
    CHECK(after.congestion == "newreno");
    CHECK(after.congestion_window == before.congestion_window);

    script t(script::with_newreno({}));
    t.listens();
    CHECK(t.layer().set_congestion(t.listener, "cubic", t.now()));
    t.sends(coax::tests::syn().mss(1460));
    t.expects(coax::tests::syn_ack().seq(0).ack(1));
    t.sends(coax::tests::ack(1).seq(1));
    t.accepts();
    CHECK(t.layer().info(t.socket)->congestion == "cubic");
}

// RFC 5681 3.1, RFC 7661: by the largest flight of the round trip, as Linux judges it
TEST_CASE("a window is in use when any flight of the round filled it, and in slow start half") {
    script s;
    s.establish_passive(coax::tests::syn().mss(1000));
    const auto window = [&] { return s.layer().info(s.socket)->congestion_window; };
    s.writes(5000);  // half of ten: not in use
    s.after(20ms);
    for (std::uint32_t to = 2001; to <= 4001; to += 2000) s.sends(coax::tests::ack(to).seq(1));
    s.sends(coax::tests::ack(5001).seq(1));
    CHECK(window() == 10000);
    s.writes(10000);  // all of it: the last acknowledgments of the burst make it grow as well
    s.after(20ms);
    for (std::uint32_t to = 7001; to <= 15001; to += 2000) s.sends(coax::tests::ack(to).seq(1));
    CHECK(window() == 20000);
    s.writes(5000);  // another round: what was in use is forgotten
    s.after(20ms);
    s.sends(coax::tests::ack(20001).seq(1));
    CHECK(window() == 20000);
}

// RFC 5681 4.1, RFC 2861 3.1
TEST_CASE("the window after idleness: kept, restarted, or halved for each timeout") {
    const auto after_idle = [](idle_window how, duration idle) {
        tcp_config config;
        config.after_idle = how;
        script s(config);
        s.establish_passive();
        for (std::uint32_t at = 1; at < 1 + 160 * 1460; at += 10 * 1460) {
            s.writes(14600);
            s.after(1ms);
            s.sends(coax::tests::ack(at + 14600).seq(1));
        }
        s.after(idle);
        s.writes(1460);
        s.after(0ms);
        return s.layer().info(s.socket)->congestion_window;
    };
    const std::uint32_t kept = after_idle(idle_window::keep, 10s);
    CHECK(kept > 29200);
    CHECK(after_idle(idle_window::restart, 10s) == 14600);
    CHECK(after_idle(idle_window::restart, 150ms) == kept);
    CHECK(after_idle(idle_window::decay, 150ms) == kept);
    CHECK(after_idle(idle_window::decay, 250ms) == kept / 2);
    CHECK(after_idle(idle_window::decay, 10s) == 14600);
}
