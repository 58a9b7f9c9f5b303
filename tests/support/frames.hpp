// Frames made by hand: what a peer on the link would send, with right checksums unless a test
// spoils them afterwards. And the way back: a sent frame taken apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "stack/wire/arp.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/icmp.hpp"
#include "stack/wire/igmp.hpp"
#include "stack/wire/ipv4.hpp"
#include "stack/wire/tcp.hpp"
#include "stack/wire/udp.hpp"

namespace coax::test {

using bytes = std::vector<std::byte>;

inline bytes text_bytes(std::string_view text) {
    bytes data(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) data[i] = static_cast<std::byte>(text[i]);
    return data;
}

inline bytes joined(const bytes& front, const bytes& back) {
    bytes all;
    all.reserve(front.size() + back.size());
    for (const auto& part : {std::cref(front), std::cref(back)})
        for (const std::byte b : part.get()) all.push_back(b);
    return all;
}

inline bytes ethernet_frame(const stack::mac_address& to, const stack::mac_address& from,
                            std::uint16_t type, const bytes& packet) {
    bytes header(stack::wire::ethernet_header_size);
    stack::wire::emit_ethernet({to, from, type}, header.data());
    return joined(header, packet);
}

inline bytes arp_frame(const stack::mac_address& to, const stack::wire::arp_packet& packet) {
    bytes body(stack::wire::arp_packet_size);
    stack::wire::emit_arp(packet, body.data());
    return ethernet_frame(to, packet.sender_mac, stack::wire::ethernet_type_arp, body);
}

inline stack::wire::ipv4_header ipv4_of(std::string_view from, std::string_view to,
                                        std::uint8_t protocol) {
    stack::wire::ipv4_header header;
    header.source = *stack::ip_address::parse(from);
    header.destination = *stack::ip_address::parse(to);
    header.protocol = protocol;
    header.time_to_live = 64;
    return header;
}

// total_length is filled in.
inline bytes ipv4_packet(stack::wire::ipv4_header header, const bytes& inside) {
    bytes packet(stack::wire::ipv4_header_size);
    header.total_length = static_cast<std::uint16_t>(packet.size() + inside.size());
    stack::wire::emit_ipv4(header, packet.data());
    return joined(packet, inside);
}

// After a test changed the IPv4 header at the start of `packet`.
inline void mend_ipv4_checksum(bytes& packet) {
    const std::size_t length = (std::to_integer<std::size_t>(packet[0]) & 15) * 4;
    stack::wire::store_16(packet.data() + 10, 0);
    stack::wire::store_native(
        packet.data() + 10,
        stack::wire::finish_checksum(stack::wire::sum_bytes(0, packet.data(), length)));
}

inline void fill_transport_checksum(const stack::wire::ipv4_header& ip, bytes& segment,
                                    std::size_t field_offset) {
    const std::uint64_t pseudo = stack::wire::pseudo_header_sum(
        ip.source, ip.destination, ip.protocol, static_cast<std::uint32_t>(segment.size()));
    stack::wire::store_16(segment.data() + field_offset, 0);
    stack::wire::store_native(segment.data() + field_offset,
                              stack::wire::finish_checksum(
                                  stack::wire::sum_bytes(pseudo, segment.data(), segment.size())));
}

inline bytes udp_packet(stack::wire::ipv4_header ip, std::uint16_t from, std::uint16_t to,
                        const bytes& payload) {
    ip.protocol = stack::wire::protocol_udp;
    bytes datagram(stack::wire::udp_header_size);
    stack::wire::emit_udp({from, to, static_cast<std::uint16_t>(datagram.size() + payload.size())},
                          datagram.data());
    datagram = joined(datagram, payload);
    fill_transport_checksum(ip, datagram, stack::wire::udp_checksum_offset);
    return ipv4_packet(ip, datagram);
}

inline bytes tcp_packet(stack::wire::ipv4_header ip, const stack::wire::tcp_header& tcp,
                        const bytes& payload = {}) {
    ip.protocol = stack::wire::protocol_tcp;
    bytes segment(stack::wire::tcp_header_length(tcp));
    stack::wire::emit_tcp(tcp, segment.data());
    segment = joined(segment, payload);
    fill_transport_checksum(ip, segment, 16);
    return ipv4_packet(ip, segment);
}

inline bytes icmp_packet(stack::wire::ipv4_header ip, const stack::wire::icmp_header& icmp,
                         const bytes& rest) {
    ip.protocol = stack::wire::protocol_icmpv4;
    bytes message(stack::wire::icmp_header_size);
    stack::wire::emit_icmp(icmp, message.data());
    message = joined(message, rest);
    stack::wire::store_native(
        message.data() + stack::wire::icmp_checksum_offset,
        stack::wire::finish_checksum(stack::wire::sum_bytes(0, message.data(), message.size())));
    return ipv4_packet(ip, message);
}

// A message to `ip.destination` in a packet as IGMP has it: one hop, and, unless a test wants it
// otherwise, the Router Alert option. The checksum is filled in.
inline bytes igmp_packet(stack::wire::ipv4_header ip, bytes message, bool alert = true) {
    ip.protocol = stack::wire::protocol_igmp;
    ip.time_to_live = 1;
    stack::wire::store_16(message.data() + stack::wire::igmp_checksum_offset, 0);
    stack::wire::store_native(
        message.data() + stack::wire::igmp_checksum_offset,
        stack::wire::finish_checksum(stack::wire::sum_bytes(0, message.data(), message.size())));
    if (!alert) return ipv4_packet(ip, message);
    bytes packet(stack::wire::router_alert_header_size);
    ip.total_length = static_cast<std::uint16_t>(packet.size() + message.size());
    stack::wire::emit_ipv4_router_alert(ip, packet.data());
    return joined(packet, message);
}

// A sent IPv4 frame taken apart; nothing if it is none or its header is not right.
struct taken_apart {
    stack::wire::ethernet_header ethernet;
    stack::wire::ipv4_header ip;
    bytes packet;  // IPv4 header and all
    bytes inside;  // what the IPv4 header carries
};
inline std::optional<taken_apart> take_apart(const bytes& frame) {
    const auto ethernet = stack::wire::parse_ethernet(frame);
    if (!ethernet || ethernet->type != stack::wire::ethernet_type_ipv4) return {};
    bytes packet(frame.begin() + stack::wire::ethernet_header_size, frame.end());
    const auto ip = stack::wire::parse_ipv4(packet, packet.size());
    if (ip.fault != stack::wire::ipv4_fault::none) return {};
    packet.resize(ip.header.total_length);
    return taken_apart{*ethernet, ip.header, packet,
                       bytes(packet.begin() + ip.header_length, packet.end())};
}

// True if TCP's or UDP's checksum is right.
inline bool transport_checksum_is_right(const taken_apart& frame) {
    const std::uint64_t pseudo =
        stack::wire::pseudo_header_sum(frame.ip.source, frame.ip.destination, frame.ip.protocol,
                                       static_cast<std::uint32_t>(frame.inside.size()));
    return stack::wire::fold_sum(
               stack::wire::sum_bytes(pseudo, frame.inside.data(), frame.inside.size())) == 0xffff;
}

}  // namespace coax::test
