// The calls: stale ids, wrong states, ports, limits, and the queue of senders.
#include <set>

#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::tests;

TEST_CASE("stale ids are refused by every call") {
    script s;
    s.establish_passive();
    const tcp::socket_id old = s.socket;
    s.layer().abort(old, s.now());
    const tcp::socket_id fresh = *s.layer().open(nullptr);
    CHECK(fresh.index == old.index);  // took its place
    auto& l = s.layer();
    std::byte one{};
    const const_bytes out(&one, 1);
    const mutable_bytes in(&one, 1);
    for (const tcp::socket_id id : {old, tcp::socket_id{}, tcp::socket_id{999999, 1}}) {
        CHECK(l.bind(id, s.ends.local, true).code() == error::bad_handle);
        CHECK(l.listen(id, 1).code() == error::bad_handle);
        CHECK(l.connect(id, s.ends.remote, s.ends.local.address, s.now()).code() ==
              error::bad_handle);
        CHECK(l.accept(id).code() == error::bad_handle);
        CHECK(l.send(id, {&out, 1}, s.now()).code() == error::bad_handle);
        CHECK(l.receive(id, {&in, 1}, s.now()).code() == error::bad_handle);
        CHECK(l.peek(id, {&in, 1}).code() == error::bad_handle);
        CHECK(l.available(id) == 0);
        CHECK(l.send_space(id) == 0);
        CHECK(l.shutdown(id, tcp::shutdown_side::both, s.now()).code() == error::bad_handle);
        l.close(id, s.now());
        l.abort(id, s.now());
        CHECK(l.ends(id).code() == error::bad_handle);
        CHECK(l.error_of(id) == error::bad_handle);
        CHECK(l.set_no_delay(id, true, s.now()).code() == error::bad_handle);
        CHECK(l.set_keep_alive(id, true, s.now()).code() == error::bad_handle);
        CHECK(l.set_send_buffer(id, 1).code() == error::bad_handle);
        CHECK(l.set_receive_buffer(id, 1).code() == error::bad_handle);
        CHECK(l.info(id).code() == error::bad_handle);
    }
    CHECK(l.info(fresh));
}

// RFC 9293 3.10.1 to 3.10.4: calls in the wrong state
TEST_CASE("calls in the wrong state") {
    script s;
    auto& l = s.layer();
    s.socket = *l.open(nullptr);
    CHECK(s.read_error() == error::not_connected);
    std::byte one{};
    const const_bytes out(&one, 1);
    CHECK(l.send(s.socket, {&out, 1}, s.now()).code() == error::not_connected);
    CHECK(l.shutdown(s.socket, tcp::shutdown_side::send, s.now()).code() == error::not_connected);
    CHECK(l.accept(s.socket).code() == error::invalid_argument);
    const ip_address own = s.ends.local.address;
    CHECK(l.connect(s.socket, {own, 0}, own, s.now()).code() == error::invalid_argument);
    CHECK(l.connect(s.socket, {ip_address::v4(224, 0, 0, 1), 1}, own, s.now()).code() ==
          error::invalid_argument);
    CHECK(l.connect(s.socket, {ip_address::v6({0xfd}), 1}, own, s.now()).code() ==
          error::address_family_not_supported);
    REQUIRE(l.connect(s.socket, s.ends.remote, own, s.now()));
    CHECK(l.connect(s.socket, s.ends.remote, own, s.now()).code() == error::already_connected);
    CHECK(l.listen(s.socket, 1).code() == error::invalid_argument);
    CHECK(l.bind(s.socket, s.ends.local, true).code() == error::invalid_argument);
    s.listens();
    CHECK(l.connect(s.listener, s.ends.remote, own, s.now()).code() ==
          error::operation_not_supported);
    CHECK(l.send(s.listener, {&out, 1}, s.now()).code() == error::not_connected);
}

TEST_CASE("two claims on one port exclude each other") {
    script s;
    auto& l = s.layer();
    const auto a = *l.open(nullptr);
    const auto b = *l.open(nullptr);
    const ip_address one = ip_address::v4(198, 18, 0, 2);
    const ip_address two = ip_address::v4(198, 18, 0, 3);
    REQUIRE(l.bind(a, {one, 80}, false));
    CHECK(l.bind(b, {one, 80}, false).code() == error::address_in_use);
    CHECK(l.bind(b, {one, 80}, true).code() == error::address_in_use);
    CHECK(l.bind(b, {ip_address::any_v4(), 80}, false).code() == error::address_in_use);
    CHECK(l.bind(b, {ip_address(), 80}, false).code() == error::address_in_use);
    REQUIRE(l.bind(b, {two, 80}, false));
    REQUIRE(l.listen(a, 1));
    REQUIRE(l.listen(b, 1));
    l.close(a, s.now());
    const auto c = *l.open(nullptr);
    REQUIRE(l.bind(c, {one, 80}, false));
}

TEST_CASE("a port with connections can be claimed again only with reuse_address") {
    script s;
    s.establish_passive();
    s.layer().close(s.listener, s.now());
    const auto again = *s.layer().open(nullptr);
    CHECK(s.layer().bind(again, s.ends.local, false).code() == error::address_in_use);
    REQUIRE(s.layer().bind(again, s.ends.local, true));
    REQUIRE(s.layer().listen(again, 1));
    s.writes(5);  // and the old connection goes on
    s.expects(data(1, 5));
}

TEST_CASE("the most specific listener gets the connection") {
    script s;
    auto& l = s.layer();
    const auto any = *l.open(nullptr);
    const auto exact = *l.open(nullptr);
    REQUIRE(l.bind(exact, s.ends.local, true));
    REQUIRE(l.bind(any, {ip_address(), 80}, true));
    REQUIRE(l.listen(exact, 4));
    CHECK(l.listen(any, 4).code() == error::address_in_use);
    l.close(any, s.now());
    s.sends(syn());
    s.expects(syn_ack());
    s.sends(ack(1).seq(1));
    CHECK(l.accept(exact));
}

// RFC 6056 3.2, 3.3.4: ephemeral ports are in the range, unique, and not in sequence
TEST_CASE("ephemeral ports") {
    script s;
    auto& l = s.layer();
    std::set<std::uint16_t> seen;
    unsigned steps = 0;
    std::uint16_t last = 0;
    for (std::uint16_t i = 0; i < 200; ++i) {
        const auto id = *l.open(nullptr);
        const endpoint remote{ip_address::v4(198, 18, 1, static_cast<std::uint8_t>(i)), 80};
        REQUIRE(l.connect(id, remote, s.ends.local.address, s.now()));
        const std::uint16_t port = l.ends(id)->local.port;
        CHECK(port >= 32768);
        CHECK(port <= 60999);
        if (port == last + 1) ++steps;
        last = port;
        seen.insert(port);
    }
    CHECK(seen.size() > 190);
    CHECK(steps < 10);
    const auto bound = *l.open(nullptr);
    REQUIRE(l.bind(bound, {ip_address::any_v4(), 0}, false));
    CHECK(seen.count(l.ends(bound)->local.port) == 0);
}

TEST_CASE("when all ephemeral ports to a place are taken, connect says so") {
    tcp_config config;
    config.ephemeral_port_first = 40000;
    config.ephemeral_port_last = 40009;
    script s(config);
    auto& l = s.layer();
    std::set<std::uint16_t> seen;
    for (int i = 0; i < 10; ++i) {
        const auto id = *l.open(nullptr);
        REQUIRE(l.connect(id, s.ends.remote, s.ends.local.address, s.now()));
        seen.insert(l.ends(id)->local.port);
    }
    CHECK(seen.size() == 10);
    const auto id = *l.open(nullptr);
    CHECK(l.connect(id, s.ends.remote, s.ends.local.address, s.now()).code() ==
          error::address_not_available);
    CHECK(l.connect(id, {s.ends.remote.address, 81}, s.ends.local.address, s.now()));
}

// RFC 9293 3.4.1 (MUST-8, SHLD-1), RFC 6528 3
TEST_CASE("initial sequence numbers: a clock per flow, unrelated between flows") {
    const auto iss = [](std::uint16_t port, duration later) {
        script s;
        s.after(later);
        s.ends.local.port = port;
        s.connects();
        s.expects(syn().seq(0));
        return s.own_iss;
    };
    CHECK(iss(1000, 4ms) - iss(1000, 0ms) == 1000);  // one per 4 us
    CHECK(iss(1000, 0ms) == iss(1000, 0ms));
    const std::uint32_t distance = iss(1001, 0ms) - iss(1000, 0ms);
    CHECK(distance != 0);
    CHECK(distance > 1000);
}

TEST_CASE("the number of sockets is bounded") {
    tcp_config config;
    config.connections_max = 3;
    script s(config);
    s.listens();
    REQUIRE(s.layer().open(nullptr));
    REQUIRE(s.layer().open(nullptr));
    CHECK(s.layer().open(nullptr).code() == error::no_buffer_space);
    s.sends(syn());
    s.expects(syn_ack());
    CHECK(s.sends(ack(1).seq(1)) == disposition::backlog_full);
    CHECK(s.counter("tcp.no_memory") == 2);
}

TEST_CASE("buffer memory is bounded, and missing memory is loss, not failure") {
    tcp_config config;
    config.buffer_memory_bytes = 4 * 4096;
    script s(config);
    s.establish_passive();
    CHECK(s.writes(100000) == 4 * 4080);
    CHECK(s.sends(data(1, 100).ack(1)) == disposition::limit);
    s.peer_acked = 0;
    CHECK(s.sends(ack(14601).seq(1)) == disposition::consumed_ack_only);
    CHECK(s.sends(data(1, 100).ack(14601)) == disposition::consumed);
    CHECK(s.reads() == 100);
}

TEST_CASE("a sender waits in the neighbour's list, and goes on or fails") {
    script s;
    auto& l = s.layer();
    s.connects();
    tcp::sender_list waiting;
    tcp::sender* from = l.next_sender();
    REQUIRE(from != nullptr);
    CHECK(from->ends() == s.ends);
    l.park(*from, waiting);
    CHECK(l.next_sender() == nullptr);
    SECTION("found") {
        l.unpark(waiting);
        s.expects(syn().seq(0));
    }
    SECTION("not found") {
        l.unreachable(waiting, error::host_unreachable, s.now());
        CHECK(l.error_of(s.socket) == error::host_unreachable);
        CHECK(s.events().failed);
    }
    SECTION("closed meanwhile") { s.closes(); }
    CHECK(waiting.empty());
}

TEST_CASE("an established connection survives an unreachable neighbour") {
    script s;
    s.establish_passive();
    s.writes(10);
    tcp::sender* from = s.layer().next_sender();
    REQUIRE(from != nullptr);
    s.layer().unreachable(*from, error::host_unreachable, s.now());
    CHECK(s.layer().info(s.socket)->soft_error == error::host_unreachable);
    s.after(300ms);
    s.expects(data(1, 10));
}

TEST_CASE("senders take turns") {
    script s;
    auto& l = s.layer();
    for (int i = 0; i < 2; ++i) {
        const auto id = *l.open(nullptr);
        REQUIRE(l.connect(id, s.ends.remote, s.ends.local.address, s.now()));
    }
    tcp::sender* first = l.next_sender();
    l.yield(*first);
    CHECK(l.next_sender() != first);
}

TEST_CASE("no deadline when nothing runs") {
    script s;
    CHECK(s.layer().next_deadline() == never);
    s.listens();
    CHECK(s.layer().next_deadline() == never);
}
