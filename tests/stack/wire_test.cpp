// The wire formats, TCP excepted: what is emitted is parsed back, known frames parse to known
// values, each fault is told apart, and no bytes whatever do harm.
#include <random>

#include <catch2/catch.hpp>

#include "stack/wire/arp.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/icmp.hpp"
#include "stack/wire/ipv4.hpp"
#include "stack/wire/ipv6.hpp"
#include "stack/wire/udp.hpp"
#include "tests/support/frames.hpp"

namespace {

using namespace coax::stack;
using namespace coax::stack::wire;
using coax::test::bytes;

bytes of_hex(std::string_view hex) {
    bytes data;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        data.push_back(
            static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    return data;
}

TEST_CASE("ethernet: emit and parse") {
    const ethernet_header header{*mac_address::parse("02:00:00:00:00:01"),
                                 *mac_address::parse("02:00:00:00:00:02"), 0x86dd};
    bytes frame(14);
    emit_ethernet(header, frame.data());
    CHECK(frame == of_hex("02000000000102000000000286dd"));
    CHECK(parse_ethernet(frame) == header);
    frame.pop_back();
    CHECK_FALSE(parse_ethernet(frame));
}

TEST_CASE("arp: RFC 826 packet") {
    const auto packet = of_hex(
        "0001080006040001"
        "020000000001c6120001"
        "000000000000c6120002");
    const auto parsed = parse_arp(packet);
    REQUIRE(parsed.fault == arp_fault::none);
    CHECK(parsed.packet.operation == arp_operation::request);
    CHECK(parsed.packet.sender_mac.to_string() == "02:00:00:00:00:01");
    CHECK(parsed.packet.sender_ip.to_string() == "198.18.0.1");
    CHECK(parsed.packet.target_ip.to_string() == "198.18.0.2");
    bytes again(arp_packet_size);
    emit_arp(parsed.packet, again.data());
    CHECK(again == packet);
}

TEST_CASE("arp: each fault") {
    const auto good = of_hex("0001080006040001020000000001c6120001000000000000c6120002");
    for (std::size_t size = 0; size < good.size(); ++size)
        REQUIRE(parse_arp(const_bytes(good).first(size)).fault == arp_fault::truncated);
    for (const std::size_t at : {0U, 1U, 2U, 3U, 4U, 5U}) {
        auto bad = good;
        bad[at] ^= std::byte{0x10};
        CHECK(parse_arp(bad).fault == arp_fault::unsupported);
    }
    auto bad = good;
    bad[7] = std::byte{3};
    CHECK(parse_arp(bad).fault == arp_fault::bad_operation);
    bad[7] = std::byte{0};
    CHECK(parse_arp(bad).fault == arp_fault::bad_operation);
}

// RFC 791 3.1
TEST_CASE("ipv4: a known header") {
    // The example that is in every text on the checksum (RFC 1071's method): 0xb861.
    bytes whole = of_hex("45000073000040004011b861c0a80001c0a800c7");
    whole.resize(0x73);
    const auto parsed = parse_ipv4(whole, whole.size());
    REQUIRE(parsed.fault == ipv4_fault::none);
    CHECK(parsed.header.source.to_string() == "192.168.0.1");
    CHECK(parsed.header.destination.to_string() == "192.168.0.199");
    CHECK(parsed.header.dont_fragment);
    CHECK_FALSE(parsed.header.is_fragment());
    CHECK(parsed.header.protocol == 17);
    CHECK(parsed.header.time_to_live == 64);
    bytes again(20);
    emit_ipv4(parsed.header, again.data());
    CHECK(const_bytes(again).size() == 20);
    CHECK(std::equal(again.begin(), again.end(), whole.begin()));
}

TEST_CASE("ipv4: each fault") {
    const bytes good =
        coax::test::ipv4_packet(coax::test::ipv4_of("198.18.0.1", "198.18.0.2", 6), bytes(30));
    CHECK(parse_ipv4(good, good.size()).fault == ipv4_fault::none);
    const auto fault_of = [&](std::size_t at, unsigned value) {
        bytes bad = good;
        bad[at] = static_cast<std::byte>(value);
        return parse_ipv4(bad, bad.size()).fault;
    };
    CHECK(fault_of(0, 0x55) == ipv4_fault::bad_version);
    CHECK(fault_of(0, 0x44) == ipv4_fault::bad_header_length);
    CHECK(fault_of(3, 19) == ipv4_fault::bad_total_length);
    CHECK(fault_of(3, 51) == ipv4_fault::bad_total_length);
    CHECK(fault_of(0, 0x4f) == ipv4_fault::truncated);  // 60 bytes of header in a packet of 50
    for (std::size_t at : {1U, 4U, 8U, 9U, 10U, 12U, 19U})
        CHECK(fault_of(at, std::to_integer<unsigned>(good[at]) ^ 1U) == ipv4_fault::bad_checksum);
    for (std::size_t size = 0; size < good.size(); ++size)
        CHECK(parse_ipv4(const_bytes(good).first(size), size).fault ==
              (size < 20 ? ipv4_fault::truncated : ipv4_fault::bad_total_length));
    // The rest may lie in further pieces.
    CHECK(parse_ipv4(const_bytes(good).first(20), good.size()).fault == ipv4_fault::none);
}

TEST_CASE("ipv4: options are walked") {
    struct row {
        std::string_view options;
        bool source_route;
        bool bad;
    };
    for (const row& r : {row{"01010101", false, false},         // no operation
                         row{"00ffffff", false, false},         // end; then anything
                         row{"94040000", false, false},         // router alert
                         row{"01830704c6120009", true, false},  // LSRR
                         row{"890704c612000900", true, false},  // SSRR
                         row{"0783040000000000", false, true},  // longer than the header
                         row{"07000000", false, true}, row{"07010000", false, true},
                         row{"01010107", false, true}}) {
        CAPTURE(r.options);
        const bytes options = of_hex(r.options);
        bytes packet(20);
        auto header = coax::test::ipv4_of("198.18.0.1", "198.18.0.2", 6);
        header.total_length = static_cast<std::uint16_t>(20 + options.size());
        emit_ipv4(header, packet.data());
        packet = coax::test::joined(packet, options);
        packet[0] = static_cast<std::byte>(0x40 | (packet.size() / 4));
        coax::test::mend_ipv4_checksum(packet);
        const auto parsed = parse_ipv4(packet, packet.size());
        CHECK(parsed.fault == ipv4_fault::none);
        CHECK(parsed.header_length == packet.size());
        CHECK(parsed.has_source_route == r.source_route);
        CHECK(parsed.has_bad_option == r.bad);
    }
}

TEST_CASE("ipv4: random headers survive emit and parse") {
    std::mt19937 random(21);
    for (int round = 0; round < 2000; ++round) {
        ipv4_header header;
        header.source = ip_address::v4(static_cast<std::uint32_t>(random()));
        header.destination = ip_address::v4(static_cast<std::uint32_t>(random()));
        header.total_length = static_cast<std::uint16_t>(20 + random() % 60000);
        header.identification = static_cast<std::uint16_t>(random());
        header.fragment_offset = static_cast<std::uint16_t>((random() % 8192) * 8);
        header.dont_fragment = random() % 2 == 0;
        header.more_fragments = random() % 2 == 0;
        header.traffic_class = static_cast<std::uint8_t>(random());
        header.time_to_live = static_cast<std::uint8_t>(random());
        header.protocol = static_cast<std::uint8_t>(random());
        bytes packet(20);
        emit_ipv4(header, packet.data());
        const auto parsed = parse_ipv4(packet, 65535);
        REQUIRE(parsed.fault == ipv4_fault::none);
        REQUIRE(parsed.header == header);
        REQUIRE(parse_quoted_ipv4(packet).header == header);
    }
}

TEST_CASE("ipv6: emit, parse and faults") {
    ipv6_header header;
    header.source = *ip_address::parse("fd00:c0a0::1");
    header.destination = *ip_address::parse("fd00:c0a0::2");
    header.flow_label = 0xabcde;
    header.payload_length = 4;
    header.traffic_class = 0x12;
    header.next_header = 58;
    header.hop_limit = 255;
    bytes packet(44);
    emit_ipv6(header, packet.data());
    CHECK(packet[0] == std::byte{0x61});
    CHECK(packet[1] == std::byte{0x2a});
    CHECK(parse_ipv6(packet, 44).fault == ipv6_fault::none);
    CHECK(parse_ipv6(packet, 44).header == header);
    CHECK(parse_ipv6(packet, 43).fault == ipv6_fault::bad_payload_length);
    for (std::size_t size = 0; size < 40; ++size)
        REQUIRE(parse_ipv6(const_bytes(packet).first(size), size).fault == ipv6_fault::truncated);
    header.source = *ip_address::parse("::ffff:1.2.3.4");
    emit_ipv6(header, packet.data());
    CHECK(parse_ipv6(packet, 44).fault == ipv6_fault::mapped_address);
    packet[0] = std::byte{0x45};
    CHECK(parse_ipv6(packet, 44).fault == ipv6_fault::bad_version);
}

TEST_CASE("udp and icmp: emit, parse and faults") {
    bytes datagram(12);
    emit_udp({53, 4096, 12}, datagram.data());
    CHECK(parse_udp(datagram, 12).fault == udp_fault::none);
    CHECK(parse_udp(datagram, 12).header == udp_header{53, 4096, 12});
    CHECK_FALSE(parse_udp(datagram, 12).has_checksum);
    CHECK(parse_udp(datagram, 11).fault == udp_fault::bad_length);
    CHECK(parse_udp(datagram, 20).fault == udp_fault::none);
    emit_udp({53, 4096, 7}, datagram.data());
    CHECK(parse_udp(datagram, 12).fault == udp_fault::bad_length);
    CHECK(parse_udp(const_bytes(datagram).first(7), 7).fault == udp_fault::truncated);

    bytes message(8);
    emit_icmp({3, 4, 1400}, message.data());
    CHECK(parse_icmp(message) == icmp_header{3, 4, 1400});
    CHECK(parse_icmp(message)->next_hop_mtu() == 1400);
    CHECK_FALSE(parse_icmp(const_bytes(message).first(7)));
}

TEST_CASE("wire: random bytes do no harm") {
    std::mt19937 random(22);
    for (int round = 0; round < 100'000; ++round) {
        bytes data(random() % 80);
        for (auto& b : data) b = static_cast<std::byte>(random());
        if (!data.empty() && round % 2 == 0) data[0] = static_cast<std::byte>(0x40 | random() % 16);
        parse_ethernet(data);
        parse_arp(data);
        const auto v4 = parse_ipv4(data, data.size());
        if (v4.fault == ipv4_fault::none) REQUIRE(v4.header_length <= data.size());
        const auto quoted = parse_quoted_ipv4(data);
        if (quoted.fault == ipv4_fault::none) REQUIRE(quoted.header_length <= data.size());
        parse_ipv6(data, data.size());
        parse_icmp(data);
        parse_udp(data, data.size());
        const auto tcp = parse_tcp(data);
        if (tcp.fault == tcp_fault::none) REQUIRE(tcp.header_length <= data.size());
    }
}

}  // namespace
