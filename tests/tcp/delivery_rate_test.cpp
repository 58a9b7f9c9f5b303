// Delivery-rate samples (BBR 4.1.2) segment by segment: what an interval is, which samples tell of
// the path and which of the user, what SACK blocks and retransmissions give, and who has none.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax;
using namespace coax::tests;
using stack::congestion_algorithm;
using stack::tcp_config;

namespace {

constexpr std::uint32_t segment = 1460;

tcp_config with_bbr() {
    tcp_config config;
    config.congestion = congestion_algorithm::bbr;
    return config;
}

// A round trip of 100 ms, SACK: ten segments of 1460 bytes at 404,420 bytes/s, 3.6 ms each.
void establish(script& s) {
    s.listens();
    s.sends(syn().mss(1460).sack_permitted());
    s.expects(syn_ack());
    s.after(100ms);
    s.sends(ack(1).seq(1));
    s.accepts();
}

std::uint64_t rate(script& s) { return s.layer().info(s.socket)->delivery_rate; }

}  // namespace

// BBR 4.1.1: delivered within the longer of the time to send and the time to be acknowledged
TEST_CASE("delivery rate: what arrived in a round trip; little that is given is no low rate") {
    script s(with_bbr());
    establish(s);
    CHECK(s.layer().info(s.socket)->congestion == "bbr");
    CHECK(s.layer().info(s.socket)->pacing_rate == 14600ULL * 10 * 277 / 100);
    CHECK(rate(s) == 0);
    s.writes(2 * segment);
    s.expects(data(1, segment));
    s.expects(data(1 + segment, segment));
    s.after(100ms);
    s.sends(ack(1 + 2 * segment).seq(1));
    CHECK(rate(s) == 2 * segment * 10);
    // After a gap a sample tells what was offered: it counts only if it is more.
    s.after(50ms);
    s.writes(segment);
    s.expects(data(1 + 2 * segment, segment));
    s.after(100ms);
    s.sends(ack(1 + 3 * segment).seq(1));
    CHECK(rate(s) == 2 * segment * 10);
    s.after(50ms);
    s.writes(3 * segment);
    for (std::uint32_t i = 3; i < 6; ++i) s.expects(data(1 + i * segment, segment));
    s.after(100ms);
    s.sends(ack(1 + 6 * segment).seq(1));
    CHECK(rate(s) == 3 * segment * 10);
}

// BBR 4.1.2.3: acknowledgments that come together don't make the path faster
TEST_CASE("delivery rate: an interval is never shorter than the time it took to send") {
    script s(with_bbr());
    establish(s);
    s.writes(4 * segment);
    for (std::uint32_t i = 0; i < 3; ++i) s.expects(data(1 + i * segment, segment));
    s.after(4ms);
    s.expects(data(1 + 3 * segment, segment));
    s.after(96ms);
    s.sends(ack(1 + segment).seq(1));
    CHECK(rate(s) == segment * 10);
    s.sends(ack(1 + 4 * segment).seq(1));  // at the same moment: 96 ms after the last was sent
    CHECK(rate(s) <= 4 * segment * 10);
    CHECK(rate(s) >= segment * 10);
}

// BBR 4.1.2.3: SACK blocks deliver too, and what fills the gap counts once
TEST_CASE("delivery rate: SACK blocks give samples; a retransmission's is of its last sending") {
    script s(with_bbr());
    establish(s);
    s.writes(6 * segment);
    for (std::uint32_t i = 0; i < 3; ++i) s.expects(data(1 + i * segment, segment));
    for (std::uint32_t i = 3; i < 6; ++i) {
        s.after(4ms);
        s.expects(data(1 + i * segment, segment));
    }
    s.after(88ms);
    s.sends(ack(1).seq(1).sack({{1 + segment, 1 + 3 * segment}}));
    CHECK(rate(s) == 2 * segment * 10);
    s.after(12ms);
    s.sends(ack(1).seq(1).sack({{1 + segment, 1 + 6 * segment}}));
    // Five segments of six in 112 ms; the first is lost, and goes again.
    CHECK(rate(s) == std::uint64_t{5} * segment * 1'000'000 / 112'000);
    s.expects(data(1, segment));
    s.after(100ms);
    s.sends(ack(1 + 6 * segment).seq(1));
    // Since the retransmission one segment arrived; that says nothing of the path but is a sample.
    const auto i = *s.layer().info(s.socket);
    CHECK(i.congestion_window >= 4 * segment);
    CHECK(i.phase == stack::tcp::sender_phase::open);
}

TEST_CASE("delivery rate: nobody else samples, and a change of control begins anew") {
    script s(script::with_newreno(tcp_config()));
    establish(s);
    s.writes(3 * segment);
    for (std::uint32_t i = 0; i < 3; ++i) s.expects(data(1 + i * segment, segment));
    REQUIRE(s.layer().set_congestion(s.socket, "bbr", s.now()));
    CHECK(s.layer().usage().models == 1);
    CHECK(s.layer().usage().pacings == 1);
    s.after(100ms);
    s.sends(ack(1 + 3 * segment).seq(1));
    CHECK(rate(s) == 0);  // nobody took notes when these were sent
    s.writes(2 * segment);
    s.expects(data(1 + 3 * segment, segment));
    s.expects(data(1 + 4 * segment, segment));
    s.after(100ms);
    s.sends(ack(1 + 5 * segment).seq(1));
    CHECK(rate(s) == 2 * segment * 10);
    REQUIRE(s.layer().set_congestion(s.socket, "newreno", s.now()));
    CHECK(rate(s) == 0);
    CHECK(s.layer().usage().models == 0);
    CHECK(s.layer().usage().pacings == 0);
}

// RFC 3168 6.1.2: who does not answer marks does not ask for them
TEST_CASE("BBR sends without ECT on a connection with ECN") {
    tcp_config config = with_bbr();
    script s(config);
    s.listens();
    s.sends(syn().mss(1460).sack_permitted().ece().cwr());
    s.expects(syn_ack().ece());
    s.after(100ms);
    s.sends(ack(1).seq(1));
    s.accepts();
    CHECK(s.layer().info(s.socket)->congestion_notification);
    s.writes(segment);
    s.expects(data(1, segment).ect(false));
}
