// Two whole stacks on a wire without faults: resolving, opening, moving, closing, refusing,
// waiting. At the end of each test no socket and no frame is left.

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/support/frames.hpp"
#include "tests/wire/frames.hpp"
#include "tests/wire/sessions.hpp"
#include "tests/wire/world.hpp"

namespace {

using namespace wire_test;
using stack::error;

// A client and a server host, and what must hold when all is over.
struct pair_of_hosts {
    world net;
    host& client;
    host& server;

    explicit pair_of_hosts(const host_options& options = {},
                           const backends::wire::segment_options& wire = {})
        : net(wire),
          client(net.add_host(with_seed(options, 11))),
          server(net.add_host(with_seed(options, 22))) {}

    static host_options with_seed(host_options options, std::uint64_t seed) {
        options.seed = seed;
        return options;
    }
    stack::endpoint service(std::uint16_t port = 7) const { return {server.address(), port}; }

    // Only listeners remain.
    bool quiet(std::size_t listeners = 1) {
        return net.run_until(
            [&] {
                return client.stack().tcp_socket_count() == 0 &&
                       server.stack().tcp_socket_count() == listeners;
            },
            300s);
    }
    void check_wire() {
        const auto& a = client.port().counters();
        const auto& b = server.port().counters();
        CHECK(a.delivered == b.received);
        CHECK(b.delivered == a.received);
        CHECK(a.dropped_queue_full + b.dropped_queue_full == 0);
        CHECK(client.counter("device.frames_sent") == a.sent);
        CHECK(client.counter("device.frames_received") == a.received);
        client.vanish();
        CHECK(server.port().frames_in_use() <= 64);  // what its stack has on loan
    }
};

std::unique_ptr<session> make_echo() { return std::make_unique<echo_session>(); }

TEST_CASE("a stack answers ARP and ping on the wire") {
    world net;
    host& pinged = net.add_host();
    auto pinger = net.segment().connect();
    const auto own_mac = pinger->capabilities().address;
    const auto own_ip = stack::ip_address::v4(198, 18, 0, 77);
    std::vector<test::bytes> answers;
    const auto collect = [&] {
        net.run_for(1ms);
        std::array<stack::rx_frame, 8> frames;
        const std::size_t count = pinger->receive(frames);
        for (std::size_t i = 0; i < count; ++i)
            answers.emplace_back(frames[i].head.begin(), frames[i].head.end());
        pinger->release();
    };
    collect();
    answers.clear();  // the announcement of its address

    stack::wire::arp_packet who_has;
    who_has.sender_mac = own_mac;
    who_has.sender_ip = own_ip;
    who_has.target_ip = pinged.address();
    REQUIRE(send(*pinger, test::arp_frame(stack::mac_address::broadcast(), who_has)));
    collect();
    REQUIRE(answers.size() == 1);
    const auto reply = stack::wire::parse_arp(stack::const_bytes(answers[0]).subspan(14));
    CHECK(reply.packet.operation == stack::wire::arp_operation::reply);
    CHECK(reply.packet.sender_mac == pinged.port().capabilities().address);
    CHECK(reply.packet.sender_ip == pinged.address());

    answers.clear();
    const auto ip = test::ipv4_of("198.18.0.77", "198.18.0.1", 0);
    const auto payload = test::text_bytes("is anybody there?");
    const auto packet = test::icmp_packet(ip, {8, 0, 0x12340001}, payload);
    REQUIRE(send(*pinger, test::ethernet_frame(reply.packet.sender_mac, own_mac, 0x0800, packet)));
    collect();
    REQUIRE(answers.size() == 1);
    const auto echo = test::take_apart(answers[0]);
    REQUIRE(echo);
    CHECK(echo->ip.destination == own_ip);
    const auto header = stack::wire::parse_icmp(echo->inside);
    REQUIRE(header);
    CHECK(header->type == 0);
    CHECK(header->rest == 0x12340001);
    CHECK(test::bytes(echo->inside.begin() + 8, echo->inside.end()) == payload);
}

TEST_CASE("connect, echo, close: the bytes come back and nothing is left") {
    pair_of_hosts two;
    two.server.listen(7, make_echo);
    auto& asking = two.client.connect(std::make_unique<asking_session>(1000, 20, 5), two.service());
    REQUIRE(two.net.run_until([&] { return asking.done(); }, 5s));
    CHECK(asking.intact());
    CHECK(two.quiet());
    CHECK(two.client.counter("tcp.retransmitted") == 0);
    two.check_wire();
}

TEST_CASE("nobody listens: refused at once") {
    pair_of_hosts two;
    auto& asking = two.client.connect(std::make_unique<asking_session>(1, 1, 5), two.service());
    REQUIRE(two.net.run_until([&] { return asking.done(); }, 1s));
    CHECK(asking.failure() == error::connection_refused);
    CHECK(two.quiet(0));
}

TEST_CASE("nobody has the address: unreachable after some seconds, not for ever") {
    pair_of_hosts two;
    auto& asking = two.client.connect(std::make_unique<asking_session>(1, 1, 5),
                                      {stack::ip_address::v4(198, 18, 0, 99), 7});
    REQUIRE(two.net.run_until([&] { return asking.done(); }, 60s));
    CHECK(asking.failure() == error::host_unreachable);
    CHECK(two.quiet(0));
}

TEST_CASE("4 MiB each way at once, without loss: no segment is sent twice") {
    pair_of_hosts two;
    constexpr std::uint64_t size = 4U << 20;
    transfer_session* served = nullptr;
    two.server.listen(9, [&] {
        auto made = std::make_unique<transfer_session>(transfer_plan{size, size, 2, 1});
        served = made.get();
        return made;
    });
    auto& asked = two.client.connect(
        std::make_unique<transfer_session>(transfer_plan{size, size, 1, 2}), two.service(9));
    REQUIRE(two.net.run_until([&] { return asked.done() && served && served->done(); }, 60s));
    CHECK(asked.intact());
    CHECK(served->intact());
    CHECK(two.client.counter("tcp.retransmitted") == 0);
    CHECK(two.server.counter("tcp.retransmitted") == 0);
    CHECK(two.quiet());
    two.check_wire();
}

TEST_CASE("half close: the answer comes after the end of the question") {
    pair_of_hosts two;
    two.server.listen(7, make_echo);
    auto& asked = two.client.connect(
        std::make_unique<transfer_session>(transfer_plan{100'000, 100'000, 3, 3}), two.service());
    REQUIRE(two.net.run_until([&] { return asked.done(); }, 10s));
    CHECK(asked.intact());
    CHECK(two.quiet());
    two.check_wire();
}

TEST_CASE("a reader that does not read stops the sender, and later gets everything") {
    pair_of_hosts two;
    constexpr std::uint64_t size = 8U << 20;
    transfer_session* served = nullptr;
    two.server.listen(9, [&] {
        transfer_plan plan{0, size, 2, 1};
        plan.reads = false;
        auto made = std::make_unique<transfer_session>(plan);
        served = made.get();
        return made;
    });
    auto& asked = two.client.connect(
        std::make_unique<transfer_session>(transfer_plan{size, 0, 1, 2}), two.service(9));
    // Ten minutes with a closed window: probed, never given up (RFC 9293 3.8.6.1 MUST-37).
    two.net.run_for(600s);
    REQUIRE(served != nullptr);
    CHECK(asked.failure() == error::none);
    CHECK(asked.sent() < size);
    CHECK(two.server.stack().tcp_available(served->socket) < (1U << 20) + 64);
    const auto frames = two.client.port().counters().sent;
    two.net.run_for(120s);
    CHECK(two.client.port().counters().sent - frames < 10);  // probes back off
    // Now slowly, in small pieces: no silly windows, and all of it.
    for (int i = 0; i < 1000; ++i) {
        served->read(two.server, 1000);
        two.net.run_for(1ms);
    }
    served->start_reading(two.server);
    REQUIRE(two.net.run_until([&] { return asked.done() && served->done(); }, 100s));
    CHECK(asked.intact());
    CHECK(served->intact());
    CHECK(two.quiet());
    two.check_wire();
}

TEST_CASE("eight frames of room in the device: everything arrives, nothing is lost") {
    backends::wire::segment_options few;
    few.port_frames = 8;
    host_options small_bursts;
    pair_of_hosts two(small_bursts, few);
    constexpr std::uint64_t size = 2U << 20;
    transfer_session* served = nullptr;
    two.server.listen(9, [&] {
        auto made = std::make_unique<transfer_session>(transfer_plan{size, size, 2, 1});
        served = made.get();
        return made;
    });
    auto& asked = two.client.connect(
        std::make_unique<transfer_session>(transfer_plan{size, size, 1, 2}), two.service(9));
    bool was_full = false;
    REQUIRE(two.net.run_until(
        [&] {
            was_full = was_full || !two.client.all_sent();
            return asked.done() && served && served->done();
        },
        60s));
    CHECK(was_full);
    CHECK(asked.intact());
    CHECK(served->intact());
    CHECK(two.client.counter("tcp.retransmitted") == 0);
    CHECK(two.quiet());
    two.check_wire();
}

TEST_CASE("a dropping switch with a short queue: TCP finds its rate") {
    backends::wire::segment_options shallow;
    shallow.drop_when_full = true;
    shallow.queue_frames = 16;
    pair_of_hosts two({}, shallow);
    constexpr std::uint64_t size = 2U << 20;
    transfer_session* served = nullptr;
    two.server.listen(9, [&] {
        auto made = std::make_unique<transfer_session>(transfer_plan{0, size, 2, 1});
        served = made.get();
        return made;
    });
    auto& asked = two.client.connect(
        std::make_unique<transfer_session>(transfer_plan{size, 0, 1, 2}), two.service(9));
    CHECK(two.net.run_until([&] { return asked.done() && served && served->done(); }, 120s));
    INFO("client: " << two.client.nonzero_counters());
    INFO("server: " << two.server.nonzero_counters());
    CHECK(two.client.port().counters().dropped_queue_full > 0);
    CHECK(served->intact());
    CHECK(two.quiet());
}

TEST_CASE("abort: the peer is told, both forget at once") {
    pair_of_hosts two;
    two.server.listen(7, make_echo);
    auto& asking = two.client.connect(std::make_unique<asking_session>(10, 1, 5), two.service());
    asking.stay();
    REQUIRE(two.net.run_until([&] { return asking.idle(); }, 5s));
    two.client.stack().tcp_abort(asking.socket, two.net.now());
    two.net.run_for(1ms);
    CHECK(two.client.stack().tcp_socket_count() == 0);
    CHECK(two.server.stack().tcp_socket_count() == 1);
}

TEST_CASE("the peer vanishes from the wire in the middle: timed out, nothing left") {
    pair_of_hosts two;
    two.server.listen(
        9, [] { return std::make_unique<transfer_session>(transfer_plan{0, 64U << 20, 2, 1}); });
    auto& asked = two.client.connect(
        std::make_unique<transfer_session>(transfer_plan{64U << 20, 0, 1, 2}), two.service(9));
    two.net.run_for(1ms);
    REQUIRE(asked.sent() > 0);
    REQUIRE_FALSE(asked.done());
    two.server.vanish();
    // R2: 900 s by default, and a last interval of up to 60 s.
    REQUIRE(two.net.run_until([&] { return asked.done(); }, 1100s));
    INFO(to_string(asked.failure()));
    CHECK((asked.failure() == error::timed_out || asked.failure() == error::host_unreachable));
    CHECK(two.net.run_down());
    CHECK(two.client.port().frames_in_use() <= 64);
}

TEST_CASE("both connect to each other at the same moment: one connection") {
    pair_of_hosts two;
    auto& left =
        two.client.add(std::make_unique<transfer_session>(transfer_plan{50'000, 60'000, 1, 2}));
    auto& right =
        two.server.add(std::make_unique<transfer_session>(transfer_plan{60'000, 50'000, 2, 1}));
    // ARP first, so that the SYNs really cross.
    two.client.connect(std::make_unique<asking_session>(1, 1, 1), two.service(99));
    two.net.run_for(10ms);
    const auto open = [&](host& at, session& user, std::uint16_t from, const stack::endpoint& to) {
        const auto socket = at.stack().tcp_open(&user);
        REQUIRE(socket);
        user.socket = *socket;
        REQUIRE(at.stack().tcp_bind(*socket, {stack::ip_address::any_v4(), from}, false));
        REQUIRE(at.stack().tcp_connect(*socket, to, at.now()));
    };
    // RFC 9293 3.5, figure 8
    open(two.client, left, 1000, {two.server.address(), 2000});
    open(two.server, right, 2000, {two.client.address(), 1000});
    const auto& first = static_cast<transfer_session&>(left);
    const auto& second = static_cast<transfer_session&>(right);
    REQUIRE(two.net.run_until([&] { return first.done() && second.done(); }, 30s));
    CHECK(first.intact());
    CHECK(second.intact());
    CHECK(two.quiet(0));
    two.check_wire();
}

TEST_CASE("super-segments and trusted checksums pass whole") {
    host_options options;
    options.port.trusted = true;
    backends::wire::segment_options with_gso;
    with_gso.gso = true;
    pair_of_hosts two(options, with_gso);
    constexpr std::uint64_t size = 16U << 20;
    transfer_session* served = nullptr;
    two.server.listen(9, [&] {
        auto made = std::make_unique<transfer_session>(transfer_plan{0, size, 2, 1});
        served = made.get();
        return made;
    });
    auto& asked = two.client.connect(
        std::make_unique<transfer_session>(transfer_plan{size, 0, 1, 2}), two.service(9));
    REQUIRE(two.net.run_until([&] { return asked.done() && served && served->done(); }, 60s));
    CHECK(served->intact());
    CHECK(two.client.port().counters().sent < size / 1460 / 4);
    CHECK(two.client.counter("tcp.retransmitted") == 0);
    CHECK(two.quiet());
    two.check_wire();
}

}  // namespace
