// Pacing: spacing at the rate of window and round trip, catching up within a quantum, and who does
// not wait.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

namespace {

using namespace coax;
using namespace coax::tests;
using stack::tcp_config;

constexpr auto grain = 17us;  // of the timers

tcp_config paced() {
    tcp_config config = script::with_newreno(tcp_config());
    config.pacing = true;
    return config;
}

// A connection whose round trip is 100 ms: ten segments of 1460 bytes in the initial window give
// 2 * 14600 / 0.1 s = 292,000 bytes/s, 5 ms for a segment.
void establish(script& s) {
    s.listens();
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    s.after(100ms);
    s.sends(ack(1).seq(1));
    s.accepts();
}

TEST_CASE("a paced connection sends a quantum at once and the rest at its rate") {
    script s(paced());
    establish(s);
    CHECK(s.layer().info(s.socket)->pacing_rate == 292000);
    s.writes(14600);
    for (std::uint32_t i = 0; i < 3; ++i) s.expects(data(1 + i * 1460, 1460));
    s.silent_for(4900us);
    for (std::uint32_t i = 3; i < 10; ++i) {
        s.after(100us + grain);
        s.expects(data(1 + i * 1460, 1460));
        s.silent_for(4900us - grain);  // the grain of one wait is not added to the next
    }
    s.silent_for(50ms);
    CHECK(s.counter("tcp.paced_waits") == 7);
}

TEST_CASE("pacing keeps neither acknowledgments nor the FIN behind what is sent") {
    script s(paced());
    establish(s);
    s.writes(5 * 1460);
    for (std::uint32_t i = 0; i < 3; ++i) s.expects(data(1 + i * 1460, 1460));
    s.sends(data(1, 1460));
    s.expects(ack(1461));
    s.shuts();
    s.expects_nothing();
    s.after(5ms + grain);
    s.expects(data(4381, 1460));
    s.after(5ms);
    s.expects(data(5841, 1460).fin());
}

TEST_CASE("a rate is 1.2 windows in a round trip above half the threshold") {
    script s(paced());
    establish(s);
    s.writes(14600);
    s.after(60ms);
    for (std::uint32_t i = 0; i < 10; ++i) s.expects(data(1 + i * 1460, 1460));
    s.after(300ms);  // timeout
    s.expects(data(1, 1460));
    s.sends(ack(14601).seq(1));
    const auto i = *s.layer().info(s.socket);
    CHECK(i.congestion_window == 2 * 1460);
    CHECK(i.slow_start_threshold == 7300);
    const auto rtt = static_cast<std::uint64_t>(i.smoothed_rtt / 1us);
    CHECK(i.pacing_rate == i.congestion_window * 20ULL * 100000 / rtt);
    s.writes(14600);
    s.after(1s);
    s.expects(data(14601, 1460));
    s.expects(data(16061, 1460));
    s.sends(ack(17521).seq(1));
    const auto j = *s.layer().info(s.socket);
    CHECK(j.congestion_window > j.slow_start_threshold / 2);
    CHECK(j.pacing_rate ==
          j.congestion_window * 12ULL * 100000 / static_cast<std::uint64_t>(j.smoothed_rtt / 1us));
}

TEST_CASE("pacing is switched on and off on a live connection, and inherited") {
    script s;
    establish(s);
    CHECK(s.layer().info(s.socket)->pacing_rate == 0);
    CHECK(s.layer().set_pacing(s.socket, true));
    CHECK(s.layer().info(s.socket)->pacing_rate == 292000);
    s.writes(14600);
    for (std::uint32_t i = 0; i < 3; ++i) s.expects(data(1 + i * 1460, 1460));
    s.expects_nothing();
    CHECK(s.layer().set_pacing(s.socket, false));
    s.writes(1);
    for (std::uint32_t i = 3; i < 10; ++i) s.expects(data(1 + i * 1460, 1460));
    script t;
    t.listens();
    CHECK(t.layer().set_pacing(t.listener, true));
    t.sends(syn().mss(1460));
    t.expects(syn_ack().seq(0).ack(1));
    t.after(1ms);
    t.sends(ack(1).seq(1));
    t.accepts();
    CHECK(t.layer().info(t.socket)->pacing_rate != 0);
}

// A held connection with nothing in flight waits for its moment, not for a window (RFC 9293
// 3.8.6.1): no probe, and the connection may end while it waits.
TEST_CASE("a connection that ends while it is held leaves no timer") {
    script s(paced());
    establish(s);
    s.writes(14600);
    for (std::uint32_t i = 0; i < 3; ++i) s.expects(data(1 + i * 1460, 1460));
    s.sends(ack(4381).seq(1));
    s.layer().abort(s.socket, s.now());
    s.after(10s);
    CHECK(s.counter("tcp.window_probes") == 0);
    CHECK(s.layer().next_deadline() == stack::never);
}

}  // namespace
