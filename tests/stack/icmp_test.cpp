// ICMP of a host: echo, the errors it sends with their limits, and those it obeys.
#include <catch2/catch.hpp>

#include "tests/support/stack_on_memory.hpp"

namespace {

using namespace coax::stack;
using namespace coax::test;

bytes echo_request(const bytes& data, std::string_view from = peer_ip) {
    return icmp_packet(ipv4_of(from, own_ip, 1), {8, 0, 0x1234'0001}, data);
}

TEST_CASE("icmp: RFC 1122 3.2.2.6: an echo request is answered with its data") {
    stack_on_memory net;
    for (const std::size_t size : {0U, 1U, 56U, 57U, 1472U}) {
        bytes data(size);
        for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>(i * 3);
        net.deliver(echo_request(data));
        const auto reply = net.take_packet();
        REQUIRE(reply);
        CHECK(reply->ethernet.destination == peer_mac);
        CHECK(reply->ethernet.source == own_mac);
        CHECK(reply->ip.source == address(own_ip));
        CHECK(reply->ip.destination == address(peer_ip));
        CHECK(reply->ip.dont_fragment);
        CHECK(reply->ip.identification == 0);
        CHECK(reply->ip.time_to_live == 64);
        CHECK(wire::parse_icmp(reply->inside) == wire::icmp_header{0, 0, 0x1234'0001});
        CHECK(wire::fold_sum(wire::sum_bytes(0, reply->inside.data(), reply->inside.size())) ==
              0xffff);
        CHECK(bytes(reply->inside.begin() + 8, reply->inside.end()) == data);
    }
    CHECK(net.count("icmp.echoed") == 5);
}

// RFC 1122 3.2.1.7: it is for us, so its time to live says nothing.
TEST_CASE("icmp: a packet whose time to live is over is taken by the host it is for") {
    stack_on_memory net;
    for (const std::uint8_t ttl : {std::uint8_t{0}, std::uint8_t{1}}) {
        auto header = ipv4_of(peer_ip, own_ip, 1);
        header.time_to_live = ttl;
        net.deliver(icmp_packet(header, {8, 0, 0x1234'0001}, bytes(8)));
        const auto reply = net.take_packet();
        REQUIRE(reply);
        CHECK(reply->ip.time_to_live == 64);
    }
    CHECK(net.count("icmp.echoed") == 2);
}

TEST_CASE("icmp: malformed and useless messages") {
    stack_on_memory net;
    auto bad = echo_request(bytes(20));
    bad.back() ^= std::byte{1};
    net.deliver(bad);
    CHECK(net.count("icmp.bad_checksum") == 1);
    net.deliver(ipv4_packet(ipv4_of(peer_ip, own_ip, 1), bytes(7)));
    CHECK(net.count("icmp.truncated") == 1);
    net.deliver(icmp_packet(ipv4_of(peer_ip, own_ip, 1), {99, 0, 0}, {}));
    CHECK(net.count("icmp.unknown_type") == 1);
    for (const std::uint8_t type : {std::uint8_t{0}, std::uint8_t{4}, std::uint8_t{5}})
        net.deliver(icmp_packet(ipv4_of(peer_ip, own_ip, 1), {type, 0, 0}, bytes(28)));
    CHECK(net.count("icmp.ignored") == 3);
    CHECK(net.device.sent.empty());
}

TEST_CASE("icmp: RFC 1122 4.1.3.1, 3.2.2.1: port and protocol unreachable quote the packet") {
    stack_on_memory net;
    const auto datagram =
        udp_packet(ipv4_of(peer_ip, own_ip, 17), 1000, 99, text_bytes("is anybody there?"));
    net.deliver(datagram);
    auto error = net.take_packet();
    REQUIRE(error);
    CHECK(wire::parse_icmp(error->inside) == wire::icmp_header{3, 3, 0});
    CHECK(wire::fold_sum(wire::sum_bytes(0, error->inside.data(), error->inside.size())) == 0xffff);
    CHECK(bytes(error->inside.begin() + 8, error->inside.end()) == datagram);
    CHECK(error->ip.destination == address(peer_ip));

    const auto strange = ipv4_packet(ipv4_of(peer_ip, own_ip, 132), bytes(2000));
    net.deliver(strange);
    error = net.take_packet();
    REQUIRE(error);
    CHECK(wire::parse_icmp(error->inside) == wire::icmp_header{3, 2, 0});
    CHECK(error->ip.total_length == 576);  // RFC 1812 4.3.2.3
    CHECK(std::equal(error->inside.begin() + 8, error->inside.end(), strange.begin()));
    CHECK(net.count("icmp.errors_sent") == 2);
}

TEST_CASE("icmp: RFC 1812 4.3.2.8: errors are limited, echo is not") {
    stack_config config;
    config.ip.icmp_per_second_max = 10;
    stack_on_memory net(config);
    const auto datagram = udp_packet(ipv4_of(peer_ip, own_ip, 17), 1000, 99, bytes(5));
    for (int i = 0; i < 100; ++i) net.deliver(datagram);
    // 10 on average: what one error costs is drawn, so that nobody learns what others caused.
    const std::size_t sent = net.device.sent.size();
    CHECK(sent >= 5);
    CHECK(sent <= 25);
    CHECK(net.count("icmp.rate_limited") == 100 - sent);
    net.now += 1s;
    net.deliver(datagram);
    CHECK(net.device.sent.size() == sent + 1);
    for (int i = 0; i < 100; ++i) net.deliver(echo_request(bytes(8)));
    CHECK(net.device.sent.size() == sent + 101);
}

TEST_CASE("icmp: what waits to be sent is bounded") {
    stack_config config;
    config.ip.icmp_queue_bytes = 4000;
    stack_on_memory net(config);
    net.device.room = net.device.lent();
    for (int i = 0; i < 10; ++i)
        net.device.deliver(ethernet_frame(own_mac, peer_mac, 0x0800, echo_request(bytes(1400))));
    const std::size_t lent = net.device.lent();
    net.turn();
    const std::size_t left = net.count("icmp.queue_full");
    CHECK(left == 8);
    net.device.room = 100;
    net.turn();
    CHECK(net.device.sent.size() == 2);
    CHECK(lent <= 64);
}

// --- errors that come in

class connected_datagrams : public stack_on_memory {
  public:
    connected_datagrams() {
        REQUIRE(host->add_route({*ip_prefix::parse("0.0.0.0/0"), address(peer_ip)}));
        socket = *host->udp_open(nullptr);
        REQUIRE(host->udp_connect(socket, {address("203.0.113.5"), 53}));
        REQUIRE(host->udp_set_dont_fragment(socket, true));
        const bytes data = text_bytes("query");
        const const_bytes piece(data);
        REQUIRE(host->udp_send(socket, {&piece, 1}, now));
        turn();
        sent = take_packet()->packet;
    }
    void deliver_error(std::uint8_t type, std::uint8_t code, const bytes& quote,
                       std::uint32_t rest = 0) {
        deliver(icmp_packet(ipv4_of(peer_ip, own_ip, 1), {type, code, rest}, quote));
    }
    error heard() {
        bytes room(100);
        const mutable_bytes piece(room);
        return host->udp_receive_from(socket, {&piece, 1}).code();
    }
    status send(std::size_t size) {
        const bytes data(size);
        const const_bytes piece(data);
        return host->udp_send(socket, {&piece, 1}, now);
    }
    udp_socket socket;
    bytes sent;
};

TEST_CASE("icmp: RFC 1122 4.1.3.3: an error reaches the socket that sent the packet") {
    connected_datagrams net;
    udp::event event;
    net.deliver_error(3, 3, net.sent);
    REQUIRE(net.host->next_udp_event(event));
    CHECK(event.socket == net.socket);
    CHECK(event.ready.readable);
    CHECK(net.heard() == error::connection_refused);
    CHECK(net.heard() == error::would_block);
    net.deliver_error(3, 1, net.sent);  // soft: not told
    CHECK(net.heard() == error::would_block);
    CHECK(net.count("icmp.errors_received") == 2);
    // Prohibited on the way (RFC 1812 5.2.7.1): told, though a connection of TCP would not end.
    for (const std::uint8_t code : {std::uint8_t{10}, std::uint8_t{13}}) {
        net.deliver_error(3, code, net.sent);
        CHECK(net.heard() == error::host_unreachable);
    }
    net.deliver_error(3, 9, net.sent);
    CHECK(net.heard() == error::network_unreachable);
    // The next call has it, whichever it is; then it is told.
    net.deliver_error(3, 3, net.sent);
    CHECK(net.host->udp_is_readable(net.socket));
    CHECK(net.send(5).code() == error::connection_refused);
    CHECK_FALSE(net.host->udp_is_readable(net.socket));
    CHECK(net.send(5));
}

TEST_CASE("icmp: RFC 5927 4: an error is believed only as far as it quotes a packet of ours") {
    connected_datagrams net;
    const auto spoilt = [&](auto change) {
        bytes quote = net.sent;
        change(quote);
        return quote;
    };
    net.deliver_error(3, 3, {});
    net.deliver_error(3, 3, bytes(net.sent.begin(), net.sent.begin() + 27));  // not 8 bytes of UDP
    net.deliver_error(3, 3, spoilt([](bytes& q) { q[0] = std::byte{0x65}; }));
    net.deliver_error(3, 3, spoilt([](bytes& q) { q[15] = std::byte{9}; }));  // not from us
    net.deliver_error(3, 3, spoilt([](bytes& q) { q[9] = std::byte{1}; }));   // ICMP
    net.deliver_error(3, 3, spoilt([](bytes& q) { q[7] = std::byte{1}; }));   // a later fragment
    net.deliver_error(3, 3, spoilt([](bytes& q) { q[0] = std::byte{0x4f}; }));
    CHECK(net.count("icmp.bad_quote") == 7);
    net.deliver_error(3, 3, spoilt([](bytes& q) { q[23] ^= std::byte{1}; }));  // another port
    CHECK(net.heard() == error::would_block);
    net.deliver_error(3, 3, bytes(net.sent.begin(), net.sent.begin() + 28));
    CHECK(net.heard() == error::connection_refused);
}

TEST_CASE("icmp: RFC 1191: fragmentation needed lowers the path MTU") {
    connected_datagrams net;
    REQUIRE(net.send(1472));
    CHECK(net.send(1473).code() == error::message_too_long);
    net.turn();
    const bytes large = net.take_packet()->packet;
    net.deliver_error(3, 4, net.sent, 1400);  // of a packet that was smaller: not believed
    REQUIRE(net.send(1472));
    net.deliver_error(3, 4, large, 1400);
    CHECK(net.send(1373).code() == error::message_too_long);
    CHECK(net.send(1372));
    // An old router says no MTU: the next plateau (7.1).
    net.deliver_error(3, 4, large, 0);
    CHECK(net.send(1372));
    net.now += 601s;
    CHECK(net.send(1472));
}

}  // namespace
