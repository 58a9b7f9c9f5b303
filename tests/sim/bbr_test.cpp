// BBR as a connection of a whole stack has it, on paths with a bottleneck, in virtual time: how
// much arrives, how long the queue is, and what the model makes of losses, of a user who gives
// little, of idleness, and of a path that is gone for a while.

#include <algorithm>
#include <array>
#include <deque>
#include <memory>

#include <catch2/catch.hpp>

#include "tests/sim/network/network.hpp"
#include "tests/sim/swarm/single_server.hpp"

namespace {

using namespace coax;
using namespace coax::sim;
using namespace std::chrono_literals;

constexpr std::uint64_t bottleneck = 10'000'000;  // bits per second, unless told otherwise
constexpr stack::duration round_trip = 40ms;
constexpr std::uint32_t bdp = 50'000;          // bytes, of both
constexpr std::uint64_t payload_share = 94;    // percent of what the bottleneck carries
constexpr std::uint64_t endless = 1ULL << 40;  // bytes

// One sender and one receiver over the bottleneck, and as many streams between them as are opened.
struct path {
    explicit path(std::uint32_t queue_bytes, per_million loss = 0,
                  stack::congestion_algorithm which = stack::congestion_algorithm::bbr,
                  std::uint32_t paced = 1000, std::uint64_t rate = bottleneck)
        : from(add(1, which, paced)), to(add(2, which, paced)) {
        lane_options there;
        there.delay = round_trip / 2;
        lane_options back = there;
        there.bits_per_second = rate;
        there.queue_bytes = queue_bytes;
        there.loss = loss;
        net.cable(from, to, there, back, 7);
    }
    ~path() { CHECK(faults.empty()); }
    host& add(std::uint8_t number, stack::congestion_algorithm which, std::uint32_t paced) {
        host_options o;
        o.address = {stack::ip_address::v4(198, 18, 0, number), 24};
        o.config.tcp.congestion = which;
        o.config.tcp.paced_connections_max = paced;
        o.config.neighbour.retries_max = 20;
        o.seed = number;
        return net.add_host(o);
    }

    struct stream {
        dialogue talk;
        std::unique_ptr<single_server> server;
        std::unique_ptr<session> client;
    };
    // With data without end, or with what supply() gives.
    stream& open(bool without_end = true) {
        stream& s = streams.emplace_back();
        s.talk.server = {to.address(), static_cast<std::uint16_t>(9 + streams.size())};
        s.talk.client_script.send_bytes = endless;
        // Of itself it would begin when its peer has ended, which it never does.
        if (!without_end) s.talk.client_script.how = ending::answer_last;
        s.server = std::make_unique<single_server>(to, s.talk, faults);
        s.server->listen();
        s.client = std::make_unique<session>(from, s.talk, true, faults);
        s.client->open(s.talk.server, 0);
        return s;
    }
    // So many bytes more, as the buffer takes them, within `time`.
    void supply(stream& s, std::uint64_t bytes, stack::duration time) {
        constexpr stack::duration step = 5ms;
        for (stack::duration passed{0}; passed < time; passed += step) {
            while (bytes != 0) {
                const std::array<stack::const_bytes, 1> piece{s.talk.up.bytes(
                    s.talk.client_end.accepted,
                    static_cast<std::size_t>(std::min<std::uint64_t>(bytes, 65536)))};
                const auto taken = from.stack().tcp_send(s.client->socket(), piece, net.now(), {});
                if (!taken) break;
                s.talk.client_end.accepted += *taken;
                bytes -= *taken;
            }
            from.wake();
            net.run_for(step);
        }
        CHECK(bytes == 0);
    }
    // Bytes that arrive within `time`.
    std::uint64_t arrive(const stream& s, stack::duration time) {
        const std::uint64_t before = s.talk.server_end.received;
        net.run_for(time);
        return s.talk.server_end.received - before;
    }
    stack::tcp::connection_info info(const stream& s) {
        return *from.stack().tcp_info(s.client->socket());
    }
    lane& way_there() { return *net.lanes().front(); }

    network net;
    host& from;
    host& to;
    fault_list faults;
    std::deque<stream> streams;
};

// Percent of what a stream could carry in that time.
std::uint64_t percent_of_path(std::uint64_t bytes, stack::duration time,
                              std::uint64_t rate = bottleneck) {
    const auto ms = static_cast<std::uint64_t>(time / 1ms);
    return bytes * 100 / (rate / 8 * payload_share / 100 * ms / 1000);
}

TEST_CASE("bbr: nine tenths of the bottleneck, with a short queue, and it knows the rate") {
    path p(4 * bdp);
    auto& s = p.open();
    p.net.run_for(2s);
    CHECK(percent_of_path(p.arrive(s, 20s), 20s) >= 90);
    const auto i = p.info(s);
    CHECK(i.congestion == "bbr");
    CHECK(i.delivery_rate > bottleneck / 8 * 85 / 100);
    CHECK(i.delivery_rate < bottleneck / 8);
    CHECK(i.pacing_rate > bottleneck / 8 / 2);
    CHECK(i.smoothed_rtt < round_trip * 3 / 2);
    CHECK(p.way_there().counters().lost_queue_full == 0);
}

TEST_CASE("bbr: a queue of a quarter of the product is enough") {
    path p(bdp / 4);
    auto& s = p.open();
    p.net.run_for(2s);
    CHECK(percent_of_path(p.arrive(s, 20s), 20s) >= 85);
    const lane_counters& c = p.way_there().counters();
    CHECK(c.lost() * 50 < c.taken);  // 2 %, LossThresh
}

// In a window of less than fifty segments a single loss is more than LossThresh.
TEST_CASE("bbr: a hundredth lost at random is no congestion, if the window is not small") {
    path p(2 * bdp, 10'000, stack::congestion_algorithm::bbr, 1000, 5 * bottleneck);
    auto& s = p.open();
    p.net.run_for(2s);
    CHECK(percent_of_path(p.arrive(s, 20s), 20s, 5 * bottleneck) >= 80);
    path q(2 * bdp, 10'000);
    auto& t = q.open();
    q.net.run_for(2s);
    CHECK(percent_of_path(q.arrive(t, 20s), 20s) >= 75);
}

TEST_CASE("bbr: two flows share, the one that came later as well") {
    path p(2 * bdp);
    auto& one = p.open();
    p.net.run_for(5s);
    auto& two = p.open();
    p.net.run_for(20s);
    const std::uint64_t first = one.talk.server_end.received;
    const std::uint64_t second = two.talk.server_end.received;
    p.net.run_for(60s);
    const std::uint64_t a = one.talk.server_end.received - first;
    const std::uint64_t b = two.talk.server_end.received - second;
    CHECK(percent_of_path(a + b, 60s) >= 85);
    CHECK(std::max(a, b) < 2 * std::min(a, b));
}

// What the network could carry is remembered while the user gives a tenth of it.
TEST_CASE("bbr: a user who gives little makes the model no smaller") {
    path p(2 * bdp);
    auto& s = p.open(false);
    p.net.run_for(1s);
    p.supply(s, 5'000'000, 5s);
    const auto before = p.info(s);
    REQUIRE(before.delivery_rate > bottleneck / 8 * 85 / 100);
    for (int i = 0; i < 100; ++i) p.supply(s, 12'500, 100ms);  // some cycles of probing
    const auto after = p.info(s);
    CHECK(after.pacing_rate > bottleneck / 8 * 85 / 100);
    CHECK(after.delivery_rate > bottleneck / 8 * 85 / 100);
    const std::uint64_t got = s.talk.server_end.received;
    p.supply(s, 1'000'000, 1s);
    CHECK(percent_of_path(s.talk.server_end.received - got, 1s) >= 80);
    CHECK(p.way_there().counters().lost() == 0);
}

TEST_CASE("bbr: after idleness it goes on at the rate it knows, without a burst") {
    path p(bdp / 2);
    auto& s = p.open(false);
    p.net.run_for(1s);
    p.supply(s, 5'000'000, 5s);
    p.net.run_for(20s);  // longer than the filter of the round trip
    const std::uint64_t got = s.talk.server_end.received;
    const std::uint64_t lost = p.way_there().counters().lost();
    p.supply(s, 1'000'000, 1s);
    CHECK(percent_of_path(s.talk.server_end.received - got, 1s) >= 80);
    CHECK(p.way_there().counters().lost() - lost < 10);
}

TEST_CASE("bbr: a path that was gone is used again after the timeout") {
    path p(2 * bdp);
    auto& s = p.open();
    p.net.run_for(5s);
    const stack::instant now = p.net.now();
    p.way_there().options().outages.push_back({now, now + 3s});
    p.net.run_for(3s);
    CHECK(p.info(s).phase == stack::tcp::sender_phase::loss);
    p.net.run_for(4s);  // the backed-off timeout comes within it
    CHECK(percent_of_path(p.arrive(s, 10s), 10s) >= 85);
    CHECK(p.info(s).phase == stack::tcp::sender_phase::open);
    CHECK(p.from.counter("tcp.timeouts") >= 2);
}

TEST_CASE("bbr: chosen in the midst of a stream, and left again") {
    path p(bdp, 5'000, stack::congestion_algorithm::cubic);
    auto& s = p.open();
    p.net.run_for(5s);
    stack::ip_stack& at = p.from.stack();
    CHECK(p.info(s).delivery_rate == 0);
    REQUIRE(at.tcp_set_congestion(s.client->socket(), "bbr", p.net.now()));
    p.net.run_for(5s);
    CHECK(percent_of_path(p.arrive(s, 10s), 10s) >= 80);
    CHECK(p.info(s).pacing_rate != 0);
    REQUIRE(at.tcp_set_congestion(s.client->socket(), "newreno", p.net.now()));
    CHECK(p.info(s).slow_start_threshold <= p.info(s).congestion_window);
    CHECK(p.info(s).pacing_rate == 0);
    CHECK(p.arrive(s, 5s) > 500'000);
}

// Pacing is what bbr depends on.
TEST_CASE("bbr: without memory for a model or for pacing a connection has newreno") {
    path p(bdp);
    auto& one = p.open();
    p.net.run_for(1s);
    CHECK(p.info(one).congestion == "bbr");
    CHECK(p.from.counter("tcp.congestion_fallbacks") == 0);
    // As many as may be paced: then none is left for those that follow.
    path q(bdp, 0, stack::congestion_algorithm::bbr, 1);
    auto& first = q.open();
    q.net.run_for(1s);
    auto& second = q.open();
    q.net.run_for(1s);
    CHECK(q.info(first).congestion == "bbr");
    CHECK(q.info(second).congestion == "newreno");
    CHECK(q.from.counter("tcp.congestion_fallbacks") == 1);
    CHECK(q.from.counter("tcp.no_memory") == 1);
    stack::ip_stack& at = q.from.stack();
    CHECK(at.tcp_set_congestion(second.client->socket(), "bbr", q.net.now()).code() ==
          stack::error::no_buffer_space);
    CHECK(q.info(second).congestion == "newreno");
    CHECK(q.arrive(second, 5s) > 500'000);
    // The model is there, pacing is not: it belongs to a connection with another control.
    REQUIRE(at.tcp_set_congestion(first.client->socket(), "cubic", q.net.now()));
    REQUIRE(at.tcp_set_pacing(first.client->socket(), true));
    CHECK(at.tcp_set_congestion(second.client->socket(), "bbr", q.net.now()).code() ==
          stack::error::no_buffer_space);
    REQUIRE(at.tcp_set_pacing(first.client->socket(), false));
    CHECK(at.tcp_set_congestion(second.client->socket(), "bbr", q.net.now()));
    CHECK(q.info(second).congestion == "bbr");
}

}  // namespace
