// BBR over a simulated bottleneck: one connection with endless data, a link of a certain rate and
// delay with a queue that drops its tail, and delivery-rate samples as BBR 4.1 makes them.
#include "stack/tcp/congestion/bbr.hpp"

#include <deque>

#include <catch2/catch.hpp>

#include "tests/tcp/seeded.hpp"

using namespace coax::stack;
using namespace coax::stack::tcp;
using namespace std::chrono_literals;
using coax::tests::seeded;

namespace {

constexpr std::uint16_t mss = 1000;

struct link_of {
    std::uint64_t rate = 10'000'000;  // bytes/s
    duration delay = 20ms;            // of a round trip without queue
    std::uint32_t queue = 1'000'000;  // bytes
    double loss = 0;                  // at random, before the queue
};

struct bottleneck {
    explicit bottleneck(const link_of& l) : link(l) {
        s.mss = mss;
        s.set_window(10 * mss);
        REQUIRE(control.start(s, link.delay, now));
    }
    ~bottleneck() { control.stop(s); }

    struct in_flight_segment {
        instant sent, back;  // back: its acknowledgment arrives
        std::uint32_t delivered, sent_in_flight, lost;
        instant delivered_at, first_sent;
        bool dropped;
    };

    const bbr_state& model() const { return *control.model_of(s); }

    void transmit() {
        if (flying.empty()) {  // BBR 4.1.2.2
            first_sent = delivered_at = now;
            control.on_restart(s, false, now);
        }
        flight += mss;
        in_flight_segment g{now, now, delivered, flight, lost, delivered_at, first_sent, false};
        const instant free = std::max(link_free, now);
        const auto waiting = static_cast<std::uint64_t>((free - now) / 1us) * link.rate / 1'000'000;
        g.dropped = waiting + mss > link.queue || random.chance(link.loss);
        if (!g.dropped) {
            link_free = free + duration(std::int64_t{mss} * 1'000'000'000 /
                                        static_cast<std::int64_t>(link.rate));
            g.back = link_free + link.delay;
        } else {
            g.back = free + link.delay;  // when the next one tells of it
            ++drops;
        }
        flying.push_back(g);
        const std::uint64_t rate = control.pacing_rate(s);
        next_send = std::max(next_send, now - 1ms) +
                    duration(std::int64_t{mss} * 1'000'000'000 / static_cast<std::int64_t>(rate));
    }

    void acknowledge() {
        acknowledged a;
        a.in_flight = flight;
        bool found_lost = false;
        while (flying.front().dropped) {  // those before were lost
            const in_flight_segment& g = flying.front();
            lost += mss;
            flight -= mss;
            a.lost += mss;
            control.on_lost(s, {mss, g.sent_in_flight, lost - g.lost, false, delivered}, now);
            found_lost = true;
            flying.pop_front();
            if (flying.empty()) return;
        }
        if (found_lost && !in_recovery) {
            control.on_congestion(s, {now, congestion_sign::loss, flight});
            in_recovery = true;
            recover = delivered + flight;
        }
        const in_flight_segment g = flying.front();
        flying.pop_front();
        flight -= mss;
        delivered += mss;
        delivered_at = now;
        rate_sample rs;
        rs.delivered = delivered - g.delivered;
        rs.interval = std::max(g.sent - g.first_sent, now - g.delivered_at);
        first_sent = g.sent;
        rs.delivered_total = delivered;
        rs.prior_delivered = g.delivered;
        rs.sent_in_flight = g.sent_in_flight;
        rs.lost = lost - g.lost;
        a.now = now;
        a.bytes = a.delivered = mss;
        a.newest_round_trip = now - g.sent;
        a.in_flight_after = flight;
        a.window_limited = limited;
        a.in_recovery = in_recovery;
        a.rate = &rs;
        if (in_recovery && static_cast<std::int32_t>(delivered - recover) >= 0) {
            in_recovery = false;
            control.on_recovered(s, {now, flight, true});
        }
        control.on_acknowledged(s, a);
        total += mss;
        longest_round_trip = std::max(longest_round_trip, a.newest_round_trip);
        sum_round_trip += a.newest_round_trip;
        least_flight = std::min(least_flight, flight);
        seen_phases |= 1U << static_cast<unsigned>(model().phase);
    }

    void run(duration time) {
        total = 0;
        longest_round_trip = sum_round_trip = duration::zero();
        least_flight = ~0U;
        seen_phases = drops = 0;
        const instant until = now + time;
        while (now < until) {
            const bool may = flight + mss <= s.window.bytes();
            limited = limited || !may;
            instant next = until;
            if (may) next = std::min(next, std::max(next_send, now));
            if (!flying.empty()) next = std::min(next, std::max(flying.front().back, now));
            now = next;
            if (!flying.empty() && flying.front().back <= now) acknowledge();
            else if (may && next_send <= now) transmit();
        }
        seconds = std::chrono::duration<double>(time).count();
    }
    double goodput() const { return static_cast<double>(total) / seconds; }
    double drop_share() const { return drops * double{mss} / static_cast<double>(total + 1); }
    duration average_round_trip() const {
        return sum_round_trip / static_cast<std::int64_t>(std::max<std::uint64_t>(total / mss, 1));
    }
    bool saw(bbr_phase p) const { return (seen_phases >> static_cast<unsigned>(p) & 1) != 0; }

    link_of link;
    bbr control{4};
    congestion_state s;
    instant now{100s};
    instant next_send{}, link_free{}, delivered_at{}, first_sent{};
    std::uint32_t flight = 0, delivered = 0xffff0000U, lost = 0, recover = 0;  // totals wrap
    bool in_recovery = false, limited = false;
    std::deque<in_flight_segment> flying;
    seeded random{5};
    // of the last run
    std::uint64_t total = 0;
    double seconds = 1;
    duration longest_round_trip{}, sum_round_trip{};
    std::uint32_t least_flight = 0;
    unsigned seen_phases = 0, drops = 0;
};

}  // namespace

// BBR 5.3.1, 5.3.2, 5.6.2
TEST_CASE("BBR: startup doubles until the pipe is full, drains, and stays in ProbeBW") {
    bottleneck net({});
    CHECK(net.model().pacing_rate == 10 * mss * 50ULL * 277 / 100);  // 2.77 * 10 segments / 20 ms
    net.run(1s);
    CHECK(net.saw(bbr_phase::startup));
    CHECK(net.saw(bbr_phase::drain));
    CHECK(net.model().full_bw_reached);
    CHECK(net.saw(bbr_phase::probe_cruise));
    CHECK(static_cast<double>(net.model().bw) == Approx(1e7).epsilon(0.03));
    CHECK(net.model().min_rtt >= 20ms);
    CHECK(net.model().min_rtt <= 21ms);
}

// BBR 5.3.3, 5.6.1
TEST_CASE("BBR: a deep queue is not filled, and the link is") {
    bottleneck net({.queue = 10'000'000});
    net.run(2s);
    net.run(20s);
    CHECK(net.goodput() > 0.93 * 1e7);
    CHECK(net.drops == 0);
    CHECK(net.average_round_trip() < 26ms);  // a BDP of queue would make 40 ms
    CHECK(net.saw(bbr_phase::probe_down));
    CHECK(net.saw(bbr_phase::probe_cruise));
    CHECK(net.saw(bbr_phase::probe_refill));
    CHECK(net.saw(bbr_phase::probe_up));
}

// BBR 5.3.4
TEST_CASE("BBR: every five seconds ProbeRTT drains the pipe to half of it") {
    bottleneck net({});
    net.run(4s);
    CHECK(!net.saw(bbr_phase::probe_rtt));
    net.run(7s);
    CHECK(net.saw(bbr_phase::probe_rtt));
    CHECK(net.least_flight <= 110'000);  // BDP 200,000
    CHECK(net.model().phase != bbr_phase::probe_rtt);
    CHECK(net.goodput() > 0.93 * 1e7);
}

// BBR 5.5.10: losses of a shallow queue bound the volume; goodput stays
TEST_CASE("BBR: a queue of a quarter of the pipe costs few drops and little goodput") {
    bottleneck net({.queue = 50'000});
    net.run(2s);
    net.run(20s);
    CHECK(net.goodput() > 0.85 * 1e7);
    CHECK(net.drop_share() < 0.02);
    CHECK(net.model().inflight_longterm != bbr_state::unbounded);
}

// BBR 2.5 (LossThresh): loss below two percent is not congestion
TEST_CASE("BBR: half a percent of random loss does not slow it down") {
    bottleneck net({.loss = 0.005});
    net.run(3s);
    net.run(10s);
    CHECK(net.goodput() > 0.8 * 1e7);
}

// BBR 5.5.3: two cycles of the filter
TEST_CASE("BBR: a path that becomes slower, and faster again, is followed") {
    bottleneck net({});
    net.run(3s);
    net.link.rate = 4'000'000;
    net.run(12s);
    CHECK(static_cast<double>(net.model().bw) == Approx(4e6).epsilon(0.1));
    net.link.rate = 12'000'000;
    net.run(15s);
    net.run(3s);
    CHECK(net.goodput() > 0.85 * 12e6);
}

// BBR 5.3.4.3: a longer path is believed after the filter's ten seconds
TEST_CASE("BBR: a round trip that grows is learned") {
    bottleneck net({});
    net.run(3s);
    net.link.delay = 60ms;
    net.run(25s);
    CHECK(net.model().min_rtt >= 60ms);
    CHECK(net.model().min_rtt < 70ms);
    net.run(5s);
    CHECK(net.goodput() > 0.85 * 1e7);
}

// BBR 5.6.4.4
TEST_CASE("BBR: after a timeout one segment, and the window comes back with recovery") {
    bottleneck net({});
    net.run(2s);
    const std::uint32_t before = net.s.window.bytes();
    net.control.on_timeout(net.s, net.flight, false, net.now);
    CHECK(net.s.window.bytes() == mss);
    net.control.on_recovered(net.s, {net.now, 0, true});
    CHECK(net.s.window.bytes() == before);
    net.control.on_timeout(net.s, net.flight, false, net.now);
    net.control.on_undo(net.s, net.s, net.now);
    CHECK(net.s.window.bytes() == before);
}

TEST_CASE("BBR: no memory, no start; what stops gives its block back") {
    const bbr control(1);
    congestion_state first;
    first.set_window(14600);
    congestion_state second = first;
    CHECK(control.start(first, 0ns, instant(1s)));
    CHECK(!control.start(second, 0ns, instant(1s)));
    CHECK(!second.samples_rate);
    control.stop(first);
    control.stop(first);
    CHECK(control.start(second, 0ns, instant(1s)));
    control.stop(second);
}
