// A host with several queues and a stack on each, and an ordinary one, on one wire: in one thread
// and virtual time. Knows nothing of what they say to each other.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "backends/shards/device.hpp"
#include "backends/wire/port.hpp"
#include "backends/wire/segment.hpp"
#include "stack/stack.hpp"
#include "tests/wire/world.hpp"

namespace wire_test {

using backends::shards::exchange;
using backends::shards::shard_device;
using stack::error;

inline const auto server_address = stack::ip_address::v4(198, 18, 0, 1);
inline const auto client_address = stack::ip_address::v4(198, 18, 0, 9);

inline stack::const_bytes bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}
stack::const_bytes bytes_of(std::string&&) = delete;  // would be gone before it is sent

// One stack on one device.
struct node {
    node(stack::device& device, const stack::ip_address& address, std::uint64_t seed,
         const stack::stack_config& config, stack::siblings* others)
        : random(seed), ip(config, device, random) {
        if (others != nullptr) ip.set_siblings(*others);
        REQUIRE(ip.add_address({{address, 24}}));
    }
    void turn(stack::instant now) {
        for (int burst = 0; burst != 16 && ip.receive(now); ++burst) {
        }
        ip.advance(now);
        stack::tcp::event event;
        while (ip.next_event(event)) {
        }
        stack::udp::event heard;
        while (ip.next_udp_event(heard)) {
        }
        ip.flush(now);
    }
    std::uint64_t counter(std::string_view name) const {
        for (const stack::counter& each : ip.counters())
            if (each.name == name) return each.value;
        FAIL("no counter " << name);
        return 0;
    }
    stack::tcp_socket listen(std::uint16_t port) {
        const auto s = *ip.tcp_open(nullptr);
        REQUIRE(ip.tcp_bind(s, {stack::ip_address::any_v4(), port}, true));
        REQUIRE(ip.tcp_listen(s, 512));
        return s;
    }
    stack::tcp_socket connect(const stack::endpoint& to, stack::instant now) {
        const auto s = *ip.tcp_open(nullptr);
        REQUIRE(ip.tcp_connect(s, to, now));
        return s;
    }
    stack::udp_socket hear(std::uint16_t port) {
        const auto s = *ip.udp_open(nullptr);
        REQUIRE(ip.udp_bind(s, {stack::ip_address::any_v4(), port}));
        return s;
    }
    stack::tcp::state state(stack::tcp_socket s) const {
        const auto info = ip.tcp_info(s);
        return info ? info->current : stack::tcp::state::closed;
    }
    // What has come; `ended`: its peer has finished.
    std::string take(stack::tcp_socket s, stack::instant now, bool* ended = nullptr) {
        std::string all;
        for (;;) {
            std::array<std::byte, 4096> piece;
            const std::array<stack::mutable_bytes, 1> pieces{piece};
            const auto n = ip.tcp_receive(s, pieces, now);
            if (!n && ended != nullptr && n.code() == error::end_of_stream) *ended = true;
            if (!n) return all;
            all.append(reinterpret_cast<const char*>(piece.data()), *n);
        }
    }
    void send(stack::tcp_socket s, const std::string& text, stack::instant now) {
        const std::array<stack::const_bytes, 1> pieces{bytes_of(text)};
        const auto n = ip.tcp_send(s, pieces, now);
        REQUIRE(n);
        REQUIRE(*n == text.size());
    }
    std::string take_datagram(stack::udp_socket s, error* why = nullptr) {
        std::vector<std::byte> room(65536);
        const std::array<stack::mutable_bytes, 1> pieces{room};
        const auto got = ip.udp_receive_from(s, pieces);
        if (why != nullptr) *why = got ? error::none : got.code();
        if (!got) return {};
        return {reinterpret_cast<const char*>(room.data()), got->size};
    }

    seeded_random random;
    stack::ip_stack ip;
};

// A host of several shards, and an ordinary one.
struct sharded_world {
    explicit sharded_world(unsigned shards, bool spread_frames = true,
                           const stack::stack_config& config = {})
        : all(std::make_shared<exchange>(shards, stack::siphash_key{1, 2}, 1024)),
          segment(backends::wire::segment::create()) {
        backends::wire::port_options own;
        own.spread_frames = spread_frames;
        ports = std::move(std::get<0>(segment->join_queues(own, shards)));
        for (unsigned i = 0; i != shards; ++i) {
            devices.push_back(std::make_unique<shard_device>(*ports[i], all, i));
            server.push_back(std::make_unique<node>(*devices[i], server_address, 100 + i, config,
                                                    devices[i].get()));
        }
        client_port = segment->connect();
        client =
            std::make_unique<node>(*client_port, client_address, 7, stack::stack_config(), nullptr);
    }

    void turn() {
        client->turn(now);
        for (unsigned i = 0; i != server.size(); ++i)
            if ((asleep >> i & 1) == 0) server[i]->turn(now);
        now += 10us;
    }
    void run(int turns) {
        while (turns-- != 0) turn();
    }
    // At most a minute of virtual time.
    bool run_until(const std::function<bool()>& done) {
        for (int turns = 0; !done(); ++turns) {
            if (turns == 60'000) return false;
            turn();
            if (turns > 2'000) now += 990us;
        }
        return true;
    }
    std::uint64_t sum(std::string_view name) const {
        std::uint64_t value = 0;
        for (const auto& device : devices)
            for (const backends::counter& each : device->counters())
                if (each.name == name) value += each.value;
        return value;
    }
    std::uint64_t stack_sum(std::string_view name) const {
        std::uint64_t value = 0;
        for (const auto& each : server) value += each->counter(name);
        return value;
    }
    void check_nobody_was_refused() const {
        CHECK(stack_sum("tcp.resets_sent") == 0);
        CHECK(client->counter("tcp.resets_received") == 0);
        CHECK(sum("shards.dropped_ring_full") == 0);
    }

    std::shared_ptr<exchange> all;
    std::shared_ptr<backends::wire::segment> segment;
    std::vector<std::unique_ptr<backends::wire::port>> ports;
    std::vector<std::unique_ptr<shard_device>> devices;
    std::vector<std::unique_ptr<node>> server;
    std::unique_ptr<backends::wire::port> client_port;
    std::unique_ptr<node> client;
    stack::instant now{std::chrono::hours{1}};
    unsigned asleep = 0;  // shards that are not turned
};

}  // namespace wire_test
