// Header prediction of the sender: the short way and the one by all questions send the same.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::tests;

namespace {

struct observed {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> sent;
    instant deadline;
    tcp::connection_info info;
};

observed look_at(script& s) {
    return {s.take_sent(), s.layer().next_deadline(), *s.layer().info(s.socket)};
}

void begin(script& s, bool long_way) {
    s.establish_passive(syn().mss(1460).sack_permitted());
    s.forget_sent();
    // An option of its own, whatever it is, and prediction leaves the connection alone.
    if (long_way) REQUIRE(s.layer().set_linger(s.socket, 30s));
}

}  // namespace

// RFC 9293 3.8.6, 3.9.1 (MUST-60); RFC 5681 4.1; RFC 6298 (5.1); RFC 8985 7.2
TEST_CASE("what is predicted of a sender is what all questions would have answered") {
    tcp_config config;
    config.congestion = GENERATE(congestion_algorithm::cubic, congestion_algorithm::newreno);
    script predicted(config);
    script in_runs(config);
    script asked(config);
    in_runs.run_max = 3;
    begin(predicted, false);
    begin(in_runs, false);
    begin(asked, true);
    seeded chance(GENERATE(range(std::uint64_t{1}, std::uint64_t{40})));
    std::uint32_t written = 1;
    std::uint32_t acked = 1;
    std::uint32_t received = 1;
    bool ended = false;
    for (int step = 0; step < 60; ++step) {
        CAPTURE(step);
        // The FIN goes with what was written just before, or alone.
        const bool ends = !ended && step > 20 && chance.next() % 16 == 0;
        ended = ended || ends;
        const std::uint64_t what = chance.next() % 8;
        const auto size = static_cast<std::uint32_t>(
            chance.next() % 3 == 0 ? chance.next() % 12000 + 1 : chance.next() % 1459 + 1);
        const std::uint32_t ack_at =
            what == 0 ? acked : acked + static_cast<std::uint32_t>(chance.next()) % 2000;
        const duration pause = chance.next() % 6 == 0 ? duration(700ms) : duration(3ms);
        const std::uint32_t window = chance.next() % 5 == 0 ? 700 : 65535;
        std::uint32_t taken = 0;
        for (script* s : {&predicted, &in_runs, &asked}) {
            if (what < 4) taken = static_cast<std::uint32_t>(s->writes(size));
            if (ends) s->shuts();
            const std::uint32_t outstanding = s->layer().info(s->socket)->outstanding;
            const std::uint32_t upto = std::min(ack_at, acked + outstanding);
            const std::uint32_t at = what == 7 ? acked + outstanding : upto;
            if (what >= 3) s->sends(ack(at).seq(received).win(window).length(what == 5 ? 100 : 0));
            s->after(pause);
            (void)s->reads();
        }
        written += what < 4 ? taken : 0;
        if (what == 5) received += 100;
        const observed a = look_at(predicted);
        acked = written - a.info.send_buffered;
        for (script* s : {&in_runs, &asked}) {
            const observed b = look_at(*s);
            REQUIRE(a.sent == b.sent);
            REQUIRE(a.deadline == b.deadline);
            REQUIRE(a.info.congestion_window == b.info.congestion_window);
            REQUIRE(a.info.current == b.info.current);
            REQUIRE(a.info.outstanding == b.info.outstanding);
            REQUIRE(a.info.send_buffered == b.info.send_buffered);
            REQUIRE(a.info.receive_window == b.info.receive_window);
            REQUIRE(a.info.smoothed_rtt == b.info.smoothed_rtt);
            REQUIRE(a.info.retransmission_timeout == b.info.retransmission_timeout);
        }
    }
}
