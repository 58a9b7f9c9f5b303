// The tables and queues under the layers: routes against a naive reference, record queues against a
// list, path MTUs, rate limits, own addresses.
#include <deque>
#include <random>

#include <catch2/catch.hpp>

#include "stack/base/record_queue.hpp"
#include "stack/base/token_bucket.hpp"
#include "stack/ip/addresses.hpp"
#include "stack/ip/path_mtu.hpp"
#include "stack/ip/routing_table.hpp"

namespace {

using namespace coax::stack;
using namespace std::chrono_literals;

ip_address address(std::string_view text) { return *ip_address::parse(text); }
ip_prefix prefix(std::string_view text) { return *ip_prefix::parse(text); }

TEST_CASE("routes: the longest prefix wins, both families apart") {
    const ip_config config;
    path_epoch epoch;
    ip::routing_table routes(config, 1, epoch);
    CHECK_FALSE(routes.next_hop(address("198.18.0.1")));
    REQUIRE(routes.add(prefix("198.18.0.0/24"), ip_address()));
    REQUIRE(routes.add(prefix("0.0.0.0/0"), address("198.18.0.254")));
    REQUIRE(routes.add(prefix("198.18.0.128/25"), address("198.18.0.253")));
    REQUIRE(routes.add(prefix("10.1.2.3/32"), address("198.18.0.252")));
    CHECK(routes.next_hop(address("198.18.0.1")) == address("198.18.0.1"));
    CHECK(routes.next_hop(address("198.18.0.200")) == address("198.18.0.253"));
    CHECK(routes.next_hop(address("10.1.2.3")) == address("198.18.0.252"));
    CHECK(routes.next_hop(address("10.1.2.4")) == address("198.18.0.254"));
    CHECK_FALSE(routes.next_hop(address("fd00::1")));
    REQUIRE(routes.add(prefix("::/0"), address("fe80::1")));
    CHECK(routes.next_hop(address("fd00::1")) == address("fe80::1"));
    CHECK(routes.next_hop(address("10.1.2.4")) == address("198.18.0.254"));
    const auto before = epoch.current();
    REQUIRE(routes.add(prefix("0.0.0.0/0"), address("198.18.0.251")));  // replaced
    CHECK(epoch.current() != before);
    CHECK(routes.size() == 5);
    CHECK(routes.next_hop(address("10.1.2.4")) == address("198.18.0.251"));
    CHECK(routes.add(prefix("10.0.0.0/8"), address("fe80::1")).code() == error::invalid_argument);
}

TEST_CASE("routes: ::/0 alone is no route for IPv4") {
    const ip_config config;
    path_epoch epoch;
    ip::routing_table routes(config, 1, epoch);
    REQUIRE(routes.add(prefix("::/0"), address("fe80::1")));
    CHECK_FALSE(routes.next_hop(address("198.18.0.1")));
}

TEST_CASE("routes: random tables equal a naive search") {
    std::mt19937_64 random(41);
    for (int round = 0; round < 30; ++round) {
        const ip_config config;
        path_epoch epoch;
        ip::routing_table routes(config, random(), epoch);
        std::vector<std::pair<ip_prefix, ip_address>> naive;
        const bool v4 = round % 2 == 0;
        // Addresses of few different bits, so that prefixes meet.
        const auto some_address = [&] {
            if (v4) return ip_address::v4(static_cast<std::uint32_t>(random() & 0xc081'8103U));
            std::array<std::uint8_t, 16> octets{0xfd};
            octets[1] = static_cast<std::uint8_t>(random() & 0x81);
            octets[7] = static_cast<std::uint8_t>(random() & 0x11);
            octets[15] = static_cast<std::uint8_t>(random() & 0x83);
            return ip_address::v6(octets);
        };
        for (int i = 0; i < 60; ++i) {
            const ip_prefix destination{some_address(),
                                        static_cast<std::uint8_t>(random() % (v4 ? 33 : 129))};
            const auto gateway = v4 ? ip_address::v4(static_cast<std::uint32_t>(i + 1))
                                    : address("fe80::" + std::to_string(i + 1));
            REQUIRE(routes.add(destination, gateway));
            std::erase_if(naive, [&](const auto& r) {
                return r.first.length == destination.length &&
                       destination.contains(r.first.address);
            });
            naive.emplace_back(destination, gateway);
        }
        REQUIRE(routes.size() == naive.size());
        for (int i = 0; i < 500; ++i) {
            const auto target = some_address();
            std::optional<ip_address> best;
            int best_length = -1;
            for (const auto& [destination, gateway] : naive) {
                if (!destination.contains(target) || destination.length <= best_length) continue;
                best = gateway;
                best_length = destination.length;
            }
            REQUIRE(routes.next_hop(target) == best);
        }
    }
}

TEST_CASE("routes: no more than configured") {
    ip_config config;
    config.routes_max = 3;
    path_epoch epoch;
    ip::routing_table routes(config, 1, epoch);
    REQUIRE(routes.add(prefix("10.0.0.0/8"), ip_address()));
    REQUIRE(routes.add(prefix("11.0.0.0/8"), ip_address()));
    REQUIRE(routes.add(prefix("12.0.0.0/8"), ip_address()));
    CHECK(routes.add(prefix("13.0.0.0/8"), ip_address()).code() == error::no_buffer_space);
    CHECK(routes.add(prefix("12.9.9.9/8"), address("10.0.0.1")).has_value());
}

TEST_CASE("addresses: what no host can have is refused (RFC 1122 3.2.1.3)") {
    const ip_config config;
    ip::address_table table(config);
    for (const char* bad :
         {"0.0.0.0/8", "127.0.0.1/8", "224.0.0.1/4", "255.255.255.255/32", "198.18.0.255/24",
          "198.18.0.0/24", "198.18.0.1/0", "::1/128", "ff02::1/64"}) {
        CAPTURE(bad);
        CHECK(table.add(prefix(bad)).code() == error::invalid_argument);
    }
    CHECK(table.add(prefix("198.18.0.0/31")).has_value());
    CHECK(table.add(prefix("198.18.1.2/24")).has_value());
    CHECK(table.add(prefix("198.18.1.2/16")).code() == error::address_in_use);
    CHECK(table.source_towards(address("198.18.1.9")) == address("198.18.1.2"));
    CHECK(table.source_towards(address("9.9.9.9")) == address("198.18.0.0"));
    CHECK_FALSE(table.source_towards(address("fd00::1")));
    CHECK(table.is_broadcast(address("198.18.1.255")));
    CHECK_FALSE(table.is_on_link(address("198.18.1.255")));
    CHECK(table.is_on_link(address("198.18.1.254")));
    CHECK(table.is_local(address("127.1.2.3")));
    CHECK_FALSE(table.is_own(address("127.1.2.3")));
}

TEST_CASE("path MTU: lowered by what is said, raised by time alone (RFC 1191 6.3)") {
    ip_config config;
    config.path_mtu_entries_max = 4;
    path_epoch epoch;
    ip::path_mtu_cache cache(config, 1, epoch);
    const instant start(100s);
    const auto far = address("9.9.9.9");
    cache.lower(far, 1400, start);
    CHECK(cache.towards(far, 1500, start) == 1400);
    CHECK(cache.towards(far, 1300, start) == 1300);
    cache.lower(far, 1450, start);
    CHECK(cache.towards(far, 1500, start) == 1400);
    cache.lower(far, 68, start);
    CHECK(cache.towards(far, 1500, start) == config.path_mtu_min);
    CHECK(cache.towards(far, 1500, start + 601s) == 1500);
    CHECK(cache.towards(address("9.9.9.8"), 1500, start) == 1500);
    for (unsigned i = 0; i < 100; ++i) cache.lower(ip_address::v4(i + 1), 1000, start);
    CHECK(cache.size() == 4);
    cache.lower(address("9.9.9.7"), 1000, start + 700s);
    CHECK(cache.towards(address("9.9.9.7"), 1500, start + 700s) == 1000);
}

TEST_CASE("path MTU: RFC 1191 7.1 plateaus") {
    CHECK(ip::plateau_below(1500) == 1492);
    CHECK(ip::plateau_below(1492) == 1006);
    CHECK(ip::plateau_below(65535) == 32000);
    CHECK(ip::plateau_below(69) == 68);
    CHECK(ip::plateau_below(20) == 68);
}

TEST_CASE("token bucket: a burst of a second's worth, then the rate") {
    token_bucket bucket(10);
    instant now(5s);
    const auto taken = [&] {
        int count = 0;
        while (bucket.take(now)) ++count;
        return count;
    };
    CHECK(taken() == 10);
    now += 99ms;
    CHECK(taken() == 0);
    now += 1ms;
    CHECK(taken() == 1);
    now += 3600s;
    CHECK(taken() == 10);
    int in_ten_seconds = 0;
    for (int i = 0; i < 10'000; ++i) {
        now += 1ms;
        in_ten_seconds += taken();
    }
    CHECK(in_ten_seconds == 100);
}

TEST_CASE("record queue: like a list, within its bound") {
    for (const std::size_t bound : {100U, 1000U, 4099U, 50'001U}) {
        std::mt19937 random(static_cast<unsigned>(bound));
        record_queue<std::uint32_t> queue(bound);
        std::deque<std::pair<std::uint32_t, std::vector<std::byte>>> naive;
        std::size_t used = 0;
        std::size_t refused = 0;
        for (std::uint32_t i = 0; i < 20'000; ++i) {
            // Long runs of pushes and of pops, so that the ring fills, wraps and grows.
            if ((random() % 100) < ((i / 500) % 2 == 0 ? 70U : 30U)) {
                std::vector<std::byte> body(random() % (bound / 3));
                for (auto& b : body) b = static_cast<std::byte>(random());
                const std::size_t cost = record_queue<std::uint32_t>::cost(body.size());
                REQUIRE(queue.fits(body.size()) == (used + cost <= bound));
                std::byte* at = queue.push(i, body.size());
                REQUIRE((at != nullptr) == (used + cost <= bound));
                if (at == nullptr) {
                    ++refused;
                    continue;
                }
                std::copy(body.begin(), body.end(), at);
                used += cost;
                naive.emplace_back(i, std::move(body));
            } else if (!naive.empty()) {
                const auto body = queue.front_body();
                REQUIRE(queue.front_head() == naive.front().first);
                REQUIRE(std::equal(body.begin(), body.end(), naive.front().second.begin(),
                                   naive.front().second.end()));
                used -= record_queue<std::uint32_t>::cost(body.size());
                queue.pop();
                naive.pop_front();
            }
            REQUIRE(queue.count() == naive.size());
            REQUIRE(queue.bytes() == used);
        }
        CHECK(refused > 0);
        queue.clear();
        CHECK(queue.empty());
        CHECK(queue.push(1, 10) != nullptr);
    }
}

}  // namespace
