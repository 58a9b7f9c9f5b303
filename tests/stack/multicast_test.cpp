// Groups: who hears what is sent to them, how they are sent to, and the limits.
#include <catch2/catch.hpp>

#include "tests/support/stack_on_memory.hpp"

namespace {

using namespace coax::stack;
using namespace coax::test;

const ip_address group_a = *ip_address::parse("239.1.2.3");
const ip_address group_b = *ip_address::parse("239.200.0.9");

class group_host : public stack_on_memory {
  public:
    using stack_on_memory::stack_on_memory;

    udp_socket bound(const endpoint& local, bool reuse = false) {
        const auto socket = *host->udp_open(nullptr);
        REQUIRE(host->udp_set_reuse_address(socket, reuse));
        REQUIRE(host->udp_bind(socket, local));
        return socket;
    }
    udp_socket member(std::uint16_t port, const ip_address& group, bool reuse = false) {
        const auto socket = bound({ip_address::any_v4(), port}, reuse);
        REQUIRE(host->udp_join_group(socket, group));
        return socket;
    }
    status send(udp_socket socket, const endpoint& remote, std::string_view text) {
        const bytes data = text_bytes(text);
        const const_bytes piece(data);
        return host->udp_send_to(socket, remote, {&piece, 1}, now);
    }
    // From the peer to a group, in a frame as it should be.
    void hear(std::string_view to, std::uint16_t port, std::string_view text) {
        deliver_frame(
            ethernet_frame(group_mac(address(to)), peer_mac, wire::ethernet_type_ipv4,
                           udp_packet(ipv4_of(peer_ip, to, 17), 1000, port, text_bytes(text))));
    }
    std::string receive(udp_socket socket) {
        bytes room(20'000);
        const mutable_bytes piece(room);
        const auto got = host->udp_receive_from(socket, {&piece, 1});
        if (!got) return "(" + std::string(to_string(got.code())) + ")";
        destination = got->destination;
        std::string text;
        for (std::size_t i = 0; i < got->size; ++i) text += static_cast<char>(room[i]);
        return text;
    }
    // The next datagram sent, past reports.
    std::optional<taken_apart> take_datagram() {
        while (auto packet = take_packet())
            if (packet->ip.protocol == wire::protocol_udp) return packet;
        return {};
    }
    ip_address destination;  // of what receive() gave last
};

const std::string nothing = "(operation would block)";

TEST_CASE("multicast: RFC 1112 6.4, RFC 2464 7: the address of a group's frames") {
    CHECK(group_mac(address("239.1.2.3")).to_string() == "01:00:5e:01:02:03");
    CHECK(group_mac(address("239.255.255.255")).to_string() == "01:00:5e:7f:ff:ff");
    CHECK(group_mac(address("224.128.0.1")) == group_mac(address("225.0.0.1")));
    CHECK(group_mac(address("ff02::1:ff12:3456")).to_string() == "33:33:ff:12:34:56");
}

TEST_CASE("multicast: a socket hears the groups it has joined, and no others") {
    group_host net;
    const auto a = net.member(7, group_a);
    const auto b = net.member(8, group_b);
    const auto stranger = net.bound({ip_address::any_v4(), 9});
    net.hear("239.1.2.3", 7, "to a");
    CHECK(net.receive(a) == "to a");
    CHECK(net.destination == group_a);
    // The host is in the group, the socket is not.
    net.hear("239.1.2.3", 8, "not yours");
    net.hear("239.1.2.3", 9, "nor yours");
    CHECK(net.receive(b) == nothing);
    CHECK(net.receive(stranger) == nothing);
    CHECK(net.count("udp.no_port") == 2);
    // The host is not: also where the frame's address is the same as that of one it is in.
    net.hear("239.129.2.3", 7, "another group");
    CHECK(net.receive(a) == nothing);
    CHECK(net.count("ip.multicast_not_joined") == 1);
    REQUIRE(net.host->udp_join_group(a, group_b));
    net.hear("239.200.0.9", 7, "two groups");
    CHECK(net.receive(a) == "two groups");
    REQUIRE(net.host->udp_leave_group(a, group_a));
    net.hear("239.1.2.3", 7, "too late");
    CHECK(net.receive(a) == nothing);
    CHECK(net.count("ip.multicast_not_joined") == 2);
    // RFC 1122 3.2.2: no ICMP error about any of this.
    while (const auto packet = net.take_packet()) CHECK(packet->ip.protocol == wire::protocol_igmp);
}

TEST_CASE("multicast: a socket bound to a group hears only it, and sends from an own address") {
    group_host net;
    const auto socket = net.bound({group_a, 7});
    REQUIRE(net.host->udp_join_group(socket, group_a));
    REQUIRE(net.host->udp_join_group(socket, group_b));
    net.hear("239.1.2.3", 7, "a");
    net.hear("239.200.0.9", 7, "b");
    net.deliver(udp_packet(ipv4_of(peer_ip, own_ip, 17), 1000, 7, text_bytes("one")));
    CHECK(net.receive(socket) == "a");
    CHECK(net.receive(socket) == nothing);
    REQUIRE(net.send(socket, {address(peer_ip), 9}, "answer"));
    net.turn();
    const auto packet = net.take_datagram();
    REQUIRE(packet);
    CHECK(packet->ip.source == address(own_ip));
    CHECK(wire::parse_udp(packet->inside, packet->inside.size()).header.source_port == 7);
    CHECK(net.host->udp_ends(socket)->local == endpoint{group_a, 7});
    // Where nothing is bound to, the place is free.
    CHECK(bool(net.bound({address(own_ip), 7})));
    const auto other = *net.host->udp_open(nullptr);
    CHECK(net.host->udp_bind(other, {group_a, 7}).code() == error::address_in_use);
    CHECK(net.host->tcp_bind(*net.host->tcp_open(nullptr), {group_a, 7}, true).code() ==
          error::address_not_available);
}

TEST_CASE("multicast: a connected socket hears its peer alone") {
    group_host net;
    const auto socket = net.bound({group_a, 7});
    REQUIRE(net.host->udp_join_group(socket, group_a));
    REQUIRE(net.host->udp_connect(socket, {address(peer_ip), 1000}));
    net.hear("239.1.2.3", 7, "peer");
    CHECK(net.receive(socket) == "peer");
    REQUIRE(net.host->udp_connect(socket, {address(peer_ip), 1001}));
    net.hear("239.1.2.3", 7, "another");
    CHECK(net.receive(socket) == nothing);
}

TEST_CASE("multicast: several sockets in one group on one port, if all want it so") {
    group_host net;
    const auto first = net.member(7, group_a, true);
    const auto second = net.member(7, group_a, true);
    const auto third = net.bound({ip_address::any_v4(), 7}, true);
    const auto alone = *net.host->udp_open(nullptr);
    CHECK(net.host->udp_bind(alone, {ip_address::any_v4(), 7}).code() == error::address_in_use);
    net.hear("239.1.2.3", 7, "all");
    CHECK(net.receive(first) == "all");
    CHECK(net.receive(second) == "all");
    CHECK(net.receive(third) == nothing);
    // To one host: the last one bound.
    const auto one = [&] {
        net.deliver(udp_packet(ipv4_of(peer_ip, own_ip, 17), 1000, 7, text_bytes("one")));
    };
    one();
    CHECK(net.receive(first) == nothing);
    CHECK(net.receive(second) == nothing);
    CHECK(net.receive(third) == "one");
    net.host->udp_close(second);  // from the middle
    net.host->udp_close(third);
    one();
    CHECK(net.receive(first) == "one");
    net.hear("239.1.2.3", 7, "still");
    CHECK(net.receive(first) == "still");
    // Who does not share any more keeps others out; and the other way round.
    REQUIRE(net.host->udp_set_reuse_address(first, false));
    REQUIRE(net.host->udp_set_reuse_address(alone, true));
    CHECK(net.host->udp_bind(alone, {address(own_ip), 7}).code() == error::address_in_use);
    REQUIRE(net.host->udp_set_reuse_address(first, true));
    REQUIRE(net.host->udp_bind(alone, {address(own_ip), 7}));
    one();
    CHECK(net.receive(alone) == "one");
    CHECK(net.receive(first) == nothing);
    net.host->udp_close(first);
    net.host->udp_close(alone);
    CHECK(bool(net.bound({ip_address::any_v4(), 7})));
}

TEST_CASE("udp: a connected socket keeps its place") {
    group_host net;
    const auto socket = net.bound({address(own_ip), 7});
    REQUIRE(net.host->udp_connect(socket, {address(peer_ip), 9}));
    const auto other = *net.host->udp_open(nullptr);
    CHECK(net.host->udp_bind(other, {address(own_ip), 7}).code() == error::address_in_use);
    CHECK(net.host->udp_bind(other, {ip_address::any_v4(), 7}).code() == error::address_in_use);
    net.host->udp_close(socket);
    CHECK(net.host->udp_bind(other, {address(own_ip), 7}));
}

TEST_CASE("multicast: sent datagrams have the group's frames, hops and source") {
    group_host net;
    REQUIRE(net.host->add_address({*ip_prefix::parse("198.19.0.2/24")}));
    const auto socket = *net.host->udp_open(nullptr);
    const auto sent = [&](const char* to) {
        REQUIRE(net.send(socket, {address(to), 9}, "x"));
        net.turn();
        const auto packet = net.take_datagram();
        REQUIRE(packet);
        CHECK(transport_checksum_is_right(*packet));
        return *packet;
    };
    CHECK(sent("239.1.2.3").ethernet.destination == group_mac(group_a));
    CHECK(sent("239.1.2.3").ip.time_to_live == 1);  // RFC 1112 6.1
    CHECK(sent("239.1.2.3").ip.source == address(own_ip));
    REQUIRE(net.host->udp_set_multicast_hops(socket, 9));
    REQUIRE(net.host->udp_set_multicast_source(socket, address("198.19.0.2")));
    CHECK(sent("239.1.2.3").ip.time_to_live == 9);
    CHECK(sent("239.1.2.3").ip.source == address("198.19.0.2"));
    CHECK(net.host->udp_set_multicast_source(socket, address("198.19.0.9")).code() ==
          error::address_not_available);
    // What is sent to one host is another matter.
    CHECK(sent("198.18.0.1").ip.time_to_live == 64);
    CHECK(sent("198.18.0.1").ip.source == address(own_ip));
    REQUIRE(net.host->udp_set_hops(socket, 5));
    CHECK(sent("198.18.0.1").ip.time_to_live == 5);
    CHECK(sent("239.1.2.3").ip.time_to_live == 9);
    REQUIRE(net.host->udp_set_multicast_source(socket, ip_address::any_v4()));
    CHECK(sent("239.1.2.3").ip.source == address(own_ip));
    // No hop: not beyond this host.
    REQUIRE(net.host->udp_set_multicast_hops(socket, 0));
    REQUIRE(net.send(socket, {group_a, 9}, "x"));
    net.turn();
    CHECK_FALSE(net.take_datagram());
    // Nothing of it is left to the next socket in this place.
    net.host->udp_close(socket);
    const auto next = *net.host->udp_open(nullptr);
    REQUIRE(net.send(next, {group_a, 9}, "x"));
    net.turn();
    CHECK(net.take_datagram()->ip.time_to_live == 1);
}

TEST_CASE("multicast: the host hears itself, as the sender wants it") {
    group_host net;
    const auto member = net.member(7, group_a);
    const auto sender = *net.host->udp_open(nullptr);
    const auto say = [&](const char* text) {
        REQUIRE(net.send(sender, {group_a, 7}, text));
        net.turn();
        net.turn();
    };
    say("heard");
    CHECK(net.receive(member) == "heard");
    CHECK(net.take_datagram());
    REQUIRE(net.host->udp_set_multicast_hops(sender, 0));
    say("inside");
    CHECK(net.receive(member) == "inside");
    CHECK_FALSE(net.take_datagram());
    REQUIRE(net.host->udp_set_multicast_loop(sender, false));
    say("not heard");
    CHECK(net.receive(member) == nothing);
    REQUIRE(net.host->udp_set_multicast_loop(sender, true));
    REQUIRE(net.host->udp_leave_group(member, group_a));
    say("not joined");
    CHECK(net.receive(member) == nothing);
    CHECK(net.count("ip.multicast_not_joined") == 0);  // not even tried
    // What has to be cut for the link is whole in here.
    REQUIRE(net.host->udp_join_group(member, group_a));
    REQUIRE(net.host->udp_set_multicast_hops(sender, 1));
    const std::string large(17'000, 'L');
    say(large.c_str());
    CHECK(net.receive(member) == large);
    CHECK(net.count("ip.fragments_sent") == 12);
}

TEST_CASE("udp: the host hears its own broadcasts, all sockets of the port do") {
    group_host net;
    const auto first = net.bound({ip_address::any_v4(), 7}, true);
    const auto second = net.bound({ip_address::any_v4(), 7}, true);
    const auto particular = net.bound({address("198.18.0.255"), 7}, true);
    const auto other = net.bound({address(own_ip), 7}, true);
    const auto sender = *net.host->udp_open(nullptr);
    REQUIRE(net.host->udp_set_broadcast(sender, true));
    REQUIRE(net.send(sender, {address("198.18.0.255"), 7}, "all"));
    net.turn();
    net.turn();
    CHECK(net.receive(first) == "all");
    CHECK(net.receive(second) == "all");
    CHECK(net.receive(particular) == "all");
    CHECK(net.receive(other) == nothing);
    net.deliver_frame(ethernet_frame(
        mac_address::broadcast(), peer_mac, wire::ethernet_type_ipv4,
        udp_packet(ipv4_of(peer_ip, "255.255.255.255", 17), 1000, 7, text_bytes("limited"))));
    CHECK(net.receive(first) == "limited");
    CHECK(net.receive(second) == "limited");
    CHECK(net.receive(particular) == nothing);
}

TEST_CASE("multicast: a full device loses nothing of what the host says to itself") {
    stack_config config;
    config.burst = 1;  // no slots are kept
    group_host net(config);
    const auto member = net.member(7, group_a);
    net.turn();
    net.device.room = 0;
    REQUIRE(net.send(member, {group_a, 7}, std::string(5000, 'x')));
    for (int i = 0; i < 3; ++i) net.turn();
    CHECK(net.receive(member) == nothing);
    net.device.room = 2;
    net.turn();
    net.device.room = 10;
    net.turn();
    net.turn();
    CHECK(net.receive(member).size() == 5000);
    CHECK(net.receive(member) == nothing);  // once
}

TEST_CASE("multicast: in fragments from outside") {
    group_host net;
    const auto member = net.member(7, group_a);
    const bytes whole =
        udp_packet(ipv4_of(peer_ip, "239.1.2.3", 17), 1000, 7, bytes(100, std::byte{'f'}));
    const bytes inside(whole.begin() + 20, whole.end());
    auto header = ipv4_of(peer_ip, "239.1.2.3", 17);
    header.identification = 77;
    for (const std::size_t at : {std::size_t{0}, std::size_t{64}}) {
        header.more_fragments = at == 0;
        header.fragment_offset = static_cast<std::uint16_t>(at);
        const auto begin = inside.begin() + static_cast<std::ptrdiff_t>(at);
        net.deliver_frame(
            ethernet_frame(group_mac(group_a), peer_mac, wire::ethernet_type_ipv4,
                           ipv4_packet(header, bytes(begin, at == 0 ? begin + 64 : inside.end()))));
    }
    CHECK(net.receive(member) == std::string(100, 'f'));
}

TEST_CASE("multicast: errors and limits of joining") {
    stack_config config;
    config.udp.memberships_max = 3;
    config.ip.groups_max = 4;
    group_host net(config);
    const auto socket = net.bound({ip_address::any_v4(), 7});
    const auto join = [&](udp_socket s, const char* group) {
        return net.host->udp_join_group(s, address(group)).code();
    };
    CHECK(join(socket, "198.18.0.1") == error::invalid_argument);
    CHECK(join(socket, "ff02::5") == error::invalid_argument);
    CHECK(join(udp_socket{}, "239.0.0.1") == error::bad_handle);
    CHECK(join(socket, "239.0.0.1") == error::none);
    CHECK(join(socket, "239.0.0.1") == error::address_in_use);
    CHECK(net.host->udp_leave_group(socket, group_a).code() == error::address_not_available);
    CHECK(net.host->udp_leave_group(udp_socket{}, group_a).code() == error::bad_handle);
    CHECK(join(socket, "239.0.0.2") == error::none);
    CHECK(join(socket, "239.0.0.3") == error::none);
    CHECK(join(socket, "239.0.0.4") == error::no_buffer_space);
    const auto second = net.bound({ip_address::any_v4(), 8});
    CHECK(join(second, "239.0.0.1") == error::none);  // no group more
    CHECK(join(second, "239.0.0.4") == error::none);
    CHECK(join(second, "239.0.0.5") == error::no_buffer_space);
    CHECK(net.device.groups.size() == 4);
    // One that is being left gives way at once.
    net.host->udp_close(socket);
    CHECK(net.device.groups == std::vector<ip_address>{address("239.0.0.1"), address("239.0.0.4")});
    CHECK(join(second, "239.0.0.5") == error::none);
    const auto third = net.bound({ip_address::any_v4(), 9});
    CHECK(join(third, "239.0.0.6") == error::none);
    // A device that can't.
    net.host->udp_close(third);
    const auto fourth = net.bound({ip_address::any_v4(), 9});
    net.device.group_refusal = error::address_in_use;
    CHECK(join(fourth, "239.0.0.7") == error::address_in_use);
    net.device.group_refusal = error::none;
    CHECK(join(fourth, "239.0.0.7") == error::none);
    net.host->udp_close(second);
    net.host->udp_close(fourth);
    for (const auto& held : net.host->usage()) {
        if (held.name == "igmp.groups") CHECK(held.value == 0);
    }
    CHECK(net.device.groups.empty());
    // Without an address nobody could be told.
    memory_device device;
    seeded_random random{1};
    ip_stack bare(config, device, random);
    CHECK(bare.udp_join_group(*bare.udp_open(nullptr), group_a).code() ==
          error::network_unreachable);
}

}  // namespace
