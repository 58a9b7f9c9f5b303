// ARP and the neighbour cache through a whole stack: asking, answering, waiting, expiry, conflicts,
// and strangers who try to fill the cache.
#include <catch2/catch.hpp>

#include "tests/support/stack_on_memory.hpp"

namespace {

using namespace coax::stack;
using namespace coax::test;
using wire::arp_operation;
using wire::arp_packet;

bytes request_for(std::string_view target, std::string_view sender, const mac_address& mac) {
    return arp_frame(mac_address::broadcast(),
                     {arp_operation::request, mac, address(sender), {}, address(target)});
}

bytes reply_from(std::string_view sender, const mac_address& mac) {
    return arp_frame(own_mac,
                     {arp_operation::reply, mac, address(sender), own_mac, address(own_ip)});
}

// A datagram to `to`, so that the stack needs that neighbour.
void send_to(stack_on_memory& net, udp_socket socket, std::string_view to,
             std::string_view text = "x") {
    const bytes data = text_bytes(text);
    const const_bytes piece(data);
    REQUIRE(net.host->udp_send_to(socket, {address(to), 9}, {&piece, 1}, net.now));
    net.turn();
}

TEST_CASE("arp: RFC 826: a request for our address is answered to who asked") {
    stack_on_memory net;
    net.deliver_frame(request_for(own_ip, "198.18.0.7", peer_mac));
    mac_address to;
    const auto reply = net.take_arp(&to);
    REQUIRE(reply);
    CHECK(to == peer_mac);
    CHECK(*reply == arp_packet{arp_operation::reply, own_mac, address(own_ip), peer_mac,
                               address("198.18.0.7")});
    net.deliver_frame(request_for("198.18.0.9", "198.18.0.7", peer_mac));
    CHECK(net.device.sent.empty());
}

TEST_CASE("arp: RFC 5227 2.1.1: a probe is answered and teaches nothing") {
    stack_on_memory net;
    net.deliver_frame(request_for(own_ip, "0.0.0.0", {{2, 0, 0, 0, 0, 9}}));
    REQUIRE(net.take_arp());
    CHECK(net.count("arp.bad_sender") == 0);
}

TEST_CASE("arp: RFC 5227 2.3: an address is announced twice at start") {
    stack_on_memory net({}, false);
    CHECK(net.host->next_deadline() <= net.now);
    net.turn();
    mac_address to;
    CHECK(*net.take_arp(&to) ==
          arp_packet{arp_operation::request, own_mac, address(own_ip), {}, address(own_ip)});
    CHECK(to.is_broadcast());
    CHECK(net.device.sent.empty());
    CHECK(net.host->next_deadline() == net.now + 2s);
    net.pass(1999ms);
    CHECK(net.device.sent.empty());
    net.pass(1ms);
    CHECK(net.take_arp());
    CHECK(net.host->next_deadline() == never);
    net.pass(100s);
    CHECK(net.device.sent.empty());
}

TEST_CASE("arp: a packet waits for its neighbour and then leaves") {
    stack_on_memory net;
    const auto socket = *net.host->udp_open(nullptr);
    send_to(net, socket, "198.18.0.5", "first");
    mac_address to;
    CHECK(*net.take_arp(&to) ==
          arp_packet{arp_operation::request, own_mac, address(own_ip), {}, address("198.18.0.5")});
    CHECK(to.is_broadcast());
    send_to(net, socket, "198.18.0.5", "second");
    CHECK(net.device.sent.empty());
    const mac_address mac{{2, 0, 0, 0, 0, 5}};
    net.deliver_frame(reply_from("198.18.0.5", mac));
    for (const auto* text : {"first", "second"}) {
        const auto packet = net.take_packet();
        REQUIRE(packet);
        CHECK(packet->ethernet.destination == mac);
        CHECK(transport_checksum_is_right(*packet));
        CHECK(bytes(packet->inside.begin() + 8, packet->inside.end()) == text_bytes(text));
    }
    send_to(net, socket, "198.18.0.5", "third");
    REQUIRE(net.take_packet());
}

TEST_CASE("arp: RFC 1122 2.3.2.1: at most one request a second, three in all") {
    stack_on_memory net;
    const auto socket = *net.host->udp_open(nullptr);
    int requests = 0;
    for (int i = 0; i < 60; ++i) {
        if (net.now < instant(1s) + 5900ms) send_to(net, socket, "198.18.0.5");
        while (net.take_arp()) ++requests;
        net.pass(100ms);
        while (net.take_arp()) ++requests;
    }
    CHECK(requests == 6);  // asked at 0, 1, 2; given up at 3; then anew
    CHECK(net.count("neighbour.failed") >= 1);
    CHECK(net.count("neighbour.pending_dropped") > 0);
}

TEST_CASE("arp: RFC 1122 2.3.2.2: of too many waiting packets the latest are kept") {
    stack_config config;
    config.neighbour.pending_max = 3;
    stack_on_memory net(config);
    const auto socket = *net.host->udp_open(nullptr);
    for (const auto* text : {"1", "2", "3", "4", "5"}) send_to(net, socket, "198.18.0.5", text);
    CHECK(net.count("neighbour.pending_dropped") == 2);
    net.deliver_frame(reply_from("198.18.0.5", {{2, 0, 0, 0, 0, 5}}));
    for (const char text : {'3', '4', '5'})
        CHECK(net.take_packet()->inside.back() == static_cast<std::byte>(text));
    CHECK_FALSE(net.take_packet());
}

TEST_CASE("arp: a burst to an unknown neighbour arrives whole, within bounds of bytes") {
    stack_config config;
    config.neighbour.pending_bytes_each = 3'000;
    for (const bool bounded : {false, true}) {
        stack_on_memory net(bounded ? config : stack_config{});
        const auto socket = *net.host->udp_open(nullptr);
        // 64 small ones; as many that with their headers (28) fill the bound after three.
        const std::string text(bounded ? 972 : 10, 'x');
        for (int i = 0; i != 64; ++i) send_to(net, socket, "198.18.0.5", text);
        net.deliver_frame(reply_from("198.18.0.5", {{2, 0, 0, 0, 0, 5}}));
        int arrived = 0;
        while (net.take_packet()) ++arrived;
        CHECK(arrived == (bounded ? 3 : 64));
        CHECK(net.count("neighbour.pending_dropped") == (bounded ? 61 : 0));
    }
}

TEST_CASE("arp: a used neighbour is asked again by unicast, an unused one is left alone") {
    stack_on_memory net;
    const auto socket = *net.host->udp_open(nullptr);
    net.pass(31s);
    CHECK(net.device.sent.empty());
    send_to(net, socket, peer_ip);
    REQUIRE(net.device.sent.size() == 2);  // the old answer still serves
    CHECK(net.take_packet()->ethernet.destination == peer_mac);
    mac_address to;
    send_to(net, socket, peer_ip);
    net.device.sent.clear();
    net.pass(1s);
    REQUIRE(net.take_arp(&to));
    CHECK(to == peer_mac);
    net.deliver_frame(reply_from(peer_ip, peer_mac));
    net.pass(10s);
    CHECK_FALSE(net.take_arp());

    net.pass(31s);
    send_to(net, socket, peer_ip);
    net.pass(1s);
    net.pass(1s);
    net.pass(1s);  // no answer three times: forgotten
    net.device.sent.clear();
    send_to(net, socket, peer_ip);
    CHECK_FALSE(net.take_packet());
    send_to(net, socket, peer_ip);
    CHECK(net.device.sent.empty());
}

TEST_CASE("arp: a neighbour that moved is believed, and senders follow") {
    stack_on_memory net;
    const auto socket = *net.host->udp_open(nullptr);
    send_to(net, socket, peer_ip);
    CHECK(net.take_packet()->ethernet.destination == peer_mac);
    const mac_address moved{{2, 0, 0, 0, 0, 0x22}};
    net.deliver_frame(
        arp_frame(mac_address::broadcast(),
                  {arp_operation::request, moved, address(peer_ip), {}, address(peer_ip)}));
    send_to(net, socket, peer_ip);
    CHECK(net.take_packet()->ethernet.destination == moved);
    CHECK(net.count("arp.changed") == 1);
}

TEST_CASE("arp: RFC 5227 2.4: a conflict is counted, not learned, defended once in ten seconds") {
    stack_on_memory net;
    const mac_address thief{{2, 0, 0, 0, 0, 0x66}};
    for (int i = 0; i < 5; ++i) net.deliver_frame(request_for(own_ip, own_ip, thief));
    CHECK(net.count("arp.conflict") == 5);
    CHECK(net.device.sent.size() == 1);
    CHECK(net.take_arp()->sender_mac == own_mac);
    net.pass(10s);
    net.deliver_frame(reply_from(own_ip, thief));
    CHECK(net.device.sent.size() == 1);
}

TEST_CASE("arp: impossible senders are refused") {
    stack_on_memory net;
    const mac_address mac{{2, 0, 0, 0, 0, 7}};
    net.deliver_frame(request_for(own_ip, "198.18.0.255", mac));
    net.deliver_frame(request_for(own_ip, "255.255.255.255", mac));
    net.deliver_frame(request_for(own_ip, "224.0.0.1", mac));
    net.deliver_frame(request_for(own_ip, "10.0.0.1", mac));  // not on this link
    CHECK(net.count("arp.bad_sender") == 4);
    auto group = request_for(own_ip, "198.18.0.7", mac);
    group[wire::ethernet_header_size + 8] = std::byte{0xff};  // a group as sender MAC
    net.deliver_frame(group);
    CHECK(net.count("arp.bad_sender") == 5);
    auto malformed = request_for(own_ip, "198.18.0.7", mac);
    malformed.resize(30);
    net.deliver_frame(malformed);
    CHECK(net.count("arp.malformed") == 1);
    CHECK(net.device.sent.empty());
}

TEST_CASE("arp: replies that nobody asked for do not make entries") {
    stack_on_memory net;
    const auto socket = *net.host->udp_open(nullptr);
    net.deliver_frame(reply_from("198.18.0.9", {{2, 0, 0, 0, 0, 9}}));
    CHECK(net.count("arp.unsolicited") == 1);
    send_to(net, socket, "198.18.0.9");
    CHECK_FALSE(net.take_packet());
}

TEST_CASE("arp: strangers fill no more than their share, and friends stay") {
    stack_config config;
    config.neighbour.entries_max = 16;
    config.neighbour.learned_max = 8;
    stack_on_memory net(config);
    const auto socket = *net.host->udp_open(nullptr);
    send_to(net, socket, peer_ip);
    for (unsigned i = 10; i < 250; ++i) {
        const auto ip = ip_address::v4(198, 18, 0, static_cast<std::uint8_t>(i));
        net.deliver_frame(
            request_for(own_ip, ip.to_string(), {{2, 1, 0, 0, 0, static_cast<std::uint8_t>(i)}}));
    }
    CHECK(net.count("arp.not_learned") > 200);
    CHECK(net.count("neighbour.evicted") == 0);
    net.device.sent.clear();
    send_to(net, socket, peer_ip);
    CHECK(net.take_packet()->ethernet.destination == peer_mac);
    // A new neighbour of our own choice finds room.
    send_to(net, socket, "198.18.0.251");
    CHECK(net.take_arp());
}

TEST_CASE("arp: more unresolved neighbours than allowed: the oldest is given up") {
    stack_config config;
    config.neighbour.entries_max = 8;
    config.neighbour.unresolved_max = 4;
    stack_on_memory net(config);
    const auto socket = *net.host->udp_open(nullptr);
    for (unsigned i = 10; i < 100; ++i)
        send_to(net, socket, ip_address::v4(198, 18, 0, static_cast<std::uint8_t>(i)).to_string());
    CHECK(net.count("neighbour.failed") == 86);
    net.device.sent.clear();
    net.deliver_frame(reply_from("198.18.0.99", {{2, 0, 0, 0, 0, 99}}));
    CHECK(net.take_packet());
    net.deliver_frame(reply_from("198.18.0.10", {{2, 0, 0, 0, 0, 10}}));
    CHECK_FALSE(net.take_packet());
}

TEST_CASE("arp: requests of all neighbours together are limited") {
    stack_config config;
    config.neighbour.requests_per_second_max = 5;
    stack_on_memory net(config);
    const auto socket = *net.host->udp_open(nullptr);
    for (unsigned i = 10; i < 30; ++i)
        send_to(net, socket, ip_address::v4(198, 18, 0, static_cast<std::uint8_t>(i)).to_string());
    CHECK(net.device.sent.size() == 5);
    CHECK(net.count("neighbour.request_deferred") == 15);
}

}  // namespace
