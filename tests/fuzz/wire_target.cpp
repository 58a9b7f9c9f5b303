// Every parser of stack/wire/ over the same bytes. What parses without a fault is emitted and
// parsed again: the value must be the same, and where the header has but one form, the bytes too.
// Sums and views of pieces are compared with the plain way.
#include <algorithm>
#include <array>

#include "stack/base/payload.hpp"
#include "stack/wire/arp.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/icmp.hpp"
#include "stack/wire/igmp.hpp"
#include "stack/wire/ipv4.hpp"
#include "stack/wire/ipv6.hpp"
#include "stack/wire/plain_segment.hpp"
#include "stack/wire/tcp.hpp"
#include "stack/wire/udp.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/frames.hpp"

namespace coax::fuzz {
namespace {

namespace wire = stack::wire;

bool same_bytes(const_bytes a, const_bytes b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

void ethernet(const_bytes frame) {
    const auto header = wire::parse_ethernet(frame);
    expect(header.has_value() == (frame.size() >= wire::ethernet_header_size),
           "a frame parses if it holds a header");
    if (!header) return;
    std::array<std::byte, wire::ethernet_header_size> again{};
    wire::emit_ethernet(*header, again.data());
    expect(same_bytes(again, frame.first(again.size())), "Ethernet: the same bytes again");
}

void arp(const_bytes packet) {
    const auto parsed = wire::parse_arp(packet);
    if (parsed.fault != wire::arp_fault::none) return;
    expect(parsed.packet.sender_ip.is_v4() && parsed.packet.target_ip.is_v4(), "ARP is IPv4's");
    std::array<std::byte, wire::arp_packet_size> again{};
    wire::emit_arp(parsed.packet, again.data());
    expect(same_bytes(again, packet.first(again.size())), "ARP: the same bytes again");
}

void icmp(const_bytes message) {
    const auto header = wire::parse_icmp(message);
    expect(header.has_value() == (message.size() >= wire::icmp_header_size),
           "ICMP parses if it holds a header");
    if (!header) return;
    std::array<std::byte, wire::icmp_header_size> again{};
    wire::emit_icmp(*header, again.data());
    expect(wire::parse_icmp(again) == header, "ICMP: the same value again");
}

void igmp(const_bytes message, std::size_t more) {
    if (const auto record = wire::parse_igmp_record(message)) {
        std::array<std::byte, wire::igmp_record_size> again{};
        wire::emit_igmp_record(static_cast<wire::igmp::record>(record->type), record->group,
                               again.data());
        const auto second = wire::parse_igmp_record(again);
        expect(second && second->type == record->type && second->group == record->group,
               "IGMP: the same record again");
    }
    const auto parsed = wire::parse_igmp(message, message.size() + more);
    if (!parsed) return;
    expect(message.size() >= wire::igmp_message_min, "an accepted IGMP message is there");
    const bool is_query = parsed->type == wire::igmp::query;
    expect(is_query == (parsed->version != 0) && parsed->version <= 3,
           "a query has one of three versions, and nothing else has one");
    expect(parsed->response_time <= 31 << 10, "RFC 3376 4.1.1: the longest time there is");
    if (is_query || parsed->type == wire::igmp::report_v3) return;
    std::array<std::byte, wire::igmp_message_min> again{};
    wire::emit_igmp(parsed->type, parsed->group, again.data());
    expect(wire::parse_igmp(again, again.size()) == parsed &&
               wire::fold_sum(wire::sum_bytes(0, again.data(), again.size())) == 0xffff,
           "IGMP: the same value again, with its sum");
}

void ipv4(const_bytes packet, std::size_t more) {
    const auto quoted = wire::parse_quoted_ipv4(packet);
    const auto parsed = wire::parse_ipv4(packet, packet.size() + more);
    expect(parsed.header_length <= wire::ipv4_header_max, "IHL is four bits");
    if (parsed.fault != wire::ipv4_fault::none) return;
    const wire::ipv4_header& header = parsed.header;
    expect(parsed.header_length >= wire::ipv4_header_size &&
               parsed.header_length <= packet.size() &&
               header.total_length >= parsed.header_length &&
               header.total_length <= packet.size() + more,
           "lengths of an accepted IPv4 header fit the packet");
    expect(header.fragment_offset % 8 == 0, "fragments lie on multiples of eight");
    expect(quoted.fault == wire::ipv4_fault::none && quoted.header == header &&
               quoted.header_length == parsed.header_length,
           "a quoted header is read like any other");
    std::array<std::byte, wire::ipv4_header_size> again{};
    wire::emit_ipv4(header, again.data());
    const auto second = wire::parse_ipv4(again, header.total_length);
    expect(second.fault == wire::ipv4_fault::none && second.header == header,
           "IPv4: the same value again");
    if (header.total_length < wire::router_alert_header_size) return;
    std::array<std::byte, wire::router_alert_header_size> alert{};
    wire::emit_ipv4_router_alert(header, alert.data());
    const auto third = wire::parse_ipv4(alert, header.total_length);
    expect(third.fault == wire::ipv4_fault::none && third.header == header &&
               third.header_length == alert.size() && third.has_router_alert &&
               !third.has_bad_option,
           "IPv4: the same value with Router Alert");
}

void ipv6(const_bytes packet, std::size_t more) {
    const auto parsed = wire::parse_ipv6(packet, packet.size() + more);
    if (parsed.fault != wire::ipv6_fault::none) return;
    expect(parsed.header.payload_length + wire::ipv6_header_size <= packet.size() + more,
           "the payload of an accepted IPv6 header is there");
    std::array<std::byte, wire::ipv6_header_size> again{};
    wire::emit_ipv6(parsed.header, again.data());
    expect(same_bytes(again, packet.first(again.size())), "IPv6: the same bytes again");
}

void udp(const_bytes datagram, std::size_t more) {
    const auto parsed = wire::parse_udp(datagram, datagram.size() + more);
    if (parsed.fault != wire::udp_fault::none) return;
    expect(parsed.header.length >= wire::udp_header_size &&
               parsed.header.length <= datagram.size() + more,
           "an accepted UDP datagram is there");
    std::array<std::byte, wire::udp_header_size> again{};
    wire::emit_udp(parsed.header, again.data());
    const auto second = wire::parse_udp(again, parsed.header.length);
    expect(second.fault == wire::udp_fault::none && second.header == parsed.header &&
               !second.has_checksum,
           "UDP: the same value again");
}

void tcp(const_bytes segment) {
    const auto parsed = wire::parse_tcp(segment);
    expect(parsed.header_length <= wire::tcp_header_max, "the data offset is four bits");
    expect(parsed.header.options.sack_count <= parsed.header.options.sack.size(),
           "no more SACK blocks than there is room for");
    if (parsed.fault != wire::tcp_fault::none) return;
    expect(parsed.header_length >= wire::tcp_header_min && parsed.header_length <= segment.size(),
           "the header of an accepted segment is there");
    // What emit_tcp() does not write with these flags, or has no room for, is taken out first.
    wire::tcp_header header = parsed.header;
    wire::tcp_options& options = header.options;
    if (header.flags.syn) {
        options.sack_count = 0;
    } else {
        options.maximum_segment_size.reset();
        options.window_scale.reset();
        options.sack_permitted = false;
        options.user_timeout = 0;
    }
    if (options.timestamps && options.sack_count == 4) options.sack_count = 3;
    for (std::size_t i = options.sack_count; i < options.sack.size(); ++i) options.sack[i] = {};
    std::array<std::byte, wire::tcp_header_max> again{};
    const std::size_t length = wire::tcp_header_length(header);
    expect(length >= wire::tcp_header_min && length <= again.size() && length % 4 == 0,
           "a header has 20 to 60 bytes in fours");
    wire::emit_tcp(header, again.data());
    expect(std::all_of(again.begin() + static_cast<std::ptrdiff_t>(length), again.end(),
                       [](std::byte b) { return b == std::byte{0}; }),
           "emit_tcp writes as much as it said");
    const auto second = wire::parse_tcp(const_bytes(again).first(length));
    expect(second.fault == wire::tcp_fault::none && second.header == header &&
               second.header_length == length,
           "TCP: the same value again");
}

// The writer of the common case agrees with the single ones, and with the sum it answers.
void plain_again(wire::ipv4_header ip, const wire::tcp_header& tcp, std::uint32_t length) {
    std::array<std::byte, wire::ipv4_header_size + wire::tcp_header_max> again{};
    const std::uint64_t sum = wire::emit_plain_segment(
        ip.source, ip.destination, tcp, {ip.traffic_class, ip.time_to_live}, length, again.data());
    ip.dont_fragment = true;
    ip.identification = 0;
    const auto parsed = wire::parse_ipv4(again, ip.total_length);
    expect(parsed.fault == wire::ipv4_fault::none && parsed.header == ip, "plain: IPv4 again");
    const const_bytes header =
        const_bytes(again).subspan(wire::ipv4_header_size, wire::tcp_header_length(tcp));
    expect(wire::parse_tcp(header).header == tcp, "plain: TCP again");
    const std::uint64_t pseudo =
        wire::pseudo_header_sum(ip.source, ip.destination, wire::protocol_tcp, length);
    expect(wire::fold_sum(wire::sum_bytes(pseudo, header.data(), header.size())) ==
               wire::fold_sum(sum),
           "plain: the sum");
}

// What the parser of the common case takes, the single parsers take too, and as the same.
void plain(const_bytes frame) {
    wire::plain_segment found;
    if (!wire::parse_plain_segment(frame, found)) return;
    const auto ethernet = wire::parse_ethernet(frame);
    expect(ethernet &&
               wire::mac_number(ethernet->destination) == wire::destination_number(frame.data()) &&
               wire::mac_number(ethernet->source) == wire::source_number(frame.data()) &&
               ethernet->type == wire::ethernet_type_ipv4,
           "plain: the frame's addresses");
    const const_bytes packet = frame.subspan(wire::ethernet_header_size);
    const auto ip = wire::parse_ipv4(packet, packet.size());
    expect(ip.fault == wire::ipv4_fault::none && !ip.header.is_fragment() &&
               ip.header_length == wire::ipv4_header_size &&
               ip.header.protocol == wire::protocol_tcp,
           "plain: a whole IPv4 packet of TCP");
    const const_bytes segment =
        packet.subspan(ip.header_length, ip.header.total_length - std::size_t{ip.header_length});
    expect(found.segment().data() == segment.data() && found.segment().size() == segment.size(),
           "plain: the segment, without padding");
    auto tcp = wire::parse_tcp(segment);
    expect(tcp.fault == wire::tcp_fault::none &&
               found.payload().size() == segment.size() - tcp.header_length,
           "plain: the payload");
    plain_again(ip.header, tcp.header, static_cast<std::uint32_t>(segment.size()));
    tcp.header.source_port = tcp.header.destination_port = tcp.header.urgent_pointer = 0;
    expect(found.header() == tcp.header, "plain: the same header");
}

// Three pieces and the whole, trimmed on both sides.
void pieces(const_bytes all, std::uint32_t choice) {
    const std::size_t first = choice % (all.size() + 1);
    const std::size_t second = first + (choice >> 8) % (all.size() - first + 1);
    const std::array<const_bytes, 2> rest{all.subspan(first, second - first), all.subspan(second)};
    stack::payload_view view(all.first(first), rest);
    expect(view.size() == all.size(), "a view has the bytes of its pieces");
    wire::checksum_sum in_pieces;
    in_pieces.add(view);
    std::vector<std::byte> copy(all.size());
    const std::uint64_t copied = wire::copy_and_sum(0, copy.data(), all.data(), all.size());
    const std::uint16_t whole = wire::fold_sum(wire::sum_bytes(0, all.data(), all.size()));
    expect(wire::fold_sum(in_pieces.value()) == whole, "a sum does not care about pieces");
    expect(wire::fold_sum(copied) == whole && same_bytes(copy, all), "copied and summed alike");

    const std::size_t front = (choice >> 16) % (all.size() + 1);
    const std::size_t back = (choice >> 24) % (all.size() - front + 1);
    view.trim_front(front);
    view.trim_back(back);
    const const_bytes left = all.subspan(front, all.size() - front - back);
    std::vector<std::byte> seen(left.size());
    expect(view.size() == left.size() && view.head().size() <= left.size(), "trimmed sizes");
    view.copy_to(seen.data());
    expect(same_bytes(seen, left), "a trimmed view holds what is left");
}

void changed_word(const_bytes all, std::uint16_t after) {
    if (all.size() < 4 || all.size() % 2 != 0) return;
    bytes data(all.begin(), all.end());
    const std::uint16_t field =
        wire::finish_checksum(wire::sum_bytes(0, data.data() + 2, data.size() - 2));
    const auto before = wire::load_native<std::uint16_t>(data.data() + 2);
    wire::store_native(data.data() + 2, after);
    wire::store_native(data.data(), wire::update_checksum(field, before, after));
    const std::uint16_t sum = wire::fold_sum(wire::sum_bytes(0, data.data(), data.size()));
    expect(sum == 0xffff || sum == 0, "RFC 1624: an updated checksum is right");
}

void run(const_bytes all) {
    input in(all);
    const std::uint32_t choice = in.u32();
    const std::size_t more = choice & 0x7ffU;  // bytes in further pieces of the frame
    // A copy of its own: one byte too far is seen.
    const bytes packet(in.rest().begin(), in.rest().end());
    ethernet(packet);
    arp(packet);
    icmp(packet);
    igmp(packet, more);
    ipv4(packet, more);
    ipv6(packet, more);
    udp(packet, more);
    tcp(packet);
    plain(packet);
    pieces(packet, choice);
    changed_word(packet, static_cast<std::uint16_t>(choice >> 16));
}

std::vector<bytes> seeds() {
    std::vector<bytes> made;
    const auto add = [&](const_bytes packet) {
        for (const std::uint32_t choice : {0U, 0x0305'0205U})
            made.push_back(script_writer().u32(choice).raw(packet).made());
    };
    const auto ip = test::ipv4_of("198.18.0.1", "198.18.0.2", wire::protocol_udp);
    const bytes text = test::text_bytes("some payload of odd length.");
    const bytes udp_packet = test::udp_packet(ip, 4000, 53, text);
    add(udp_packet);
    add(const_bytes(udp_packet).subspan(wire::ipv4_header_size));
    wire::tcp_header segment;
    segment.source_port = 80;
    segment.flags.ack = true;
    segment.options.timestamps = wire::tcp_timestamps{1, 2};
    segment.options.sack = {{{10, 20}, {30, 40}, {50, 60}, {}}};
    segment.options.sack_count = 3;
    add(const_bytes(test::tcp_packet(ip, segment, text)).subspan(wire::ipv4_header_size));
    wire::tcp_header opening;
    opening.flags.syn = true;
    opening.options.maximum_segment_size = 1460;
    opening.options.sack_permitted = true;
    opening.options.window_scale = 7;
    add(const_bytes(test::tcp_packet(ip, opening)).subspan(wire::ipv4_header_size));
    add(test::icmp_packet(ip, {wire::icmpv4::echo_request, 0, 0x0001'0002}, text));
    bytes query(wire::igmp_query_v3_min + 8);
    query[0] = std::byte{wire::igmp::query};
    query[1] = std::byte{0x9c};
    query[11] = std::byte{2};
    add(query);
    query.resize(wire::igmp_message_min);
    add(query);
    query[0] = std::byte{wire::igmp::report_v2};
    add(test::igmp_packet(ip, query));
    const stack::mac_address mac{{2, 0, 0, 0, 0, 1}};
    segment.options.sack_count = 0;
    segment.options.sack = {};
    for (const bool stamps : {true, false}) {
        if (!stamps) segment.options.timestamps.reset();
        add(test::ethernet_frame(mac, mac, wire::ethernet_type_ipv4,
                                 test::tcp_packet(ip, segment, text)));
    }
    const auto arp_frame =
        test::arp_frame(mac, {wire::arp_operation::request, mac, ip.source, {}, ip.destination});
    add(arp_frame);
    add(const_bytes(arp_frame).subspan(wire::ethernet_header_size));
    wire::ipv6_header v6;
    v6.payload_length = 4;
    v6.next_header = wire::protocol_tcp;
    v6.source = *stack::ip_address::parse("fd00::1");
    v6.destination = *stack::ip_address::parse("fd00::2");
    bytes v6_packet(wire::ipv6_header_size + 4);
    wire::emit_ipv6(v6, v6_packet.data());
    add(v6_packet);
    return made;
}

}  // namespace

const target wire_target{"wire", run, seeds};

}  // namespace coax::fuzz
