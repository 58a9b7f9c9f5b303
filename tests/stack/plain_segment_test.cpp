// The parser of plain segments says what the parsers of the single headers say, or nothing; and
// what it lets through unasked, the whole stack still refuses and counts.
#include "stack/wire/plain_segment.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "tests/support/stack_on_memory.hpp"

namespace {

using namespace coax::stack;
using namespace coax::test;

wire::tcp_header acknowledgment(bool stamps, bool push) {
    wire::tcp_header tcp;
    tcp.source_port = 5000;
    tcp.destination_port = 80;
    tcp.sequence = 0x0102'0304;
    tcp.acknowledgment = 0xf0e0'd0c0;
    tcp.window = 0x1234;
    tcp.flags.ack = true;
    tcp.flags.psh = push;
    if (stamps) tcp.options.timestamps = wire::tcp_timestamps{0x1111'2222, 0x3333'4444};
    return tcp;
}

bytes frame_of(const wire::tcp_header& tcp, const bytes& payload, std::size_t padding = 0) {
    bytes frame = ethernet_frame(own_mac, peer_mac, wire::ethernet_type_ipv4,
                                 tcp_packet(ipv4_of(peer_ip, own_ip, 6), tcp, payload));
    frame.insert(frame.end(), padding, std::byte{0x5a});
    return frame;
}

// True: it is plain, and each single parser found the same.
bool agrees(const bytes& frame, wire::plain_segment& plain) {
    if (!wire::parse_plain_segment(frame, plain)) return false;
    const auto ethernet = wire::parse_ethernet(frame);
    REQUIRE(ethernet);
    CHECK(ethernet->type == wire::ethernet_type_ipv4);
    CHECK(wire::mac_number(ethernet->destination) == wire::destination_number(frame.data()));
    CHECK(wire::mac_number(ethernet->source) == wire::source_number(frame.data()));
    CHECK(wire::is_multicast(wire::source_number(frame.data())) == ethernet->source.is_multicast());
    const const_bytes packet = const_bytes(frame).subspan(wire::ethernet_header_size);
    const auto ip = wire::parse_ipv4(packet, packet.size());
    REQUIRE(ip.fault == wire::ipv4_fault::none);
    CHECK(ip.header_length == wire::ipv4_header_size);
    CHECK_FALSE(ip.header.is_fragment());
    CHECK(ip.header.protocol == wire::protocol_tcp);
    CHECK((ip.header.traffic_class & 3U) != 3);
    const const_bytes segment =
        packet.first(ip.header.total_length).subspan(wire::ipv4_header_size);
    auto tcp = wire::parse_tcp(segment);
    REQUIRE(tcp.fault == wire::tcp_fault::none);
    CHECK(plain.segment().data() == segment.data());
    CHECK(plain.segment().size() == segment.size());
    CHECK(plain.payload().data() == segment.data() + tcp.header_length);
    CHECK(plain.payload().size() == segment.size() - tcp.header_length);
    CHECK(plain.key.addresses == wire::load_native<std::uint64_t>(packet.data() + 12));
    CHECK(plain.key.ports == wire::load_native<std::uint32_t>(segment.data()));
    // The ports are in the key, and nobody asks for the pointer of a segment without URG.
    tcp.header.source_port = tcp.header.destination_port = tcp.header.urgent_pointer = 0;
    CHECK(plain.header() == tcp.header);
    return true;
}

TEST_CASE("plain segment: what is plain, and that it is told as it is") {
    wire::plain_segment plain;  // one for all: nothing of the frame before is left in it
    for (const bool stamps : {true, false, true})
        for (const bool push : {false, true, false})
            for (const std::size_t size : {0U, 1U, 64U, 1448U})
                for (const std::size_t padding : {0U, 6U})
                    CHECK(agrees(frame_of(acknowledgment(stamps, push), bytes(size), padding),
                                 plain));
}

TEST_CASE("plain segment: what is not") {
    wire::plain_segment plain;
    const auto is_plain = [&plain](const bytes& frame) {
        return wire::parse_plain_segment(frame, plain);
    };
    for (const bool stamps : {false, true}) {
        const auto tcp = acknowledgment(stamps, true);
        const bytes good = frame_of(tcp, bytes(10));
        REQUIRE(is_plain(good));
        // Cut off anywhere.
        for (std::size_t size = 0; size < good.size(); ++size)
            CHECK_FALSE(is_plain(bytes(good.begin(), good.begin() + static_cast<long>(size))));
        for (bool wire::tcp_flags::* flag :
             {&wire::tcp_flags::syn, &wire::tcp_flags::fin, &wire::tcp_flags::rst,
              &wire::tcp_flags::urg, &wire::tcp_flags::ece, &wire::tcp_flags::cwr}) {
            auto other = tcp;
            other.flags.*flag = true;
            CHECK_FALSE(is_plain(frame_of(other, bytes(10))));
        }
        auto silent = tcp;
        silent.flags.ack = false;
        CHECK_FALSE(is_plain(frame_of(silent, bytes(10))));
        auto selective = tcp;
        selective.options.sack_count = 1;
        CHECK_FALSE(is_plain(frame_of(selective, bytes(10))));
        const auto with_ip = [&](auto&& change) {
            auto ip = ipv4_of(peer_ip, own_ip, 6);
            change(ip);
            return ethernet_frame(own_mac, peer_mac, wire::ethernet_type_ipv4,
                                  tcp_packet(ip, tcp, bytes(10)));
        };
        CHECK(is_plain(with_ip([](auto& ip) { ip.traffic_class = 0xba; })));        // ECT(0)
        CHECK_FALSE(is_plain(with_ip([](auto& ip) { ip.traffic_class = 0xbb; })));  // CE
        CHECK_FALSE(is_plain(with_ip([](auto& ip) { ip.more_fragments = true; })));
        CHECK_FALSE(is_plain(with_ip([](auto& ip) { ip.fragment_offset = 8; })));
        auto ip = ipv4_of(peer_ip, own_ip, 6);
        ip.protocol = wire::protocol_udp;
        CHECK_FALSE(is_plain(ethernet_frame(own_mac, peer_mac, wire::ethernet_type_ipv4,
                                            ipv4_packet(ip, bytes(40)))));
        CHECK_FALSE(is_plain(ethernet_frame(own_mac, peer_mac, wire::ethernet_type_ipv6,
                                            ipv4_packet(ip, bytes(40)))));
    }
}

TEST_CASE("plain segment: damaged at random, it is refused or read as the single parsers do") {
    std::mt19937 random(4711);
    const auto draw = [&random](std::size_t below) { return random() % below; };
    wire::plain_segment plain;
    int taken = 0;
    for (int round = 0; round < 20'000; ++round) {
        bytes frame =
            frame_of(acknowledgment(draw(2) != 0, draw(2) != 0), bytes(draw(20)), draw(3));
        for (std::size_t hits = draw(4); hits != 0; --hits)
            frame[draw(frame.size())] = static_cast<std::byte>(random());
        if (draw(2) != 0) {  // the damage is older than the checksum
            bytes packet(frame.begin() + wire::ethernet_header_size, frame.end());
            if ((std::to_integer<unsigned>(packet[0]) & 0xfU) == 5) mend_ipv4_checksum(packet);
            std::copy(packet.begin(), packet.end(), frame.begin() + wire::ethernet_header_size);
        }
        if (agrees(frame, plain)) ++taken;
    }
    CHECK(taken > 4'000);
    CHECK(taken < 18'000);
}

TEST_CASE("plain segment: by known headers passes what the check of all lets through") {
    std::mt19937 random(815);
    const auto draw = [&random](std::size_t below) { return random() % below; };
    const bytes first = frame_of(acknowledgment(true, true), bytes(64));
    wire::plain_headers known;
    CHECK_FALSE(known.fit(first.data()));
    known.learn(first.data());
    CHECK(known.fit(first.data()));
    int taken = 0;
    for (int round = 0; round < 20'000; ++round) {
        auto ip = ipv4_of(peer_ip, own_ip, 6);
        ip.identification = static_cast<std::uint16_t>(random());
        bytes frame = ethernet_frame(
            own_mac, peer_mac, wire::ethernet_type_ipv4,
            tcp_packet(ip, acknowledgment(draw(2) != 0, draw(2) != 0), bytes(draw(1449))));
        // The peer's other segments are known by the first.
        REQUIRE(known.fit(frame.data()));
        for (std::size_t hits = draw(3) + 1; hits != 0; --hits)
            frame[draw(wire::plain_frame_min)] ^= static_cast<std::byte>(1U << draw(8));
        if (draw(2) != 0) {
            bytes packet(frame.begin() + wire::ethernet_header_size, frame.end());
            if ((std::to_integer<unsigned>(packet[0]) & 0xfU) == 5) mend_ipv4_checksum(packet);
            std::copy(packet.begin(), packet.end(), frame.begin() + wire::ethernet_header_size);
        }
        if (!known.fit(frame.data())) continue;
        ++taken;
        REQUIRE(wire::has_plain_headers(frame.data()));
        REQUIRE(std::equal(frame.begin(), frame.begin() + 14, first.begin()));
        REQUIRE(std::equal(frame.begin() + 26, frame.begin() + 34, first.begin() + 26));
    }
    CHECK(taken > 1'000);
}

// An established connection of 198.18.0.1:5000 to port 80, and the next segment it waits for.
class met_host : public stack_on_memory {
  public:
    met_host() {
        const auto listener = *host->tcp_open(nullptr);
        REQUIRE(host->tcp_bind(listener, {ip_address::any_v4(), 80}, true));
        REQUIRE(host->tcp_listen(listener, 10));
        next.source_port = 5000;
        next.destination_port = 80;
        next.window = 65535;
        next.sequence = 1000;
        next.flags.syn = true;
        next.options.sack_permitted = true;
        deliver(tcp_packet(ipv4_of(peer_ip, own_ip, 6), next, {}));
        const auto answer = take_packet();
        REQUIRE(answer);
        next.flags = {};
        next.flags.ack = true;
        next.options.sack_permitted = false;
        next.sequence = 1001;
        next.acknowledgment = wire::parse_tcp(answer->inside).header.sequence + 1;
        deliver(tcp_packet(ipv4_of(peer_ip, own_ip, 6), next, {}));
        const auto got = host->tcp_accept(listener);
        REQUIRE(got);
        socket = got->socket;
    }
    tcp_socket socket;
    wire::tcp_header next;
};

TEST_CASE("plain segment: what an existing connection must not take, and how it is counted") {
    met_host net;
    const bytes good = frame_of(net.next, text_bytes("data"));
    const auto refused = [&](std::string_view why, auto&& change) {
        CAPTURE(why);
        bytes frame = good;
        change(frame);
        const auto before = net.count(why);
        net.deliver_frame(frame);
        CHECK(net.count(why) == before + 1);
        CHECK(net.host->tcp_available(net.socket) == 0);
    };
    const auto put_mac = [](bytes& frame, std::size_t at, const mac_address& mac) {
        std::memcpy(frame.data() + at, mac.octets.data(), 6);
    };
    refused("ethernet.not_for_us", [&](bytes& f) { put_mac(f, 0, {{2, 0, 0, 0, 9, 9}}); });
    refused("ethernet.multicast", [&](bytes& f) { put_mac(f, 0, {{0x33, 0x33, 0, 0, 0, 1}}); });
    refused("ip.unicast_in_broadcast", [&](bytes& f) { put_mac(f, 0, {{1, 0, 0x5e, 0, 0, 1}}); });
    refused("ethernet.bad_source", [&](bytes& f) { put_mac(f, 6, {{3, 0, 0, 0, 0, 1}}); });
    refused("ethernet.own_source", [&](bytes& f) { put_mac(f, 6, own_mac); });
    refused("ip.unicast_in_broadcast", [&](bytes& f) { put_mac(f, 0, mac_address::broadcast()); });
    refused("ip.bad_checksum", [](bytes& f) { f[14 + 11] ^= std::byte{1}; });
    refused("ip.bad_total_length", [](bytes& f) { f.resize(f.size() - 1); });
    refused("tcp.bad_checksum", [](bytes& f) { f.back() ^= std::byte{1}; });
    // Unharmed it is taken: the cases above fail for what they name.
    net.deliver_frame(good);
    CHECK(net.host->tcp_available(net.socket) == 4);
}

TEST_CASE("plain segment: nobody outside speaks for a connection inside the host") {
    stack_on_memory net;
    const auto listener = *net.host->tcp_open(nullptr);
    REQUIRE(net.host->tcp_bind(listener, {ip_address::any_v4(), 80}, true));
    REQUIRE(net.host->tcp_listen(listener, 10));
    const auto client = *net.host->tcp_open(nullptr);
    REQUIRE(net.host->tcp_connect(client, {address(own_ip), 80}, net.now));
    for (int i = 0; i < 6; ++i) net.turn();
    const auto server = net.host->tcp_accept(listener);
    REQUIRE(server);
    auto tcp = acknowledgment(true, true);
    tcp.source_port = server->ends.remote.port;
    net.deliver(tcp_packet(ipv4_of(own_ip, own_ip, 6), tcp, text_bytes("data")));
    CHECK(net.count("ip.own_source") == 1);
    CHECK(net.host->tcp_available(server->socket) == 0);
}

}  // namespace
