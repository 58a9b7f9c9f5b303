// Forwarding, and the two things a router says itself: ARP replies and ICMP errors.
#include "tests/sim/network/router.hpp"

#include <algorithm>

#include "stack/wire/arp.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "tests/sim/network/forgery.hpp"

namespace coax::sim {

namespace {

namespace wire = stack::wire;

constexpr std::size_t packet_start = wire::ethernet_header_size;
constexpr std::size_t ttl_offset = 8;
constexpr std::size_t checksum_offset = 10;
constexpr std::size_t quoted_max = 548;  // RFC 1812 4.3.2.3: errors of at most 576 bytes
constexpr std::uint8_t time_to_live = 64;

// RFC 1624: only the changed word is summed anew.
void decrement_ttl(std::byte* packet) noexcept {
    const auto before = wire::load_native<std::uint16_t>(packet + ttl_offset);
    wire::store_8(packet + ttl_offset,
                  static_cast<std::uint8_t>(wire::load_8(packet + ttl_offset) - 1));
    const auto after = wire::load_native<std::uint16_t>(packet + ttl_offset);
    const auto sum = wire::load_native<std::uint16_t>(packet + checksum_offset);
    wire::store_native(packet + checksum_offset, wire::update_checksum(sum, before, after));
}

}  // namespace

receiver& router::add_port(const router_port_options& options, lane& out) {
    auto made = std::make_unique<port>();
    made->owner = this;
    made->options = options;
    made->out = &out;
    ports_.push_back(std::move(made));
    return *ports_.back();
}

void router::on_frame(port& from, frame_ptr arrived) {
    const auto header = wire::parse_ethernet(arrived->bytes());
    if (!header) {
        ++count_.malformed;
        return;
    }
    if (header->type == wire::ethernet_type_arp) return answer_arp(from, *arrived);
    if (header->destination != from.options.address) {
        ++count_.not_for_us;
        return;
    }
    if (header->type != wire::ethernet_type_ipv4) {
        ++count_.malformed;
        return;
    }
    forward(from, std::move(arrived));
}

void router::answer_arp(port& at, frame& asked) {
    const auto parsed = wire::parse_arp(asked.bytes().subspan(packet_start));
    if (parsed.fault != wire::arp_fault::none ||
        parsed.packet.operation != wire::arp_operation::request ||
        parsed.packet.target_ip != at.options.own.address)
        return;
    frame_ptr reply = frames_.take(packet_start + wire::arp_packet_size);
    reply->length = packet_start + wire::arp_packet_size;
    wire::emit_ethernet({parsed.packet.sender_mac, at.options.address, wire::ethernet_type_arp},
                        reply->data());
    wire::arp_packet answer;
    answer.operation = wire::arp_operation::reply;
    answer.sender_mac = at.options.address;
    answer.sender_ip = at.options.own.address;
    answer.target_mac = parsed.packet.sender_mac;
    answer.target_ip = parsed.packet.sender_ip;
    wire::emit_arp(answer, reply->data() + packet_start);
    ++count_.arp_answered;
    at.out->send(std::move(reply));
}

router::port* router::port_towards(const stack::ip_address& destination) {
    const auto found =
        std::find_if(ports_.begin(), ports_.end(), [&destination](const auto& candidate) {
            return candidate->options.own.contains(destination);
        });
    return found == ports_.end() ? nullptr : found->get();
}

void router::forward(port& from, frame_ptr arrived) {
    const auto packet = arrived->bytes().subspan(packet_start);
    const auto parsed = wire::parse_ipv4(packet, packet.size());
    if (parsed.fault != wire::ipv4_fault::none) {
        ++count_.malformed;
        return;
    }
    port* const to = port_towards(parsed.header.destination);
    if (to == nullptr || parsed.header.destination != to->options.neighbour) {
        ++count_.no_route;
        return;
    }
    if (parsed.header.time_to_live <= 1) {
        ++count_.expired;
        return send_error(from, *arrived, {wire::icmpv4::time_exceeded, 0, 0});
    }
    if (parsed.header.total_length > to->options.mtu && !parsed.header.dont_fragment) {
        if (parsed.header_length == wire::ipv4_header_size) cut(*to, *arrived, parsed.header);
        else ++count_.malformed;  // nobody here has options
        return;
    }
    if (parsed.header.total_length > to->options.mtu) {  // RFC 1191 3
        ++count_.too_big;
        if (to->options.tells_mtu)
            send_error(from, *arrived,
                       {wire::icmpv4::destination_unreachable, wire::icmpv4::fragmentation_needed,
                        to->options.mtu});
        return;
    }
    decrement_ttl(arrived->data() + packet_start);
    ++count_.forwarded;
    send_on(*to, std::move(arrived));
}

void router::send_on(port& to, frame_ptr packet) {
    wire::emit_ethernet({to.options.neighbour_mac, to.options.address, wire::ethernet_type_ipv4},
                        packet->data());
    to.out->send(std::move(packet));
}

void router::cut(port& to, const frame& packet, const wire::ipv4_header& header) {
    ++count_.cut;
    const auto body = packet.bytes().subspan(packet_start + wire::ipv4_header_size,
                                             header.total_length - wire::ipv4_header_size);
    const std::size_t most = (to.options.mtu - wire::ipv4_header_size) & ~std::size_t{7};
    for (std::size_t at = 0; at < body.size(); at += most) {
        const auto piece = body.subspan(at, std::min(most, body.size() - at));
        wire::ipv4_header h = header;
        h.fragment_offset = static_cast<std::uint16_t>(header.fragment_offset + at);
        h.more_fragments = header.more_fragments || at + piece.size() < body.size();
        --h.time_to_live;
        frame_ptr made = forge_ipv4(frames_, h, piece);
        made->damaged = packet.damaged;
        send_on(to, std::move(made));
    }
}

void router::send_error(port& to, const frame& bad, const wire::icmp_header& what) {
    const auto packet = bad.bytes().subspan(packet_start);
    const auto parsed = wire::parse_ipv4(packet, packet.size());
    const std::size_t quoted = std::min<std::size_t>(quoted_max, parsed.header.total_length);
    const std::size_t message = wire::icmp_header_size + quoted;
    frame_ptr made = frames_.take(packet_start + wire::ipv4_header_size + message);
    made->length = static_cast<std::uint32_t>(packet_start + wire::ipv4_header_size + message);
    wire::emit_ethernet({to.options.neighbour_mac, to.options.address, wire::ethernet_type_ipv4},
                        made->data());
    wire::ipv4_header header;
    header.source = to.options.own.address;
    header.destination = parsed.header.source;
    header.total_length = static_cast<std::uint16_t>(wire::ipv4_header_size + message);
    header.time_to_live = time_to_live;
    header.protocol = wire::protocol_icmpv4;
    wire::emit_ipv4(header, made->data() + packet_start);
    std::byte* const body = made->data() + packet_start + wire::ipv4_header_size;
    wire::emit_icmp(what, body);
    std::copy(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(quoted),
              body + wire::icmp_header_size);
    wire::store_native(body + wire::icmp_checksum_offset,
                       wire::finish_checksum(wire::sum_bytes(0, body, message)));
    made->damaged = bad.damaged;  // what it quotes may be
    ++count_.errors_sent;
    to.out->send(std::move(made));
}

}  // namespace coax::sim
