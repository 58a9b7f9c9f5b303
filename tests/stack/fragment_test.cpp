// Fragments: reassembly and its limits, what is made to deceive, and datagrams sent in fragments.
#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "stack/ip/fragmentation.hpp"
#include "stack/ip/reassembly.hpp"
#include "tests/support/stack_on_memory.hpp"

namespace {

using namespace coax::stack;
using namespace coax::test;

bytes patterned(std::size_t size) {
    bytes data(size);
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>(i * 7 + i / 251);
    return data;
}

// One fragment of `packet`: its data from `offset` on.
bytes fragment_of(const bytes& packet, std::size_t offset, std::size_t size,
                  std::uint16_t identification = 77, std::uint8_t ecn = 0) {
    auto header = wire::parse_ipv4(packet, packet.size()).header;
    const auto from = packet.begin() + static_cast<std::ptrdiff_t>(20 + offset);
    const bytes data(from, from + static_cast<std::ptrdiff_t>(size));
    header.fragment_offset = static_cast<std::uint16_t>(offset);
    header.more_fragments = 20 + offset + size < packet.size();
    header.identification = identification;
    header.traffic_class = ecn;
    return ipv4_packet(header, data);
}

// All of it, `size` bytes each.
std::vector<bytes> cut(const bytes& packet, std::size_t size, std::uint16_t identification = 77) {
    std::vector<bytes> all;
    for (std::size_t at = 0; at + 20 < packet.size(); at += size)
        all.push_back(
            fragment_of(packet, at, std::min(size, packet.size() - 20 - at), identification));
    return all;
}

class reassembling : public stack_on_memory {
  public:
    explicit reassembling(const stack_config& config = {}) : stack_on_memory(config) {
        socket = *host->udp_open(nullptr);
        REQUIRE(host->udp_bind(socket, {ip_address::any_v4(), 7}));
    }
    // The next datagram; nothing if there is none.
    std::optional<bytes> heard() {
        bytes room(65536);
        const mutable_bytes piece(room);
        const auto got = host->udp_receive_from(socket, {&piece, 1});
        if (!got) return {};
        room.resize(got->size);
        return room;
    }
    void deliver_all(const std::vector<bytes>& packets) {
        for (const bytes& packet : packets) deliver(packet);
    }
    udp_socket socket;
};

bytes datagram(std::size_t size, std::string_view from = peer_ip) {
    return udp_packet(ipv4_of(from, own_ip, 17), 1000, 7, patterned(size));
}

// RFC 791 3.2, RFC 815
TEST_CASE("fragments: a datagram becomes whole in whatever order they come") {
    std::mt19937 random(7);
    for (const std::size_t size : {9U, 1473U, 3000U, 9000U, 65507U}) {
        for (const std::size_t piece : {8U, 504U, 1480U}) {
            if (size < piece || size / piece >= 250) continue;
            CAPTURE(size, piece);
            reassembling net;
            auto fragments = cut(datagram(size), piece);
            net.deliver_all(fragments);
            CHECK((net.heard() == patterned(size)));
            std::reverse(fragments.begin(), fragments.end());
            net.deliver_all(fragments);
            CHECK((net.heard() == patterned(size)));
            std::shuffle(fragments.begin(), fragments.end(), random);
            net.deliver_all(fragments);
            CHECK((net.heard() == patterned(size)));
            CHECK(net.count("ip.reassembled") == 3);
            CHECK(net.count("ip.fragments_received") == 3 * fragments.size());
            CHECK(net.host->next_deadline() > net.now + 20s);
        }
    }
}

TEST_CASE("fragments: several datagrams at once, and what they may not share") {
    reassembling net;
    const auto first = cut(datagram(2000), 1480, 1);
    const auto second = cut(datagram(2500), 1480, 2);
    const auto third = cut(datagram(2600, "198.18.0.9"), 1480, 1);
    net.deliver_all({first[0], second[1], third[0], second[0], first[1], third[1]});
    CHECK((net.heard() == patterned(2500)));
    CHECK((net.heard() == patterned(2000)));
    CHECK((net.heard() == patterned(2600)));
    net.deliver(first[0]);
    net.deliver(second[1]);
    CHECK_FALSE(net.heard());
}

// RFC 1122 3.3.2 (MUST): ICMP and TCP come in fragments too
TEST_CASE("fragments: an echo request is answered, in fragments where it must be") {
    reassembling net;
    const auto request =
        icmp_packet(ipv4_of(peer_ip, own_ip, 1), {8, 0, 0x1234'0001}, patterned(4000));
    net.deliver_all(cut(request, 1480));
    bytes reply(4008);
    std::optional<std::uint16_t> identification;
    for (std::size_t at = 0; at < reply.size();) {
        const auto packet = net.take_packet();
        REQUIRE(packet);
        CHECK(packet->ip.fragment_offset == at);
        CHECK_FALSE(packet->ip.dont_fragment);
        if (!identification) identification = packet->ip.identification;
        CHECK(packet->ip.identification == *identification);
        std::copy(packet->inside.begin(), packet->inside.end(),
                  reply.begin() + static_cast<std::ptrdiff_t>(at));
        at += packet->inside.size();
        CHECK(packet->ip.more_fragments == (at < reply.size()));
    }
    CHECK(wire::parse_icmp(reply) == wire::icmp_header{0, 0, 0x1234'0001});
    CHECK(wire::fold_sum(wire::sum_bytes(0, reply.data(), reply.size())) == 0xffff);
    CHECK(bytes(reply.begin() + 8, reply.end()) == patterned(4000));
    CHECK(net.count("ip.datagrams_fragmented") == 1);
    CHECK(net.count("ip.fragments_sent") == 3);
}

TEST_CASE("fragments: a segment of TCP reaches its listener") {
    reassembling net;
    const auto listener = *net.host->tcp_open(nullptr);
    REQUIRE(net.host->tcp_bind(listener, {ip_address::any_v4(), 80}, false));
    REQUIRE(net.host->tcp_listen(listener, 4));
    wire::tcp_header syn;
    syn.source_port = 5000;
    syn.destination_port = 80;
    syn.flags.syn = true;
    net.deliver_all(cut(tcp_packet(ipv4_of(peer_ip, own_ip, 6), syn, bytes(100)), 40));
    const auto answer = net.take_packet();
    REQUIRE(answer);
    CHECK(wire::parse_tcp(answer->inside).header.flags.syn);
}

TEST_CASE("fragments: the checksum is that of the whole") {
    reassembling net;
    auto fragments = cut(datagram(3000), 1480);
    fragments[1].back() ^= std::byte{1};
    net.deliver_all(fragments);
    CHECK_FALSE(net.heard());
    CHECK(net.count("udp.bad_checksum") == 1);
}

// RFC 5722 4; RFC 8200 4.5
TEST_CASE("fragments: an overlap condemns the datagram, an exact duplicate does not") {
    const bytes packet = datagram(3000);
    const auto fragments = cut(packet, 1000);
    SECTION("a duplicate") {
        reassembling net;
        net.deliver_all(
            {fragments[0], fragments[0], fragments[2], fragments[2], fragments[1], fragments[3]});
        CHECK((net.heard() == patterned(3000)));
        CHECK(net.count("ip.fragment_duplicate") == 2);
    }
    SECTION("the same place, other bytes") {
        reassembling net;
        bytes forged = fragments[0];
        forged[500] ^= std::byte{1};
        net.deliver_all({fragments[0], forged, fragments[1], fragments[2], fragments[3]});
        CHECK_FALSE(net.heard());
        CHECK(net.count("ip.fragment_overlap") == 1);
        CHECK(net.count("ip.fragment_condemned") == 3);
    }
    SECTION("teardrop and its like: from the front, from behind, inside, around") {
        for (const auto& [offset, size] : {std::pair(996U, 16U), std::pair(1992U, 16U),
                                           std::pair(1200U, 8U), std::pair(992U, 1024U)}) {
            CAPTURE(offset, size);
            reassembling net;
            net.deliver(fragments[1]);
            net.deliver(fragment_of(packet, offset / 8 * 8, size));
            CHECK(net.count("ip.fragment_overlap") == 1);
            net.deliver_all({fragments[0], fragments[2], fragments[3]});
            CHECK_FALSE(net.heard());
        }
    }
    SECTION("two ends") {
        reassembling net;
        auto end = fragment_of(packet, 2000, 800);
        end[6] = std::byte{0};  // no more fragments
        end[7] = std::byte{250};
        mend_ipv4_checksum(end);
        net.deliver_all({end, fragments[0], fragments[3]});
        CHECK(net.count("ip.fragment_overlap") == 1);
        reassembling other;
        other.deliver_all({fragments[3], end});
        CHECK(other.count("ip.fragment_overlap") == 1);
    }
    SECTION("it is forgotten in time, and the identification may come again") {
        reassembling net;
        net.deliver_all({fragments[0], fragment_of(packet, 8, 8)});
        net.pass(31s);
        CHECK(net.device.sent.empty());  // no ICMP about it
        net.deliver_all(fragments);
        CHECK((net.heard() == patterned(3000)));
    }
}

TEST_CASE("fragments: lengths that cannot be") {
    reassembling net;
    auto header = ipv4_of(peer_ip, own_ip, 17);
    header.more_fragments = true;
    net.deliver(ipv4_packet(header, bytes(15)));
    net.deliver(ipv4_packet(header, {}));
    header.more_fragments = false;
    header.fragment_offset = 8;
    net.deliver(ipv4_packet(header, {}));
    CHECK(net.count("ip.fragment_bad_length") == 3);
    // "Ping of death"
    header.protocol = 1;
    header.fragment_offset = 65528;
    net.deliver(ipv4_packet(header, bytes(8)));
    header.fragment_offset = 65512;
    net.deliver(ipv4_packet(header, bytes(4)));
    CHECK(net.count("ip.fragment_too_long") == 2);
    header.fragment_offset = 65504;
    net.deliver(ipv4_packet(header, bytes(11)));  // the very end
    CHECK(net.count("ip.fragment_too_long") == 2);
    CHECK(net.device.sent.empty());
}

// RFC 1858 3, RFC 3128 2
TEST_CASE("fragments: tiny ones of TCP are refused") {
    reassembling net;
    wire::tcp_header syn;
    syn.flags.syn = true;
    syn.destination_port = 80;
    const auto packet = tcp_packet(ipv4_of(peer_ip, own_ip, 6), syn, bytes(40));
    net.deliver(fragment_of(packet, 0, 8));
    net.deliver(fragment_of(packet, 0, 16));
    net.deliver(fragment_of(packet, 8, 24));
    CHECK(net.count("ip.fragment_tiny") == 3);
    net.pass(31s);
    CHECK(net.count("ip.reassembly_timeout") == 0);  // nothing was kept
}

// RFC 3168 5.3
TEST_CASE("fragments: congestion met by one is kept, a contradiction is not accepted") {
    reassembling net;
    const bytes packet = datagram(2000);
    net.deliver_all({fragment_of(packet, 0, 1480, 5, 2), fragment_of(packet, 1480, 528, 5, 3)});
    CHECK((net.heard() == patterned(2000)));
    net.deliver_all({fragment_of(packet, 0, 1480, 6, 0), fragment_of(packet, 1480, 528, 6, 3)});
    CHECK_FALSE(net.heard());
    CHECK(net.count("ip.fragment_overlap") == 1);
}

// RFC 1122 3.3.2 (MUST), RFC 792
TEST_CASE("fragments: time exceeded is told only if fragment zero came") {
    reassembling net;
    const auto fragments = cut(datagram(3000), 1480);
    net.deliver(fragments[1]);
    net.pass(31s);
    CHECK(net.count("ip.reassembly_timeout") == 1);
    CHECK(net.device.sent.empty());
    net.deliver(fragments[0]);
    CHECK(net.host->next_deadline() == net.now + 30s);
    net.pass(29s);
    CHECK(net.device.sent.empty());
    net.pass(1s);
    const auto error = net.take_packet();
    REQUIRE(error);
    CHECK(wire::parse_icmp(error->inside) == wire::icmp_header{11, 1, 0});
    CHECK(error->ip.total_length == 576);
    CHECK(std::equal(error->inside.begin() + 8, error->inside.end(), fragments[0].begin()));
    // Not about what went to all (RFC 1122 3.2.2).
    net.deliver(cut(udp_packet(ipv4_of(peer_ip, "198.18.0.255", 17), 1, 7, bytes(3000)), 1480)[0]);
    net.pass(31s);
    CHECK(net.count("ip.reassembly_timeout") == 3);
    CHECK_FALSE(net.take_packet());
}

TEST_CASE("fragments: of one datagram there are only so many") {
    stack_config config;
    config.ip.reassembly_fragments_max = 10;
    reassembling net(config);
    net.deliver_all(cut(datagram(100), 8));
    CHECK_FALSE(net.heard());
    CHECK(net.count("ip.fragment_limit") == 4);
}

TEST_CASE("fragments: a stranger cannot push out others") {
    stack_config config;
    config.ip.reassembly_source_datagrams_max = 16;
    reassembling net(config);
    const auto honest = cut(datagram(3000), 1480, 1);
    net.deliver_all({honest[0], honest[1]});
    for (std::uint16_t i = 0; i < 20'000; ++i)
        net.deliver(fragment_of(datagram(3000, "198.18.0.66"), 0, 1480, i));
    CHECK(net.count("ip.reassembly_evicted") == 20'000 - 16);
    net.deliver(honest[2]);
    CHECK((net.heard() == patterned(3000)));
}

TEST_CASE("fragments: memory is bounded in all and per source, and comes back") {
    ip_config config;
    config.reassembly_bytes = 768 * 100;
    config.reassembly_source_bytes = 768 * 40;
    ip::ip_counters counters;
    ip::address_table addresses(config);
    seeded_random source(1);
    ip::icmp errors(config, addresses, source, counters);
    ip::reassembly pool(config, 1, errors, counters);
    instant now{1s};
    std::mt19937 random(11);
    const bytes data(1480);
    for (int i = 0; i < 50'000; ++i) {
        wire::ipv4_header header;
        header.source = ip_address::v4(static_cast<std::uint32_t>(0x0a00'0000U + random() % 300));
        header.destination = address(own_ip);
        header.protocol = 17;
        header.identification = static_cast<std::uint16_t>(random() % 50);
        header.more_fragments = true;
        header.fragment_offset = static_cast<std::uint16_t>(random() % 44 * 1480);
        const bool large = random() % 2 == 0;
        pool.input(header, payload_view(const_bytes(data).first(large ? 1480 : 8)), false, now);
        REQUIRE(pool.bytes_held() <= config.reassembly_bytes);
        REQUIRE(pool.datagram_count() <= config.reassembly_datagrams_max);
        now += 1ms;
        pool.advance(now);
    }
    CHECK(counters.reassembly_evicted > 0);
    pool.advance(now + 60s);
    CHECK(pool.bytes_held() == 0);
    CHECK(pool.datagram_count() == 0);
    CHECK(pool.next_deadline() == never);
    // One source alone gets its share and no more.
    for (std::uint16_t i = 0; i < 200; ++i) {
        wire::ipv4_header header;
        header.source = address(peer_ip);
        header.identification = i;
        header.more_fragments = true;
        pool.input(header, payload_view(data), false, now);
        REQUIRE(pool.bytes_held() <= config.reassembly_source_bytes);
    }
}

TEST_CASE("fragments: whatever comes does no harm") {
    std::mt19937 random(5);
    reassembling net;
    const bytes packet = datagram(4000);
    const auto segment = tcp_packet(ipv4_of(peer_ip, own_ip, 6), {}, bytes(2000));
    for (int round = 0; round < 20'000; ++round) {
        const bytes& base = random() % 4 == 0 ? segment : packet;
        const std::size_t length = base.size() - 20;
        const std::size_t offset = random() % length / 8 * 8;
        bytes fragment = fragment_of(base, offset, random() % (length - offset) + 1,
                                     static_cast<std::uint16_t>(random() % 8));
        if (random() % 3 == 0) fragment[6] ^= std::byte{0x20};
        mend_ipv4_checksum(fragment);
        net.device.head_bytes = random() % 2 == 0 ? 0 : 128;
        net.now += 100ms;
        net.deliver(fragment);
        net.device.sent.clear();
        net.device.room = 1000;
        net.heard();
    }
    net.pass(60s);
    CHECK(net.count("ip.fragments_received") > 15'000);
}

// --- sent

class sending : public reassembling {
  public:
    explicit sending(const stack_config& config = {}) : reassembling(config) {}
    status send(std::string_view to, const bytes& data, std::uint16_t port = 9) {
        const const_bytes piece(data);
        return host->udp_send_to(socket, {address(to), port}, {&piece, 1}, now);
    }
    // The next datagram that was sent, put together and checked; nothing if its end is not there.
    std::optional<bytes> take_datagram() {
        bytes whole;
        for (;;) {
            const auto packet = take_packet();
            if (!packet) return {};
            CHECK(packet->ip.fragment_offset == whole.size());
            CHECK_FALSE(packet->ip.dont_fragment);
            CHECK(packet->ip.total_length <= 1500);
            if (whole.empty()) last_identification = packet->ip.identification;
            CHECK(packet->ip.identification == last_identification);
            whole = joined(whole, packet->inside);
            if (packet->ip.more_fragments) continue;
            auto all = *packet;
            all.inside = whole;
            CHECK(transport_checksum_is_right(all));
            return bytes(whole.begin() + 8, whole.end());
        }
    }
    std::uint16_t last_identification = 0;
};

TEST_CASE("fragments: a large datagram goes out in fragments") {
    sending net;
    for (const std::size_t size : {1473U, 2952U, 2953U, 9000U, 65507U}) {
        REQUIRE(net.send(peer_ip, patterned(size)));
        net.turn();
        CHECK((net.take_datagram() == patterned(size)));
        CHECK(net.device.sent.empty());
    }
    CHECK(net.send(peer_ip, patterned(65508)).code() == error::message_too_long);
    CHECK(net.count("ip.datagrams_fragmented") == 5);
    REQUIRE(net.send(peer_ip, patterned(1472)));  // fits: not cut, RFC 1191 3
    net.turn();
    CHECK(net.take_packet()->ip.dont_fragment);
}

TEST_CASE("fragments: the device may be full in their midst") {
    sending net;
    net.device.room = 7;
    REQUIRE(net.send(peer_ip, patterned(20'000)));
    REQUIRE(net.send(peer_ip, patterned(5000)));
    for (int i = 0; i < 10; ++i) {
        net.device.room = 3;
        net.turn();
    }
    CHECK((net.take_datagram() == patterned(20'000)));
    const auto before = net.last_identification;
    CHECK((net.take_datagram() == patterned(5000)));
    CHECK(net.last_identification != before);
}

TEST_CASE("fragments: a large datagram waits whole for its neighbour") {
    sending net;
    REQUIRE(net.send("198.18.0.7", patterned(65507)));
    net.turn();
    CHECK_FALSE(net.take_datagram());
    const mac_address neighbour{{2, 0, 0, 0, 0, 7}};
    net.deliver_frame(arp_frame(own_mac, {wire::arp_operation::reply, neighbour,
                                          address("198.18.0.7"), own_mac, address(own_ip)}));
    CHECK((net.take_datagram() == patterned(65507)));
}

TEST_CASE("fragments: loopback carries them too") {
    sending net;
    REQUIRE(net.send(own_ip, patterned(65507), 7));
    for (int i = 0; i < 3; ++i) net.turn();
    CHECK((net.heard() == patterned(65507)));
    CHECK(net.device.sent.empty());
}

// RFC 6864 4.3, RFC 7739 5.3
TEST_CASE("fragments: identifications do not repeat soon, and tell one nothing of another") {
    sending net;
    std::vector<bool> seen(65536);
    for (int i = 0; i < 2000; ++i) {
        REQUIRE(net.send(peer_ip, patterned(1473)));
        net.turn();
        REQUIRE(net.take_datagram());
        REQUIRE_FALSE(seen.at(net.last_identification));
        seen.at(net.last_identification) = true;
    }
    seeded_random one(1);
    seeded_random two(2);
    ip::identification_source first(one);
    ip::identification_source second(two);
    int same = 0;
    for (std::uint32_t i = 0; i < 256; ++i) {
        wire::ipv4_header header;
        header.destination = ip_address::v4(i);
        same += first.next(header) == second.next(header) ? 1 : 0;
    }
    CHECK(same < 4);
}

// RFC 1191: a datagram that fits the link but not the path
TEST_CASE("fragments: a smaller path MTU is respected") {
    sending net;
    REQUIRE(net.send(peer_ip, patterned(1472)));
    net.turn();
    const auto large = net.take_packet()->packet;
    net.deliver(icmp_packet(ipv4_of("198.18.0.3", own_ip, 1), {3, 4, 1000}, large));
    REQUIRE(net.send(peer_ip, patterned(1472)));
    net.turn();
    CHECK(net.device.sent.size() == 2);
    for (const auto& frame : net.device.sent) CHECK(frame.data.size() <= 1014);
    CHECK((net.take_datagram() == patterned(1472)));
    REQUIRE(net.host->udp_set_dont_fragment(net.socket, true));
    CHECK(net.send(peer_ip, patterned(1472)).code() == error::message_too_long);
    CHECK(net.send(peer_ip, patterned(972)));
}

}  // namespace
