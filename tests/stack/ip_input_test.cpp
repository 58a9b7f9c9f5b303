// Malformed and hostile packets: each is dropped and counted by its reason, and nothing is sent.
#include <random>

#include <catch2/catch.hpp>

#include "tests/support/stack_on_memory.hpp"

namespace {

using namespace coax::stack;
using namespace coax::test;

// A datagram that would be delivered, were it not spoilt.
bytes good_packet(std::string_view from = peer_ip, std::string_view to = own_ip) {
    return udp_packet(ipv4_of(from, to, 17), 1000, 7, text_bytes("hello"));
}

class listening : public stack_on_memory {
  public:
    explicit listening(const device_capabilities& caps = {}) : stack_on_memory({}, caps) {
        socket = *host->udp_open(nullptr);
        REQUIRE(host->udp_bind(socket, {ip_address::any_v4(), 7}));
    }
    // Bytes of the next datagram, or -1.
    int heard() {
        bytes room(2000);
        const mutable_bytes piece(room);
        const auto got = host->udp_receive_from(socket, {&piece, 1});
        return got ? static_cast<int>(got->size) : -1;
    }
    // The packet is dropped for this reason alone, and not answered.
    void check_dropped(const bytes& packet, std::string_view reason) {
        CAPTURE(reason);
        const auto before = count(reason);
        deliver(packet);
        CHECK(count(reason) == before + 1);
        CHECK(heard() == -1);
        CHECK(device.sent.empty());
    }
    udp_socket socket;
};

TEST_CASE("ip: a good packet is delivered, padded or not") {
    listening net;
    net.deliver(good_packet());
    CHECK(net.heard() == 5);
    auto padded = good_packet();
    padded.resize(46);
    net.deliver(padded);
    CHECK(net.heard() == 5);
}

TEST_CASE("ip: RFC 1122 3.2.1: malformed headers") {
    listening net;
    auto packet = good_packet();
    packet.resize(19);
    net.check_dropped(packet, "ip.truncated");
    packet = good_packet();
    packet[0] = std::byte{0x65};
    net.check_dropped(packet, "ip.bad_version");
    packet[0] = std::byte{0x44};
    net.check_dropped(packet, "ip.bad_header_length");
    packet = good_packet();
    packet[3] = std::byte{0xff};
    mend_ipv4_checksum(packet);
    net.check_dropped(packet, "ip.bad_total_length");
    packet = good_packet();
    packet[8] ^= std::byte{1};
    net.check_dropped(packet, "ip.bad_checksum");
}

// RFC 9293 3.9.2.3 (MUST-63)
TEST_CASE("ip: RFC 1122 3.2.1.3, RFC 6890: sources that no host can have") {
    listening net;
    for (const char* source : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.1.1",
                               "240.0.0.1", "255.255.255.255", "198.18.0.255"}) {
        CAPTURE(source);
        net.check_dropped(good_packet(source), "ip.bad_source");
    }
    net.check_dropped(good_packet(own_ip), "ip.own_source");
}

TEST_CASE("ip: destinations that are not ours") {
    listening net;
    net.check_dropped(good_packet(peer_ip, "198.18.0.3"), "ip.not_for_us");
    net.check_dropped(good_packet(peer_ip, "224.0.0.5"), "ip.multicast_not_joined");
    net.check_dropped(good_packet(peer_ip, "127.0.0.1"), "ip.martian_destination");
}

TEST_CASE("ip: RFC 1122 3.3.6: broadcasts") {
    listening net;
    for (const char* to : {"255.255.255.255", "198.18.0.255"}) {
        net.deliver(good_packet(peer_ip, to));
        CHECK(net.heard() == 5);
    }
    net.device.deliver(ethernet_frame(mac_address::broadcast(), peer_mac, wire::ethernet_type_ipv4,
                                      good_packet()));
    net.turn();
    CHECK(net.count("ip.unicast_in_broadcast") == 1);
    // RFC 9293 3.9.2.3 (MUST-57)
    wire::tcp_header syn;
    syn.flags.syn = true;
    net.check_dropped(tcp_packet(ipv4_of(peer_ip, "198.18.0.255", 6), syn), "ip.broadcast");
    // No port unreachable, no protocol unreachable, no echo reply.
    net.check_dropped(udp_packet(ipv4_of(peer_ip, "198.18.0.255", 17), 1000, 8, text_bytes("x")),
                      "udp.no_port");
    net.check_dropped(ipv4_packet(ipv4_of(peer_ip, "198.18.0.255", 99), bytes(20)),
                      "ip.unknown_protocol");
    net.check_dropped(icmp_packet(ipv4_of(peer_ip, "198.18.0.255", 1), {8, 0, 1}, bytes(8)),
                      "icmp.echo_broadcast");
}

// RFC 9293 3.9.2 (MUST-50)
TEST_CASE("ip: options are stepped over, source routes refused") {
    listening net;
    const auto with_options = [](std::initializer_list<int> options) {
        bytes packet = good_packet();
        bytes text;
        for (const int o : options) text.push_back(static_cast<std::byte>(o));
        packet.insert(packet.begin() + 20, text.begin(), text.end());
        packet[0] = static_cast<std::byte>(0x45 + text.size() / 4);
        packet[3] = static_cast<std::byte>(packet.size());
        mend_ipv4_checksum(packet);
        return packet;
    };
    net.deliver(with_options({148, 4, 0, 0}));
    CHECK(net.heard() == 5);
    net.deliver(with_options({1, 1, 1, 0, 7, 99, 99, 99}));
    CHECK(net.heard() == 5);
    net.check_dropped(with_options({131, 7, 4, 198, 18, 0, 9, 0}), "ip.source_route");
    net.check_dropped(with_options({1, 137, 7, 4, 198, 18, 0, 9}), "ip.source_route");
    net.check_dropped(with_options({7, 9, 4, 0}), "ip.bad_option");
}

TEST_CASE("ethernet: frames that are not for us") {
    listening net;
    const auto deliver_as = [&](const mac_address& to, const mac_address& from,
                                std::uint16_t type) {
        net.deliver_frame(ethernet_frame(to, from, type, good_packet()));
    };
    deliver_as({{2, 0, 0, 0, 0, 9}}, peer_mac, wire::ethernet_type_ipv4);
    CHECK(net.count("ethernet.not_for_us") == 1);
    deliver_as({{0x33, 0x33, 0, 0, 0, 1}}, peer_mac, wire::ethernet_type_ipv4);
    deliver_as({{1, 0, 0x5e, 0x80, 0, 1}}, peer_mac, wire::ethernet_type_ipv4);
    deliver_as({{1, 0, 0x5e, 0, 0, 1}}, peer_mac, wire::ethernet_type_ipv6);
    CHECK(net.count("ethernet.multicast") == 3);
    // RFC 1122 3.3.6: to one host in a frame to many.
    deliver_as({{1, 0, 0x5e, 0, 0, 1}}, peer_mac, wire::ethernet_type_ipv4);
    CHECK(net.count("ip.unicast_in_broadcast") == 1);
    deliver_as(own_mac, mac_address::broadcast(), wire::ethernet_type_ipv4);
    CHECK(net.count("ethernet.bad_source") == 1);
    deliver_as(own_mac, own_mac, wire::ethernet_type_ipv4);
    CHECK(net.count("ethernet.own_source") == 1);
    deliver_as(own_mac, peer_mac, 0x8100);
    CHECK(net.count("ethernet.unknown_type") == 1);
    deliver_as(own_mac, peer_mac, 0x0100);  // an 802.3 length
    CHECK(net.count("ethernet.unknown_type") == 2);
    deliver_as(own_mac, peer_mac, wire::ethernet_type_ipv6);
    CHECK(net.count("ip.v6_not_configured") == 1);
    net.deliver_frame(bytes(13));
    net.deliver_frame({});
    CHECK(net.count("ethernet.truncated") == 2);
    CHECK(net.heard() == -1);
    CHECK(net.device.sent.empty());
}

TEST_CASE("udp: malformed datagrams") {
    listening net;
    const auto ip = ipv4_of(peer_ip, own_ip, 17);
    net.check_dropped(ipv4_packet(ip, bytes(7)), "udp.truncated");
    auto packet = good_packet();
    packet[25] = std::byte{7};
    net.check_dropped(packet, "udp.bad_length");
    packet[25] = std::byte{14};
    net.check_dropped(packet, "udp.bad_length");
    packet = good_packet();
    packet.back() ^= std::byte{1};
    net.check_dropped(packet, "udp.bad_checksum");
    packet[26] = packet[27] = std::byte{0};  // RFC 768: no checksum
    net.deliver(packet);
    CHECK(net.heard() == 5);
}

// RFC 9293 3.1 (MUST-3, MUST-7)
TEST_CASE("tcp: malformed segments are counted") {
    listening net;
    wire::tcp_header syn;
    syn.flags.syn = true;
    const auto ip = ipv4_of(peer_ip, own_ip, 6);
    net.check_dropped(ipv4_packet(ip, bytes(19)), "tcp.truncated");
    auto packet = tcp_packet(ip, syn);
    packet[32] = std::byte{0x40};
    net.check_dropped(packet, "tcp.bad_offset");
    syn.options.maximum_segment_size = 1460;
    packet = tcp_packet(ip, syn);
    packet[41] = std::byte{5};
    net.check_dropped(packet, "tcp.bad_option");
    packet[41] = std::byte{4};
    packet[30] ^= std::byte{1};
    net.check_dropped(packet, "tcp.bad_checksum");
}

TEST_CASE("checksum policy: what each device's frames are asked for") {
    const auto spoilt = [] {
        auto packet = good_packet();
        packet.back() ^= std::byte{1};
        return packet;
    }();
    const auto unfinished = [] {
        auto packet = good_packet();
        const std::size_t size = packet.size() - 20;
        const auto pseudo = wire::pseudo_header_sum(address(peer_ip), address(own_ip), 17,
                                                    static_cast<std::uint32_t>(size));
        wire::store_native(packet.data() + 26, wire::fold_sum(pseudo));
        return packet;
    }();
    struct row {
        checksum_policy policy;
        checksum_state state;
        bool spoilt_heard;
        bool unfinished_heard;
    };
    for (const row& r : {row{checksum_policy::strict, checksum_state::unknown, false, false},
                         row{checksum_policy::strict, checksum_state::partial, true, true},
                         row{checksum_policy::strict, checksum_state::verified, true, true},
                         row{checksum_policy::partial_aware, checksum_state::unknown, false, true},
                         row{checksum_policy::trusted, checksum_state::unknown, true, true}}) {
        device_capabilities caps;
        caps.receive_checksum = r.policy;
        listening net(caps);
        net.deliver(good_packet(), r.state);
        CHECK(net.heard() == 5);
        net.deliver(spoilt, r.state);
        CHECK((net.heard() == 5) == r.spoilt_heard);
        net.deliver(unfinished, r.state);
        CHECK((net.heard() == 5) == r.unfinished_heard);
        CHECK(net.count("udp.bad_checksum") ==
              (r.spoilt_heard ? 0U : 1U) + (r.unfinished_heard ? 0U : 1U));
    }
}

TEST_CASE("ip: a frame in many odd pieces, larger than the MTU") {
    listening net;
    bytes data(9001);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 7);
    auto packet = udp_packet(ipv4_of(peer_ip, own_ip, 17), 1000, 7, data);
    net.device.head_bytes = 129;
    net.device.piece_bytes = 333;
    net.deliver(packet);
    bytes room(10'000);
    const mutable_bytes piece(room);
    const auto got = net.host->udp_receive_from(net.socket, {&piece, 1});
    REQUIRE(got);
    REQUIRE(got->size == data.size());
    room.resize(data.size());
    CHECK(room == data);
    packet[5000] ^= std::byte{4};
    net.check_dropped(packet, "udp.bad_checksum");
}

TEST_CASE("ip: whatever comes does no harm, and every frame is accounted for") {
    std::mt19937 random(51);
    listening net;
    const bytes base[] = {
        good_packet(), icmp_packet(ipv4_of(peer_ip, own_ip, 1), {8, 0, 1}, bytes(40)),
        icmp_packet(ipv4_of(peer_ip, own_ip, 1), {3, 3, 0}, good_packet(own_ip, peer_ip)),
        udp_packet(ipv4_of(peer_ip, own_ip, 17), 1000, 99, bytes(100))};
    for (int round = 0; round < 30'000; ++round) {
        bytes packet = base[random() % std::size(base)];
        for (auto flips = random() % 4; flips != 0; --flips)
            packet[random() % packet.size()] = static_cast<std::byte>(random());
        if (random() % 3 == 0) packet.resize(random() % (packet.size() + 20));
        if (packet.size() >= 20 && random() % 4 != 0) {
            packet[0] = static_cast<std::byte>(0x40 | (random() % 8 == 0 ? random() % 16 : 5));
            if ((std::to_integer<std::size_t>(packet[0]) & 15) * 4 <= packet.size())
                mend_ipv4_checksum(packet);
        }
        net.device.head_bytes = random() % 2 == 0 ? 0 : 128;
        bytes frame = ethernet_frame(own_mac, peer_mac, wire::ethernet_type_ipv4, packet);
        if (random() % 50 == 0) frame[12] = static_cast<std::byte>(random());
        if (random() % 50 == 0) frame[13] = std::byte{6};
        net.now += 1ms;
        net.deliver_frame(frame);
        net.device.sent.clear();
        net.device.room = 1000;
        net.heard();
    }
    // announcements and the meeting aside
    CHECK(net.count("device.frames_received") == 30'001);
}

}  // namespace
