// A flood of SYNs from addresses that do not exist, while honest clients work: nothing grows, their
// connections go on, and they open new ones.

#include <array>
#include <vector>

#include <catch2/catch.hpp>

#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/ipv4.hpp"
#include "stack/wire/tcp.hpp"
#include "tests/wire/sessions.hpp"
#include "tests/wire/world.hpp"

namespace {

using namespace wire_test;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned flood = 50'000;
#else
constexpr unsigned flood = 1'000'000;
#endif
constexpr unsigned at_once = 64;

// Sends SYNs through the port of a host that is the victim's router, so that all answers come back
// to where nobody waits for them.
class flooder {
  public:
    flooder(host& router, host& victim) : router_(router), victim_(victim) {}

    void send(unsigned count) {
        std::array<stack::tx_slot, at_once> slots;
        const std::size_t got = router_.port().reserve(std::span(slots).first(count));
        for (std::size_t i = 0; i < got; ++i) fill(slots[i]);
        router_.port().transmit(std::span(slots).first(got));
        sent += static_cast<unsigned>(got);
    }
    unsigned sent = 0;

  private:
    void fill(stack::tx_slot& slot) {
        namespace wire = stack::wire;
        wire::tcp_header tcp;
        tcp.source_port = static_cast<std::uint16_t>(random_.next() | 1);
        tcp.destination_port = 7;
        tcp.sequence = static_cast<std::uint32_t>(random_.next());
        tcp.flags.syn = true;
        tcp.window = 65535;
        tcp.options.maximum_segment_size = 1460;
        wire::ipv4_header ip;
        // 1.0.0.0 to 126.255.255.255
        ip.source = stack::ip_address::v4(
            static_cast<std::uint32_t>(0x0100'0000U + random_.next() % 0x7e00'0000U));
        ip.destination = victim_.address();
        ip.protocol = wire::protocol_tcp;
        ip.time_to_live = 64;
        const std::size_t size = wire::tcp_header_length(tcp);
        ip.total_length = static_cast<std::uint16_t>(wire::ipv4_header_size + size);
        std::byte* const packet = slot.data + wire::ethernet_header_size;
        std::byte* const segment = packet + wire::ipv4_header_size;
        wire::emit_ethernet({victim_.port().capabilities().address,
                             router_.port().capabilities().address, wire::ethernet_type_ipv4},
                            slot.data);
        wire::emit_ipv4(ip, packet);
        wire::emit_tcp(tcp, segment);
        const std::uint64_t pseudo = wire::pseudo_header_sum(ip.source, ip.destination, ip.protocol,
                                                             static_cast<std::uint32_t>(size));
        wire::store_native(segment + wire::tcp_checksum_offset,
                           wire::finish_checksum(wire::sum_bytes(pseudo, segment, size)));
        slot.length = static_cast<std::uint32_t>(wire::ethernet_header_size + ip.total_length);
    }
    host& router_;
    host& victim_;
    seeded_random random_{99};
};

TEST_CASE("RFC 4987: a million SYNs from nowhere, and the clients work on") {
    world net;
    host_options victim_options;
    victim_options.config.tcp.syn_queue_max = 1024;
    host& victim = net.add_host(victim_options);
    host& router = net.add_host();
    REQUIRE(victim.stack().add_route({*stack::ip_prefix::parse("0.0.0.0/0"), router.address()}));
    host& modern = net.add_host();
    host_options old_options;
    old_options.config.tcp.timestamps = false;
    host& old = net.add_host(old_options);
    victim.listen(7, [] { return std::make_unique<echo_session>(); });

    // Those that were there before, and talk all the time.
    std::vector<asking_session*> old_friends;
    for (host* from : {&modern, &old})
        old_friends.push_back(
            &from->connect(std::make_unique<asking_session>(200, flood / 10, old_friends.size()),
                           {victim.address(), 7}));
    net.run_for(1ms);

    flooder attacker(router, victim);
    std::vector<asking_session*> newcomers;
    std::size_t most = 0;
    for (unsigned turn = 0; attacker.sent < flood; ++turn) {
        attacker.send(at_once);
        net.run_for(250us);
        most = std::max(most, victim.stack().tcp_socket_count());
        if (turn % 128 != 0) continue;
        for (host* from : {&modern, &old})
            newcomers.push_back(&from->connect(
                std::make_unique<asking_session>(500, 3, newcomers.size()), {victim.address(), 7}));
    }
    const auto all_done = [&] {
        for (const auto* list : {&old_friends, &newcomers})
            for (const asking_session* each : *list)
                if (!each->done()) return false;
        return true;
    };
    CHECK(net.run_until(all_done, 60s));
    for (const auto* list : {&old_friends, &newcomers})
        for (const asking_session* each : *list) CHECK(each->intact());
    // Half-open ones, the clients' (some in TIME-WAIT), and the listener; 512 bytes each at most.
    CHECK(most <= 1024 + old_friends.size() + newcomers.size() + 1);
    CHECK(victim.counter("tcp.syn_cookies_sent") >= flood * 3ULL / 4);
    CHECK(victim.counter("tcp.syn_cookies_accepted") >= newcomers.size() / 2);
    CHECK(victim.counter("tcp.accept_refused") == 0);
    INFO(victim.nonzero_counters());
    CHECK(net.run_until([&] { return victim.stack().tcp_socket_count() == 1; }, 300s));
}

TEST_CASE("a datagram of 65507 bytes crosses the wire and comes back") {
    world net;
    host& one = net.add_host();
    host& two = net.add_host();
    const auto open = [](host& at) {
        const auto socket = *at.stack().udp_open(nullptr);
        REQUIRE(at.stack().udp_bind(socket, {stack::ip_address::any_v4(), 7}));
        return socket;
    };
    const auto from = open(one);
    const auto to = open(two);
    std::vector<std::byte> data(65507);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 5 + i / 256);
    const auto send = [&](host& at, stack::udp_socket socket, host& target) {
        const stack::const_bytes piece(data);
        REQUIRE(at.stack().udp_send_to(socket, {target.address(), 7}, {&piece, 1}, net.now()));
        net.run_for(10ms);
    };
    const auto receive = [&](host& at, stack::udp_socket socket) {
        std::vector<std::byte> room(65536);
        const stack::mutable_bytes piece(room);
        const auto got = at.stack().udp_receive_from(socket, {&piece, 1});
        REQUIRE(got);
        room.resize(got->size);
        return room;
    };
    send(one, from, two);
    CHECK((receive(two, to) == data));
    send(two, to, one);
    CHECK((receive(one, from) == data));
    CHECK(two.counter("ip.reassembled") == 1);
}

}  // namespace
