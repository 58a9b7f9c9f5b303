// What stands in headers: requirements of RFC 9293 on options and on the layer below.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/support/stack_on_memory.hpp"

using namespace coax::stack;
using namespace coax::test;

namespace {

bytes options_sent(const wire::tcp_header& header) {
    bytes all(wire::tcp_header_length(header));
    wire::emit_tcp(header, all.data());
    return {all.begin() + wire::tcp_header_min, all.end()};
}

wire::tcp_header everything(bool syn) {
    wire::tcp_header header;
    header.flags.syn = syn;
    header.flags.ack = true;
    header.options.maximum_segment_size = 1460;
    header.options.window_scale = 7;
    header.options.sack_permitted = true;
    header.options.timestamps = wire::tcp_timestamps{1, 2};
    header.options.sack_count = 2;
    return header;
}

wire::tcp_header opening_of(stack_on_memory& net, ip_address* source = nullptr) {
    const auto socket = *net.host->tcp_open(nullptr);
    REQUIRE(net.host->tcp_connect(socket, {address(peer_ip), 80}, net.now));
    net.turn();
    const auto packet = net.take_packet();
    REQUIRE(packet);
    if (source != nullptr) *source = packet->ip.source;
    return wire::parse_tcp(packet->inside).header;
}

}  // namespace

// RFC 9293 3.1 (MUST-68, MUST-69): each of our options says its length, and the list ends with the
// header, so that nothing stands behind an end-of-list
TEST_CASE("options sent have their lengths and fill the header") {
    for (const bool syn : {false, true}) {
        const bytes options = options_sent(everything(syn));
        std::size_t at = 0;
        while (at < options.size()) {
            const auto kind = std::to_integer<unsigned>(options[at]);
            REQUIRE(kind != 0);
            if (kind == 1) {
                ++at;
                continue;
            }
            REQUIRE(at + 1 < options.size());
            const auto length = std::to_integer<std::size_t>(options[at + 1]);
            REQUIRE(length >= 2);
            at += length;
        }
        CHECK(at == options.size());
        CHECK(options.size() % 4 == 0);
    }
}

// RFC 9293 3.7.1 (MUST-65)
TEST_CASE("the MSS option is not sent but in a SYN") {
    const auto has_mss = [](bool syn) {
        const wire::tcp_header header = everything(syn);
        bytes all(wire::tcp_header_length(header));
        wire::emit_tcp(header, all.data());
        return wire::parse_tcp(all).header.options.maximum_segment_size.has_value();
    };
    CHECK(has_mss(true));
    CHECK_FALSE(has_mss(false));
}

// RFC 9293 3.1 (MUST-5), 3.2 (MUST-64): in any segment, at any octet
TEST_CASE("options are taken wherever they begin") {
    wire::tcp_header header;
    header.flags.ack = true;
    for (std::size_t before = 0; before < 8; ++before) {
        bytes segment(wire::tcp_header_min);
        wire::emit_tcp(header, segment.data());
        segment.insert(segment.end(), before, std::byte{1});
        for (const unsigned octet : {8U, 10U, 0U, 0U, 0U, 5U, 0U, 0U, 0U, 6U})
            segment.push_back(static_cast<std::byte>(octet));
        while (segment.size() % 4 != 0) segment.push_back(std::byte{0});
        segment[12] = static_cast<std::byte>(segment.size() / 4 << 4);
        const auto parsed = wire::parse_tcp(segment);
        REQUIRE(parsed.fault == wire::tcp_fault::none);
        CHECK(parsed.header.options.timestamps == wire::tcp_timestamps{5, 6});
    }
}

// RFC 9293 3.7.1 (SHLD-5, MAY-3), 3.9.1.1 (MUST-44, MUST-45): every SYN says its MSS, and comes
// from the address that routing picks
TEST_CASE("a SYN says its MSS, and has an own address") {
    stack_on_memory net;
    ip_address source;
    const wire::tcp_header header = opening_of(net, &source);
    CHECK(header.flags.syn);
    CHECK(header.options.maximum_segment_size == 1460);
    CHECK(source == address(own_ip));
}

// RFC 9293 3.9.2 (MUST-49)
TEST_CASE("the time to live is the configuration's") {
    for (const std::uint8_t hops : {std::uint8_t{42}, std::uint8_t{255}}) {
        stack_config config;
        config.ip.time_to_live = hops;
        stack_on_memory net(config);
        const auto socket = *net.host->tcp_open(nullptr);
        REQUIRE(net.host->tcp_connect(socket, {address(peer_ip), 80}, net.now));
        net.turn();
        const auto packet = net.take_packet();
        REQUIRE(packet);
        CHECK(packet->ip.time_to_live == hops);
    }
}

TEST_CASE("a connection's own time to live is that of its packets, from the first on") {
    stack_on_memory net;
    const auto socket = *net.host->tcp_open(nullptr);
    REQUIRE(net.host->tcp_set_hops(socket, 3));
    REQUIRE(net.host->tcp_connect(socket, {address(peer_ip), 80}, net.now));
    net.turn();
    const auto packet = net.take_packet();
    REQUIRE(packet);
    CHECK(packet->ip.time_to_live == 3);
}

// RFC 9293 3.9.2.2 (MUST-55), RFC 6633 3: quench of a connection's segment does nothing to it
TEST_CASE("source quench is dropped without a word") {
    stack_on_memory net;
    const auto socket = *net.host->tcp_open(nullptr);
    REQUIRE(net.host->tcp_connect(socket, {address(peer_ip), 80}, net.now));
    net.turn();
    const auto sent = net.take_packet();
    REQUIRE(sent);
    bytes quote = sent->packet;
    quote.resize(28);
    net.deliver(icmp_packet(ipv4_of(peer_ip, own_ip, wire::protocol_icmpv4),
                            {wire::icmpv4::source_quench, 0, 0}, quote));
    CHECK(net.count("icmp.ignored") == 1);
    CHECK(net.host->tcp_info(socket)->current == tcp::state::syn_sent);
    CHECK(net.host->tcp_info(socket)->soft_error == error::none);
    CHECK_FALSE(net.take_packet());
}
