// The parts below the protocol: buffers, wheel, demux table, pool, SipHash, round trip, NewReno.
#include <array>
#include <map>
#include <string>

#include <catch2/catch.hpp>

#include "stack/base/siphash.hpp"
#include "stack/tcp/congestion/newreno.hpp"
#include "stack/tcp/demux.hpp"
#include "stack/tcp/pool.hpp"
#include "stack/tcp/ports.hpp"
#include "stack/tcp/receive_buffer.hpp"
#include "stack/tcp/recent_flows.hpp"
#include "stack/tcp/round_trip.hpp"
#include "stack/tcp/send_buffer.hpp"
#include "stack/tcp/wheel.hpp"
#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::stack::tcp;
using coax::tests::pattern;
using coax::tests::seeded;
using namespace std::chrono_literals;

// The paper's appendix A: key 00..0f, message 00..0e
TEST_CASE("SipHash-2-4 gives the paper's value") {
    siphash_2_4 hash({0x0706050403020100U, 0x0f0e0d0c0b0a0908U});
    hash.word(0x0706050403020100U);
    CHECK(hash.finish(0x0e0d0c0b0a0908U, 7) == 0xa129ca6149be45e5U);
}

TEST_CASE("sequence numbers compare on the circle") {
    CHECK(seq(0xffffffff) < seq(0));
    CHECK(seq(5) > seq(0xfffffff0));
    CHECK(seq(0) - seq(0xffffffff) == 1);
    CHECK(later_of(seq(0xfffffff0), seq(3)) == seq(3));
    CHECK(earlier_of(seq(0xfffffff0), seq(3)) == seq(0xfffffff0));
    CHECK(timestamp_before(0xffffffff, 1));
}

TEST_CASE("the send buffer gives any piece at any time") {
    block_pool pool(64 * 4096);
    send_buffer buffer;
    seeded random(3);
    std::uint64_t appended = 0;
    std::uint64_t released = 0;
    for (int round = 0; round < 3000; ++round) {
        std::vector<std::byte> bytes(random.below(3000));
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = pattern(appended + i);
        appended += buffer.append(pool, bytes, 100000, instant{});
        REQUIRE(buffer.size() == appended - released);
        REQUIRE(buffer.size() <= 100000);
        if (buffer.size() != 0) {
            const auto offset = static_cast<std::uint32_t>(random.below(buffer.size()));
            const auto length =
                static_cast<std::uint32_t>(1 + random.below(buffer.size() - offset));
            std::array<const_bytes, 4> pieces;
            std::uint8_t used = 0;
            const std::uint32_t n = buffer.gather(offset, length, pieces, used);
            REQUIRE((n == length || used == 4));
            std::uint64_t at = released + offset;
            bool right = true;
            for (std::size_t p = 0; p < used; ++p)
                for (const std::byte b : pieces[p]) right = right && b == pattern(at++);
            REQUIRE(right);
            REQUIRE(at == released + offset + n);
        }
        const auto drop = static_cast<std::uint32_t>(random.below(buffer.size() + 1U));
        buffer.release(pool, drop, instant{});
        released += drop;
        if (buffer.size() == 0) REQUIRE(pool.used() == 0);
    }
    buffer.clear(pool);
    CHECK(pool.used() == 0);
}

namespace {

// A receive buffer beside a map of what it should hold.
struct receive_model {
    block_pool pool{256 * 4096};
    receive_buffer buffer;
    seq base{0xfffff000};   // wraps soon
    std::uint64_t end = 0;  // stream positions
    std::uint64_t read = 0;
    std::vector<bool> have = std::vector<bool>(200000, false);

    void arrive(std::uint64_t at, std::uint32_t length) {
        std::vector<std::byte> bytes(length);
        for (std::size_t i = 0; i < length; ++i) bytes[i] = pattern(at + i);
        const std::size_t cut = length / 3;  // in two pieces
        const const_bytes rest(bytes.data() + cut, length - cut);
        const payload_view view(const_bytes(bytes.data(), cut), {&rest, 1});
        bool stored = false;
        if (at == end) stored = buffer.append(pool, view);
        else stored = buffer.store(pool, base + static_cast<std::uint32_t>(at), view, 64);
        if (!stored) return;
        for (std::uint32_t i = 0; i < length; ++i) have[at + i] = true;
        while (have[end]) ++end;
    }
    void take(std::uint32_t most) {
        std::vector<std::byte> bytes(most);
        const mutable_bytes piece(bytes);
        const std::uint32_t n = buffer.read(pool, {&piece, 1}, most);
        bool right = true;
        for (std::uint32_t i = 0; i < n; ++i) right = right && bytes[i] == pattern(read + i);
        REQUIRE(right);
        read += n;
    }
    void check() {
        REQUIRE(buffer.readable() == end - read);
        std::uint64_t at = end;
        for (const range& r : buffer.ranges()) {
            const std::uint64_t left = r.left - base;
            const std::uint64_t right = r.right - base;
            REQUIRE(left > at);
            REQUIRE(have[left]);
            REQUIRE(!have[left - 1]);
            REQUIRE(have[right - 1]);
            REQUIRE(!have[right]);
            at = right;
        }
    }
};

}  // namespace

// RFC 9293 3.10.7.4 seventh step
TEST_CASE("the receive buffer agrees with a map, over all overlaps and the wrap") {
    const std::uint64_t seed = GENERATE(1U, 2U, 3U, 4U, 5U);
    seeded random(seed);
    receive_model m;
    m.buffer.start(m.base);
    while (m.end < 150000) {
        std::uint64_t at = m.end;
        if (random.chance(0.7)) at += random.below(30000);
        m.arrive(at, static_cast<std::uint32_t>(1 + random.below(4000)));
        m.check();
        if (random.chance(0.3)) m.take(static_cast<std::uint32_t>(1 + random.below(9000)));
        m.check();
    }
    m.buffer.clear(m.pool);
    CHECK(m.pool.used() == 0);
}

TEST_CASE("timers fire in their tick, never early, and the wheel agrees with a map") {
    struct owned : timer_node {
        owned() : timer_node(owner::connection) {}
    };
    seeded random(11);
    wheel w;
    std::vector<owned> nodes(500);
    std::multimap<instant, std::size_t> expected;
    instant now{};
    (void)w.take_expired(now);
    for (int round = 0; round < 4000; ++round) {
        const std::size_t i = random.below(nodes.size());
        if (nodes[i].armed()) {
            w.disarm(nodes[i]);
        } else {
            const int scale = static_cast<int>(random.below(50));
            w.arm(nodes[i], now + duration(random.below(std::uint64_t{1} << scale)));
        }
        if (random.chance(0.3)) {
            now += duration(random.below(std::uint64_t{1} << random.below(48)));
            while (timer_node* node = w.take_expired(now)) {
                REQUIRE(node->due <= now);
                REQUIRE(!node->armed());
            }
            for (const owned& n : nodes)
                if (n.armed()) REQUIRE(n.due > now - 33us);
        }
        instant earliest = never;
        for (const owned& n : nodes)
            if (n.armed()) earliest = std::min(earliest, n.due);
        if (earliest == never) REQUIRE(w.next_deadline() == never);
        else REQUIRE(w.next_deadline() <= std::max(earliest, now) + 33us);
    }
}

TEST_CASE("the demux table agrees with a map, collisions and all") {
    demux_table table;
    std::map<std::uint32_t, std::uint32_t> expected;  // index -> hash
    seeded random(5);
    for (int round = 0; round < 20000; ++round) {
        const auto index = static_cast<std::uint32_t>(random.below(2000));
        const reference to(reference::kind::connection, index);
        const auto at = expected.find(index);
        if (at != expected.end()) {
            table.erase(at->second, to);
            expected.erase(at);
        } else {
            const std::uint32_t hash = index % 300 * 0x01000193U;  // many equal ones
            REQUIRE(table.insert(hash, to));
            expected.emplace(index, hash);
        }
        REQUIRE(table.size() == expected.size());
    }
    for (std::uint32_t i = 0; i < 2000; ++i) {
        const reference wanted(reference::kind::connection, i);
        const std::uint32_t hash = i % 300 * 0x01000193U;
        const bool found = table.find(hash, [&](reference r) { return r == wanted; }) == wanted;
        REQUIRE(found == (expected.count(i) != 0));
    }
}

TEST_CASE("recent flows: what is told was noted, and not forgotten since") {
    recent_flows recent;
    CHECK(recent.find({}).is_none());
    std::map<std::uint32_t, reference> expected;  // ports -> whoever was noted last
    seeded random(6);
    const auto key_of = [](std::uint32_t ports) {
        return wire::ipv4_key{ports % 7 * 0x0100'0000'0001U, ports};
    };
    std::size_t told = 0;
    for (int round = 0; round < 20000; ++round) {
        const auto ports = static_cast<std::uint32_t>(random.below(2000));
        const reference now = recent.find(key_of(ports));
        if (!now.is_none()) {
            ++told;
            REQUIRE(expected.count(ports) == 1);
            REQUIRE(now == expected.at(ports));
        }
        if (random.below(3) == 0) {
            recent.forget(key_of(ports));
            expected.erase(ports);
            REQUIRE(recent.find(key_of(ports)).is_none());
        } else {
            const reference to(reference::kind::half_open, static_cast<std::uint32_t>(round));
            recent.note(key_of(ports), to);
            expected.insert_or_assign(ports, to);
            REQUIRE(recent.find(key_of(ports)) == to);
        }
    }
    CHECK(told > 1000);
}

TEST_CASE("the table of ports counts those in use, on whatever page they stand") {
    port_table ports;
    for (const auto port : std::to_array<std::uint16_t>({0, 255, 256, 49151, 65535})) {
        const std::size_t before = ports.size();
        CHECK_FALSE(ports.has_users(port));
        ports.add_connection(port);
        ports.add_connection(port);
        CHECK(ports.size() == before + 1);
        ports.remove_connection(port);
        CHECK(ports.has_users(port));
        binding b(0);
        b.local.port = port;
        ports.add(b);
        ports.remove_connection(port);
        CHECK(ports.has_bindings(port));
        CHECK(ports.size() == before + 1);
        ports.remove(b);
        CHECK_FALSE(ports.has_users(port));
        CHECK(ports.size() == before);
        ports.add_connection(port);
    }
}

TEST_CASE("pool ids die with their object") {
    struct thing {
        explicit thing(std::uint32_t i) : index(i) {}
        std::uint32_t index;
    };
    pool<thing, 4> things(6);
    std::vector<thing*> all;
    for (int i = 0; i < 6; ++i) all.push_back(things.create());
    CHECK(things.create() == nullptr);
    const std::uint32_t generation = things.generation_of(*all[2]);
    CHECK(things.find(2, generation) == all[2]);
    things.destroy(all[2]);
    CHECK(things.find(2, generation) == nullptr);
    CHECK(things.create() == all[2]);
    CHECK(things.find(2, generation) == nullptr);
    CHECK(things.size() == 6);
}

// RFC 6298 (2.4), (2.5), (5.5)
TEST_CASE("the retransmission timeout is clamped") {
    tcp_config config;
    CHECK(retransmission_timeout::clamped(1us, config).value() == 200ms);
    CHECK(retransmission_timeout::clamped(100h, config).value() == 60s);
    CHECK(retransmission_timeout::clamped(1s, config).backed_off(3, config) == 8s);
    CHECK(retransmission_timeout::clamped(1s, config).backed_off(255, config) == 60s);
}

// RFC 5681 3.1; RFC 3465 2.1, 2.2
TEST_CASE("NewReno's window: slow start, avoidance, loss, timeout, idleness") {
    const newreno control;
    congestion_state s;
    s.mss = 1000;
    s.window = congestion_window::clamped(initial_window(1000, 10), s.mss);
    CHECK(control.start(s, 1ms, {}));
    CHECK(s.window.bytes() == 10000);
    const acknowledged two{{}, 2000, 10000, 1ms, true};
    control.on_acknowledged(s, two);
    CHECK(s.window.bytes() == 12000);
    control.on_acknowledged(s, {{}, 9000, 10000, 1ms, true});
    CHECK(s.window.bytes() == 14000);  // at most two segments for one acknowledgment
    control.on_acknowledged(s, {{}, 2000, 1000, 1ms, false});
    CHECK(s.window.bytes() == 14000);  // it was not in use
    control.on_congestion(s, {{}, congestion_sign::loss, 14000});
    CHECK(s.window.bytes() == 7000);
    CHECK(!s.in_slow_start());
    control.on_recovered(s, {{}, 20000});
    CHECK(s.window.bytes() == 7000);
    for (int i = 0; i < 3; ++i) control.on_acknowledged(s, two);
    CHECK(s.window.bytes() == 7000);
    control.on_acknowledged(s, two);
    CHECK(s.window.bytes() == 8000);  // one segment for one window
    control.on_timeout(s, 8000, false, {});
    CHECK(s.window.bytes() == 1000);
    CHECK(s.slow_start_threshold == 4000);
    control.on_congestion(s, {{}, congestion_sign::loss, 100});
    CHECK(s.slow_start_threshold == 2000);  // at least two segments
    CHECK(congestion_window::clamped(0, 1000).bytes() == 1000);
    CHECK(congestion_window::clamped(~0ULL, 1000).bytes() == 1U << 30);
}

// RFC 6928 2
TEST_CASE("initial window") {
    CHECK(initial_window(1460, 10) == 14600);
    CHECK(initial_window(8960, 10) == 17920);
    CHECK(initial_window(536, 10) == 5360);
}

// RFC 6298 (2.3), (2.4): the least timeout is added to the smoothed round trip
TEST_CASE("a steady path of 100 ms times out after 300 ms, however steady it is") {
    const tcp_config config;
    tcp::round_trip rtt(config);
    for (int i = 0; i < 50; ++i) rtt.sample(100ms, tcp::timeout_limits(config));
    CHECK(rtt.variation() < 1ms);
    CHECK(rtt.timeout().value() == 300ms);
}
