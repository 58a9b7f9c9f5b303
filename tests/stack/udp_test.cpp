// UDP sockets: demux, queues and their bounds, errors; and the way of datagrams through egress.
#include <catch2/catch.hpp>

#include "tests/support/stack_on_memory.hpp"

namespace {

using namespace coax::stack;
using namespace coax::test;

class udp_host : public stack_on_memory {
  public:
    using stack_on_memory::stack_on_memory;

    udp_socket bound(const endpoint& local, void* user = nullptr) {
        const auto socket = *host->udp_open(user);
        REQUIRE(host->udp_bind(socket, local));
        return socket;
    }
    status send(udp_socket socket, const endpoint& remote, const bytes& data) {
        const const_bytes piece(data);
        return host->udp_send_to(socket, remote, {&piece, 1}, now);
    }
    // A datagram from the peer.
    void hear(std::uint16_t from, std::uint16_t to, std::string_view text,
              std::string_view source = peer_ip) {
        deliver(udp_packet(ipv4_of(source, own_ip, 17), from, to, text_bytes(text)));
    }
    std::string receive(udp_socket socket, endpoint* source = nullptr, std::size_t size = 2000) {
        bytes room(size);
        const mutable_bytes piece(room);
        const auto got = host->udp_receive_from(socket, {&piece, 1});
        if (!got) return "(" + std::string(to_string(got.code())) + ")";
        if (source != nullptr) *source = got->source;
        std::string text;
        for (std::size_t i = 0; i < got->size; ++i) text += static_cast<char>(room[i]);
        return got->truncated ? text + "..." : text;
    }
};

const std::string nothing = "(operation would block)";

TEST_CASE("udp: the most particular socket hears a datagram") {
    udp_host net;
    const auto any = net.bound({ip_address::any_v4(), 7});
    net.hear(1000, 7, "to any");
    CHECK(net.receive(any) == "to any");
    const auto own = net.bound({address(own_ip), 8});
    net.hear(1000, 8, "to own");
    endpoint source;
    CHECK(net.receive(own, &source) == "to own");
    CHECK(source.to_string() == "198.18.0.1:1000");
    const auto peer = *net.host->udp_open(nullptr);
    REQUIRE(net.host->udp_bind(peer, {address(own_ip), 9}));
    REQUIRE(net.host->udp_connect(peer, {address(peer_ip), 1000}));
    net.hear(1000, 9, "to me");
    net.hear(1001, 9, "to nobody");
    CHECK(net.receive(peer) == "to me");
    CHECK(net.receive(peer) == nothing);
    CHECK(net.count("udp.no_port") == 1);
    REQUIRE(net.host->udp_connect(peer, {ip_address::any_v4(), 0}));
    net.hear(1001, 9, "to anybody");
    CHECK(net.receive(peer) == "to anybody");
    net.host->udp_close(any);
    net.hear(1000, 7, "too late");
    CHECK(net.count("udp.no_port") == 2);
    CHECK(net.receive(any) == "(bad socket handle)");
}

// RFC 6335 6: port 0 is nobody's, so nobody is told that nobody listens there.
TEST_CASE("udp: a datagram to port 0 is counted and not answered") {
    udp_host net;
    net.hear(1000, 0, "to nobody");
    CHECK(net.count("udp.port_zero") == 1);
    CHECK(net.count("udp.no_port") == 0);
    CHECK(!net.take_packet());
}

TEST_CASE("udp: binding") {
    udp_host net;
    const auto a = *net.host->udp_open(nullptr);
    const auto b = *net.host->udp_open(nullptr);
    CHECK(net.host->udp_bind(a, {address("198.18.0.9"), 7}).code() == error::address_not_available);
    REQUIRE(net.host->udp_bind(a, {address(own_ip), 7}));
    CHECK(net.host->udp_bind(a, {address(own_ip), 8}).code() == error::invalid_argument);
    CHECK(net.host->udp_bind(b, {address(own_ip), 7}).code() == error::address_in_use);
    CHECK(net.host->udp_bind(b, {ip_address::any_v4(), 7}).code() == error::address_in_use);
    CHECK(net.host->udp_bind(b, {address("127.0.0.1"), 7}).has_value());
    net.host->udp_close(b);
    net.host->udp_close(a);
    const auto c = net.bound({ip_address::any_v4(), 7});
    CHECK(net.host->udp_ends(c)->local.port == 7);
    const auto d = net.bound({ip_address::any_v4(), 0});
    CHECK(net.host->udp_ends(d)->local.port >= 32768);
    CHECK(net.host->udp_socket_count() == 2);
}

TEST_CASE("udp: all ephemeral ports, and then none") {
    stack_config config;
    config.udp.ephemeral_port_first = 50'000;
    config.udp.ephemeral_port_last = 50'009;
    udp_host net(config);
    std::vector<bool> seen(10);
    for (int i = 0; i < 10; ++i) {
        const auto socket = net.bound({ip_address::any_v4(), 0});
        seen.at(net.host->udp_ends(socket)->local.port - 50'000U) = true;
    }
    CHECK(std::count(seen.begin(), seen.end(), true) == 10);
    const auto socket = *net.host->udp_open(nullptr);
    CHECK(net.host->udp_bind(socket, {ip_address::any_v4(), 0}).code() == error::address_in_use);
}

TEST_CASE("udp: a stale handle never reaches the socket that took its place") {
    udp_host net;
    const auto old = net.bound({ip_address::any_v4(), 7});
    net.host->udp_close(old);
    const auto young = net.bound({ip_address::any_v4(), 7});
    CHECK(young.index == old.index);
    net.hear(1, 7, "x");
    CHECK(net.receive(old) == "(bad socket handle)");
    net.host->udp_close(old);
    CHECK(net.receive(young) == "x");
    CHECK(net.host->udp_send(old, {}, net.now).code() == error::bad_handle);
    CHECK(net.host->udp_bind(old, {}).code() == error::bad_handle);
    CHECK_FALSE(net.host->udp_ends(udp_socket{77, 1}));
    CHECK_FALSE(net.host->udp_ends(udp_socket{}));
}

TEST_CASE("udp: events come once per change, with the user's pointer") {
    udp_host net;
    int user = 0;
    const auto socket = net.bound({ip_address::any_v4(), 7}, &user);
    udp::event event;
    CHECK_FALSE(net.host->next_udp_event(event));
    net.hear(1, 7, "a");
    net.hear(1, 7, "b");
    REQUIRE(net.host->next_udp_event(event));
    CHECK(event.socket == socket);
    CHECK(event.user == &user);
    CHECK(event.ready.readable);
    CHECK_FALSE(net.host->next_udp_event(event));
    CHECK(net.host->udp_available(socket) == 1);
    net.receive(socket);
    net.receive(socket);
    CHECK(net.host->udp_available(socket) == 0);
    net.hear(1, 7, "c");
    CHECK(net.host->next_udp_event(event));
    net.hear(1, 7, "d");
    net.host->udp_close(socket);
    CHECK_FALSE(net.host->next_udp_event(event));
}

TEST_CASE("udp: a datagram that is longer than the room is cut, and says so") {
    udp_host net;
    const auto socket = net.bound({ip_address::any_v4(), 7});
    net.hear(1, 7, "too long");
    net.hear(1, 7, "");
    CHECK(net.receive(socket, nullptr, 3) == "too...");
    CHECK(net.receive(socket).empty());
    CHECK(net.receive(socket) == nothing);
    bytes a(2);
    bytes b(4);
    const std::array<mutable_bytes, 2> pieces{mutable_bytes(a), mutable_bytes(b)};
    net.hear(1, 7, "split");
    REQUIRE(net.host->udp_receive_from(socket, pieces)->size == 5);
    CHECK(a == text_bytes("sp"));
    CHECK(b[2] == static_cast<std::byte>('t'));
}

TEST_CASE("udp: queues are bounded, per socket and in all") {
    stack_config config;
    config.udp.receive_queue_bytes = 3000;
    config.udp.receive_memory_bytes = 4000;
    udp_host net(config);
    const auto a = net.bound({ip_address::any_v4(), 7});
    const auto b = net.bound({ip_address::any_v4(), 8});
    const std::string kilobyte(900, 'x');
    for (int i = 0; i < 5; ++i) net.hear(1, 7, kilobyte);
    CHECK(net.count("udp.queue_full") == 2);
    for (int i = 0; i < 5; ++i) net.hear(1, 8, kilobyte);
    CHECK(net.count("udp.memory_full") == 4);
    net.host->udp_close(a);  // its memory is free again
    net.hear(1, 8, kilobyte);
    CHECK(net.count("udp.memory_full") == 4);
    CHECK(net.receive(b).size() == 900);
    CHECK(net.receive(b).size() == 900);
    CHECK(net.receive(b) == nothing);
}

TEST_CASE("udp: what cannot be sent is refused at once") {
    udp_host net;
    const auto socket = *net.host->udp_open(nullptr);
    const auto code = [&](std::string_view to, std::uint16_t port, std::size_t size = 1) {
        return net.send(socket, {address(to), port}, bytes(size)).code();
    };
    CHECK(code("203.0.113.1", 9) == error::network_unreachable);
    CHECK(code("fd00::1", 9) == error::network_unreachable);
    CHECK(code("198.18.0.255", 9) == error::access_denied);
    CHECK(code("224.0.0.1", 0) == error::invalid_argument);
    CHECK(code("ff02::1", 9) != error::none);
    CHECK(code(peer_ip, 0) == error::invalid_argument);
    CHECK(code("0.0.0.0", 9) == error::invalid_argument);
    CHECK(code(peer_ip, 9, 65508) == error::message_too_long);
    REQUIRE(net.host->udp_set_dont_fragment(socket, true));
    CHECK(code(peer_ip, 9, 1473) == error::message_too_long);
    CHECK(code(peer_ip, 9, 1472) == error::none);
    CHECK(net.host->udp_send(socket, {}, net.now).code() == error::not_connected);
    const auto inside = net.bound({address("127.0.0.1"), 7});
    CHECK(net.send(inside, {address(peer_ip), 9}, bytes(1)).code() == error::invalid_argument);
    CHECK(net.send(inside, {address("224.0.0.5"), 9}, bytes(1)).code() == error::invalid_argument);
}

TEST_CASE("udp: sent datagrams have right headers and checksums") {
    udp_host net;
    const auto socket = net.bound({ip_address::any_v4(), 7});
    for (std::size_t size = 0; size < 300; ++size) {
        bytes data(size);
        for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>(i + size);
        REQUIRE(net.send(socket, {address(peer_ip), 9}, data));
        net.turn();
        const auto packet = net.take_packet();
        REQUIRE(packet);
        REQUIRE(transport_checksum_is_right(*packet));
        REQUIRE(packet->inside.size() == size + 8);
        REQUIRE(bytes(packet->inside.begin() + 8, packet->inside.end()) == data);
        REQUIRE(wire::parse_udp(packet->inside, size + 8).header ==
                wire::udp_header{7, 9, static_cast<std::uint16_t>(size + 8)});
    }
}

TEST_CASE("udp: broadcast goes to all on the link, from those who said that they mean it") {
    udp_host net;
    const auto socket = net.bound({ip_address::any_v4(), 7});
    const endpoint all{address("198.18.0.255"), 9};
    CHECK(net.host->udp_connect(socket, all).code() == error::access_denied);
    REQUIRE(net.host->udp_set_broadcast(socket, true));
    REQUIRE(net.host->udp_set_traffic_class(socket, 0xb8));
    REQUIRE(net.send(socket, all, bytes(3)));
    net.turn();
    const auto packet = net.take_packet();
    REQUIRE(packet);
    CHECK(packet->ethernet.destination == mac_address::broadcast());
    CHECK(packet->ip.destination == all.address);
    CHECK(packet->ip.traffic_class == 0xb8);
    // Nothing of it is left to the next socket in this place.
    net.host->udp_close(socket);
    const auto next = net.bound({ip_address::any_v4(), 7});
    CHECK(net.send(next, all, bytes(3)).code() == error::access_denied);
}

TEST_CASE("udp: what is peeked at stays") {
    udp_host net;
    const auto socket = net.bound({ip_address::any_v4(), 7});
    net.hear(1, 7, "look");
    bytes room(2);
    const mutable_bytes piece(room);
    const auto seen = net.host->udp_receive_from(socket, {&piece, 1}, true);
    REQUIRE(seen);
    CHECK(seen->truncated);
    CHECK(net.host->udp_is_readable(socket));
    CHECK(net.receive(socket) == "look");
    CHECK_FALSE(net.host->udp_is_readable(socket));
}

TEST_CASE("udp: the address that connecting picks stays until it is undone") {
    udp_host net;
    const auto socket = *net.host->udp_open(nullptr);
    REQUIRE(net.host->udp_connect(socket, {address("127.0.0.1"), 9}));
    CHECK(net.host->udp_ends(socket)->local.address == address("127.0.0.1"));
    const auto port = net.host->udp_ends(socket)->local.port;
    CHECK(net.host->udp_connect(socket, {address(peer_ip), 9}).code() == error::invalid_argument);
    REQUIRE(net.host->udp_connect(socket, {}));
    CHECK(net.host->udp_ends(socket)->local.address.is_unspecified());
    REQUIRE(net.host->udp_connect(socket, {address(peer_ip), 9}));
    CHECK(net.host->udp_ends(socket)->local == endpoint{address(own_ip), port});
}

TEST_CASE("udp: RFC 768: a checksum that comes out as zero is sent as all ones") {
    udp_host net;
    const auto socket = net.bound({ip_address::any_v4(), 7});
    int zeros = 0;
    for (unsigned word = 0; word <= 0xffff; ++word) {
        bytes data(2);
        wire::store_16(data.data(), static_cast<std::uint16_t>(word));
        REQUIRE(net.send(socket, {address(peer_ip), 9}, data));
        net.turn();
        const auto packet = net.take_packet();
        const auto field = wire::load_16(packet->inside.data() + 6);
        REQUIRE(field != 0);
        if (field == 0xffff) {
            ++zeros;
            REQUIRE(transport_checksum_is_right(*packet));
        }
    }
    CHECK(zeros >= 1);
}

TEST_CASE("egress: the device finishes checksums where it can") {
    device_capabilities caps;
    caps.transmit_checksum = true;
    stack_on_memory net({}, caps);
    const auto socket = *net.host->udp_open(nullptr);
    const bytes data(33, std::byte{5});
    const const_bytes piece(data);
    REQUIRE(net.host->udp_send_to(socket, {address(peer_ip), 9}, {&piece, 1}, net.now));
    net.turn();
    const auto frame = net.device.take_sent();
    REQUIRE(frame);
    CHECK(frame->slot.checksum == checksum_state::partial);
    CHECK(frame->slot.checksum_start == 34);
    CHECK(frame->slot.checksum_offset == 6);
    auto apart = *take_apart(frame->data);
    CHECK_FALSE(transport_checksum_is_right(apart));
    // What the device does: sum from start on, with the pseudo-header's sum in the field.
    wire::store_native(apart.inside.data() + 6, wire::finish_checksum(wire::sum_bytes(
                                                    0, apart.inside.data(), apart.inside.size())));
    CHECK(transport_checksum_is_right(apart));
}

TEST_CASE("egress: a full device loses nothing, and the rest goes when there is room") {
    stack_config config;
    config.burst = 8;
    udp_host net(config);
    const auto socket = net.bound({ip_address::any_v4(), 7});
    net.device.room = 20;
    for (std::uint8_t i = 0; i < 50; ++i)
        REQUIRE(net.send(socket, {address(peer_ip), 9}, bytes(1, std::byte{i})));
    CHECK_FALSE(net.host->flush(net.now));
    CHECK(net.device.sent.size() == 20);
    CHECK_FALSE(net.host->flush(net.now));
    net.device.room = 7;
    CHECK_FALSE(net.host->flush(net.now));
    net.device.room = 1000;
    CHECK(net.host->flush(net.now));
    REQUIRE(net.device.sent.size() == 50);
    for (std::uint8_t i = 0; i < 50; ++i) CHECK(net.take_packet()->inside.back() == std::byte{i});
    CHECK(net.count("device.frames_sent") == 50 + 3);  // 2 announcements, 1 reply
}

TEST_CASE("egress: slots come and go in bursts, and unused ones are kept") {
    stack_config config;
    config.burst = 64;
    udp_host net(config);
    const auto socket = net.bound({ip_address::any_v4(), 7});
    const auto lent = net.device.lent();
    CHECK(lent > 0);
    net.device.reserve_calls = net.device.transmit_calls = 0;
    for (int turn = 0; turn < 10; ++turn) {
        for (int i = 0; i < 64; ++i) REQUIRE(net.send(socket, {address(peer_ip), 9}, bytes(1)));
        net.turn();
    }
    CHECK(net.device.reserve_calls == 10);
    CHECK(net.device.transmit_calls <= 20);
    CHECK(net.device.lent() == lent);
    net.host.reset();
    CHECK(net.device.lent() == 0);
}

TEST_CASE("egress: a device that breaks its promise of room loses only that packet") {
    udp_host net;
    net.host.reset();  // takes new slots
    net.device.slot_bytes = 1000;
    net.host = std::make_unique<ip_stack>(stack_config{}, net.device, net.random);
    REQUIRE(net.host->add_address({*ip_prefix::parse("198.18.0.2/24")}));
    net.meet(peer_ip, peer_mac);
    net.device.sent.clear();
    const auto socket = net.bound({ip_address::any_v4(), 7});
    REQUIRE(net.send(socket, {address(peer_ip), 9}, bytes(1400)));
    REQUIRE(net.send(socket, {address(peer_ip), 9}, bytes(14)));
    net.turn();
    CHECK(net.device.sent.size() == 1);
    CHECK(net.count("device.slot_too_small") == 1);
}

TEST_CASE("udp: a full send queue tells when there is room again") {
    stack_config config;
    config.udp.send_queue_bytes = 4000;
    udp_host net(config);
    const auto socket = net.bound({ip_address::any_v4(), 7});
    int taken = 0;
    while (net.send(socket, {address(peer_ip), 9}, bytes(900))) ++taken;
    CHECK(taken == 4);
    CHECK(net.send(socket, {address(peer_ip), 9}, bytes(900)).code() == error::would_block);
    udp::event event;
    CHECK_FALSE(net.host->next_udp_event(event));
    net.turn();
    CHECK(net.host->next_deadline() <= net.now);  // the event is to be fetched
    REQUIRE(net.host->next_udp_event(event));
    CHECK(event.ready.writable);
    CHECK(net.send(socket, {address(peer_ip), 9}, bytes(900)).has_value());
}

TEST_CASE("loopback: datagrams to own addresses stay inside and arrive") {
    udp_host net;
    for (const char* to : {"198.18.0.2", "127.0.0.1", "127.9.9.9"}) {
        CAPTURE(to);
        const auto server = net.bound({ip_address::any_v4(), 7});
        const auto client = *net.host->udp_open(nullptr);
        REQUIRE(net.send(client, {address(to), 7}, text_bytes("hello")));
        net.turn();
        CHECK(net.host->next_deadline() <= net.now);
        net.turn();
        endpoint from;
        CHECK(net.receive(server, &from) == "hello");
        REQUIRE(net.send(server, from, text_bytes("back")));
        net.turn();
        net.turn();
        CHECK(net.receive(client, &from) == "back");
        CHECK(net.host->next_deadline() > net.now);
        net.host->udp_close(server);
        net.host->udp_close(client);
    }
    CHECK(net.device.sent.empty());
}

TEST_CASE("loopback: nobody there is told as from outside") {
    udp_host net;
    const auto client = *net.host->udp_open(nullptr);
    REQUIRE(net.host->udp_connect(client, {address(own_ip), 9}));
    const bytes data(3);
    const const_bytes piece(data);
    REQUIRE(net.host->udp_send(client, {&piece, 1}, net.now));
    for (int i = 0; i < 3; ++i) net.turn();
    CHECK(net.receive(client) == "(connection refused)");
    CHECK(net.device.sent.empty());
}

TEST_CASE("loopback: the queue is bounded, and large datagrams fit its own MTU") {
    stack_config config;
    config.ip.loopback_queue_bytes = 40'000;
    udp_host net(config);
    const auto server = net.bound({ip_address::any_v4(), 7});
    REQUIRE(net.host->udp_set_dont_fragment(server, true));
    for (int i = 0; i < 3; ++i)
        REQUIRE(net.send(server, {address(own_ip), 7}, bytes(config.ip.loopback_mtu - 28U)));
    CHECK(net.send(server, {address(own_ip), 7}, bytes(config.ip.loopback_mtu - 27U)).code() ==
          error::message_too_long);
    net.turn();
    net.turn();
    CHECK(net.count("ip.loopback_full") == 1);
    CHECK(net.receive(server, nullptr, 20'000).size() == config.ip.loopback_mtu - 28U);
}

TEST_CASE("routing: the gateway's MAC, the destination's address") {
    udp_host net;
    CHECK(net.host->add_route({*ip_prefix::parse("0.0.0.0/0"), address("10.0.0.1")}).code() ==
          error::network_unreachable);
    CHECK(net.host->add_route({*ip_prefix::parse("0.0.0.0/0"), address(own_ip)}).code() ==
          error::invalid_argument);
    CHECK(net.host->add_address({*ip_prefix::parse("fd00:c0a0::1/64")}).code() ==
          error::address_family_not_supported);
    REQUIRE(net.host->add_route({*ip_prefix::parse("0.0.0.0/0"), address(peer_ip)}));
    const auto socket = *net.host->udp_open(nullptr);
    REQUIRE(net.send(socket, {address("203.0.113.1"), 9}, bytes(1)));
    net.turn();
    const auto packet = net.take_packet();
    REQUIRE(packet);
    CHECK(packet->ethernet.destination == peer_mac);
    CHECK(packet->ip.destination == address("203.0.113.1"));
    CHECK(packet->ip.source == address(own_ip));
    CHECK(net.host->addresses().size() == 1);
}

}  // namespace
