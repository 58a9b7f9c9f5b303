// The way of a received packet, step by step; every step that ends it has counted why.
#include "stack/ingress.hpp"

#include <algorithm>
#include <cstring>

#include "stack/ethernet/input.hpp"
#include "stack/ip/input.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/ipv4.hpp"
#include "stack/wire/udp.hpp"

namespace coax::stack {

namespace {

// A payload that goes to two places. Answers `sum` with its own.
[[gnu::noinline]] std::uint64_t copy_apart(const tcp::expectation& to, std::uint64_t sum,
                                           const_bytes payload) noexcept {
    wire::checksum_sum all(sum);
    all.add_copying(to.place, payload.first(to.first));
    all.add_copying(to.rest, payload.subspan(to.first));
    return all.value();
}

std::uint64_t pseudo_sum(const wire::ipv4_header& ip, const payload_view& segment) noexcept {
    return wire::pseudo_header_sum(ip.source, ip.destination, ip.protocol,
                                   static_cast<std::uint32_t>(segment.size()));
}

}  // namespace

ingress::ingress(layers& all)
    : all_(all),
      own_(wire::mac_number(all.capabilities.address)),
      burst_(std::clamp<std::size_t>(all.config.burst, 1, burst_max)) {}

bool ingress::receive(instant now) {
    const std::size_t count = all_.link.receive(std::span(frames_).first(burst_));
    if (count == 0) return false;
    all_.traffic.frames_received += count;
    for (std::size_t i = 0; i < count; ++i) {
        if (i + 1 < count) __builtin_prefetch(frames_[i + 1].head.data());
        const bool plain = is_plain_for_us(frames_[i]);
        if (!plain || !on_plain_segment(frames_[i], now)) [[unlikely]]
            on_frame(frames_[i], plain, now);
    }
    all_.link.release();
    return count == burst_;
}

void ingress::receive_loopback(instant now) {
    // What these packets cause goes to the queue's end and waits for the next call.
    if (all_.others != nullptr) all_.others->take_in_hand(nullptr);
    for (std::size_t left = all_.loopback.count(); left != 0; --left) {
        // RFC 1122 3.2.1.3 (g): inside the host nothing can be damaged on the way.
        payload_view packet(all_.loopback.front_body());
        on_ipv4(packet, {now, checksum_state::verified, false, true});
        all_.loopback.pop();
    }
}

// Are the frame's headers of Ethernet and IPv4 those that plain segments to us have?
bool ingress::is_plain_for_us(const rx_frame& frame) noexcept {
    if (!frame.rest.empty() || frame.head.size() < wire::plain_frame_min) return false;
    const std::byte* const at = frame.head.data();
    if (known_.fit(at)) [[likely]]
        return true;
    const std::uint64_t source = wire::source_number(at);
    if (!wire::has_plain_headers(at) || wire::destination_number(at) != own_ || source == own_ ||
        wire::is_multicast(source))
        return false;
    known_.learn(at);
    judged_ = 0;
    return true;
}

// Makes every check of the steps below that a segment of an existing connection can fail.
bool ingress::on_plain_segment(const rx_frame& frame, instant now) {
    wire::plain_segment segment;
    if (!wire::parse_plain_tcp(frame.head, segment)) [[unlikely]]
        return false;
    // Asked once: nothing below has to ask again.
    return segment.has_timestamps ? take_plain_segment<true>(frame, segment, now)
                                  : take_plain_segment<false>(frame, segment, now);
}

template <bool HasTimestamps>
bool ingress::take_plain_segment(const rx_frame& frame, wire::plain_segment& segment, instant now) {
    segment.has_timestamps = HasTimestamps;
    segment.header_length =
        wire::tcp_header_min + (HasTimestamps ? wire::detail::aligned_timestamps_size : 0);
    const tcp::expectation expected = all_.tcp.expect_plain(segment);
    if (!expected) return false;
    const const_bytes payload = segment.payload();
    if (frame.checksum == checksum_state::unknown &&
        all_.capabilities.receive_checksum == checksum_policy::strict) [[likely]] {
        std::uint64_t sum = wire::pseudo_header_sum(segment.key.addresses, wire::protocol_tcp,
                                                    segment.header_length + segment.payload_size);
        sum = wire::sum_plain_header(sum, segment);
        if (expected.rest != nullptr) [[unlikely]]
            sum = copy_apart(expected, sum, payload);
        else if (expected.place != nullptr) [[likely]]
            sum = wire::copy_and_sum(sum, expected.place, payload.data(), payload.size());
        else sum = wire::sum_bytes(sum, payload.data(), payload.size());
        if (!wire::is_good_sum(sum)) [[unlikely]]
            return false;  // counted on the way of others, and whatever was copied means nothing
    } else {
        const std::uint64_t pseudo =
            wire::pseudo_header_sum(segment.key.addresses, wire::protocol_tcp,
                                    segment.header_length + segment.payload_size);
        if (!is_sum_good(pseudo, segment.segment(), wire::tcp_checksum_offset, frame.checksum))
            return false;
        if (expected.rest != nullptr) (void)copy_apart(expected, 0, payload);
        else if (expected.place != nullptr && !payload.empty())
            std::memcpy(expected.place, payload.data(), payload.size());
    }
    (void)all_.tcp.take_plain(expected, segment, now);
    return true;
}

// Step 1: the frame. Is it for us, and whose is it?
void ingress::on_frame(const rx_frame& frame, bool plain, instant now) {
    if (all_.others != nullptr) all_.others->take_in_hand(&frame);
    if (plain && on_plain_packet(frame, now)) return;
    const auto header = wire::parse_ethernet(frame.head);
    if (!header) {
        ++all_.link_count.truncated;
        return;
    }
    payload_view packet(frame.head, frame.rest);
    packet.trim_front(wire::ethernet_header_size);
    switch (ethernet::judge(*header, all_.capabilities.address, all_.link_count)) {
        case ethernet::verdict::ipv4:
            on_ipv4(packet, {now, frame.checksum, header->destination.is_multicast(), false});
            break;
        case ethernet::verdict::arp: on_arp(packet, now); break;
        case ethernet::verdict::ipv6: ++all_.ip_count.v6_not_configured; break;
        case ethernet::verdict::drop: break;
    }
}

// What is_plain_for_us() found leaves two questions: that of the length, and who speaks to whom.
// The first segments of a connection and the last ones come this way, and all that loss, reordering
// and full windows make unusual.
bool ingress::on_plain_packet(const rx_frame& frame, instant now) {
    const std::byte* const ip = frame.head.data() + wire::ethernet_header_size;
    const std::size_t total = wire::load_16(ip + 2);
    if (total < wire::ipv4_header_size || total > frame.head.size() - wire::ethernet_header_size)
        [[unlikely]]
        return false;
    if (judged_ != all_.epoch.current() && !are_known_addresses_good()) [[unlikely]]
        return false;
    const std::size_t size = total - wire::ipv4_header_size;
    payload_view segment(const_bytes(ip + wire::ipv4_header_size, size));
    const auto addresses = wire::load_native<std::uint64_t>(ip + 12);
    const std::uint64_t pseudo =
        wire::pseudo_header_sum(addresses, wire::protocol_tcp, static_cast<std::uint32_t>(size));
    const wire::tcp_parsed parsed = wire::parse_tcp(segment.head());
    if (!take_header(parsed, pseudo, segment, frame.checksum)) return true;
    all_.tcp.input({addresses, wire::load_native<std::uint32_t>(ip + wire::ipv4_header_size)},
                   parsed.header, segment, now);
    return true;
}

// Which addresses are ours changes with the epoch.
bool ingress::are_known_addresses_good() noexcept {
    if (!ip::is_between_hosts(known_.source(), known_.destination(), all_.addresses)) return false;
    judged_ = all_.epoch.current();
    return true;
}

void ingress::on_arp(const payload_view& packet, instant now) {
    const auto parsed = wire::parse_arp(packet.head());
    if (parsed.fault != wire::arp_fault::none) {
        ++all_.link_count.arp_malformed;
        return;
    }
    const bool is_copy = all_.others != nullptr && all_.others->is_handed_over();
    if (all_.others != nullptr) all_.others->copy_to(siblings::everybody);  // caches of their own
    const auto& [sender, target] = std::pair(parsed.packet.sender_ip, parsed.packet.target_ip);
    all_.arp.input(parsed.packet,
                   {all_.addresses.is_own(sender), all_.addresses.is_on_link(sender),
                    all_.addresses.is_own(target), !is_copy},
                   now);
}

// Step 2: the packet. Is it whole, honest and ours?
void ingress::on_ipv4(payload_view& packet, const arrival& how) {
    const auto parsed = wire::parse_ipv4(packet.head(), packet.size());
    const auto acceptance = ip::accept(parsed, {how.link_broadcast, how.loopback}, all_.addresses,
                                       all_.groups, all_.ip_count);
    if (acceptance == ip::acceptance::refused) {
        // Another stack of this host may have joined.
        if (all_.others != nullptr && parsed.header.destination.is_multicast())
            all_.others->copy_to(siblings::everybody);
        return;
    }
    packet.trim_back(packet.size() - parsed.header.total_length);  // link padding
    payload_view inside = packet;
    inside.trim_front(parsed.header_length);
    switch (acceptance) {
        case ip::acceptance::fragment: return on_fragment(parsed.header, inside, false, how);
        case ip::acceptance::broadcast_fragment:
            return on_fragment(parsed.header, inside, true, how);
        default:
            return on_whole_packet(parsed.header, packet, inside,
                                   acceptance == ip::acceptance::broadcast, how);
    }
}

// Step 2a: a part of a packet. If it was the last one missing, the whole goes on.
void ingress::on_fragment(const wire::ipv4_header& ip, const payload_view& data, bool broadcast,
                          const arrival& how) {
    siblings* const others = how.loopback ? nullptr : all_.others;
    if (others != nullptr && broadcast) {
        others->copy_to(siblings::everybody);  // each puts it together for itself
    } else if (others != nullptr &&
               others->pass_fragment(ip.source, ip.destination, ip.identification, ip.protocol)) {
        ++all_.traffic.fragments_elsewhere;
        return;
    }
    const auto whole = all_.fragments.input(ip, data, broadcast, how.now);
    if (!whole) return;
    // As if it had come in one piece: whose it is, is found out now.
    std::array<std::byte, wire::ethernet_header_size> link{};
    wire::emit_ethernet({all_.capabilities.address, {}, wire::ethernet_type_ipv4}, link.data());
    const std::array<const_bytes, 1> pieces{whole->packet};
    const rx_frame as_one{.head = link, .rest = pieces};
    if (others != nullptr) others->take_in_hand(broadcast ? nullptr : &as_one);
    payload_view inside(whole->packet.subspan(wire::ipv4_header_size));
    // No device has seen it in one piece.
    arrival anew = how;
    anew.checksum = checksum_state::unknown;
    on_whole_packet(whole->header, payload_view(whole->packet), inside, broadcast, anew);
    if (others != nullptr) others->take_in_hand(nullptr);
}

// Step 2b: whose protocol?
void ingress::on_whole_packet(const wire::ipv4_header& ip, const payload_view& packet,
                              payload_view& inside, bool broadcast, const arrival& how) {
    switch (ip.protocol) {
        case wire::protocol_tcp:
            if (!broadcast) return on_tcp(ip, inside, how);
            // RFC 9293 3.9.2.3 (MUST-57): a connection has one peer.
            ++all_.ip_count.broadcast;
            break;
        case wire::protocol_udp: return on_udp(ip, packet, inside, broadcast, how);
        case wire::protocol_icmpv4: return on_icmp(ip, inside, broadcast, how);
        case wire::protocol_igmp: return on_igmp(ip, packet, inside, how);
        default:
            ++all_.ip_count.unknown_protocol;
            // RFC 1122 3.2.2.1 (SHOULD); 3.2.2: never about a packet to all.
            if (!broadcast)
                all_.icmp.send_unreachable(wire::icmpv4::protocol_unreachable, ip, packet, how.now);
    }
}

// Step 3: the segment. RFC 9293 3.1 (MUST-3): its checksum, unless the device or the medium
// vouches.
bool ingress::take_header(const wire::tcp_parsed& parsed, std::uint64_t pseudo,
                          payload_view& segment, checksum_state known) {
    if (parsed.fault != wire::tcp_fault::none) [[unlikely]] {
        traffic_counters& count = all_.traffic;
        ++(parsed.fault == wire::tcp_fault::truncated    ? count.tcp_truncated
           : parsed.fault == wire::tcp_fault::bad_offset ? count.tcp_bad_offset
                                                         : count.tcp_bad_option);
        return false;
    }
    if (!is_sum_good(pseudo, segment, wire::tcp_checksum_offset, known)) [[unlikely]] {
        ++all_.traffic.tcp_bad_checksum;
        return false;
    }
    segment.trim_front(parsed.header_length);
    return true;
}

void ingress::on_tcp(const wire::ipv4_header& ip, payload_view& segment, const arrival& how) {
    const wire::tcp_parsed parsed = wire::parse_tcp(segment.head());
    if (!take_header(parsed, pseudo_sum(ip, segment), segment, how.checksum)) return;
    all_.tcp.input(
        {{ip.destination, parsed.header.destination_port}, {ip.source, parsed.header.source_port}},
        parsed.header, segment, how.now, (ip.traffic_class & 3) == 3);  // RFC 3168 5: CE
}

void ingress::on_udp(const wire::ipv4_header& ip, const payload_view& packet,
                     payload_view& datagram, bool broadcast, const arrival& how) {
    const auto parsed = wire::parse_udp(datagram.head(), datagram.size());
    if (parsed.fault != wire::udp_fault::none) {
        ++(parsed.fault == wire::udp_fault::truncated ? all_.udp_count.truncated
                                                      : all_.udp_count.bad_length);
        return;
    }
    datagram.trim_back(datagram.size() - parsed.header.length);
    if (parsed.has_checksum &&
        !is_sum_good(pseudo_sum(ip, datagram), datagram, wire::udp_checksum_offset, how.checksum)) {
        ++all_.udp_count.bad_checksum;
        return;
    }
    datagram.trim_front(wire::udp_header_size);
    const flow ends{{ip.destination, parsed.header.destination_port},
                    {ip.source, parsed.header.source_port}};
    if (broadcast) {
        all_.udp.input_to_many(ends, datagram);
        return;
    }
    // RFC 1122 4.1.3.1 (SHOULD): port unreachable; 3.2.2: never about a packet to all.
    if (all_.udp.input(ends, datagram) == udp::disposition::no_port)
        all_.icmp.send_unreachable(wire::icmpv4::port_unreachable, ip, packet, how.now);
}

void ingress::on_icmp(const wire::ipv4_header& ip, const payload_view& message, bool broadcast,
                      const arrival& how) {
    const bool trusted = how.checksum == checksum_state::verified ||
                         all_.capabilities.receive_checksum == checksum_policy::trusted;
    const auto notice = all_.icmp.input(ip, message, broadcast, !trusted);
    if (notice) on_icmp_notice(*notice, how.now);
}

void ingress::on_igmp(const wire::ipv4_header& ip, const payload_view& packet,
                      const payload_view& message, const arrival& how) {
    const bool trusted = how.checksum == checksum_state::verified ||
                         all_.capabilities.receive_checksum == checksum_policy::trusted;
    // Each stack answers queries for its own groups (RFC 3376 5.2).
    if (all_.others != nullptr) all_.others->copy_to(siblings::everybody);
    const bool alert = wire::parse_quoted_ipv4(packet.head()).has_router_alert;
    all_.groups.input(ip, message, alert, !trusted, how.now);
}

// RFC 1122 3.2.2.1: an error is passed to the transport whose packet it quotes.
void ingress::on_icmp_notice(const ip::icmp_notice& notice, instant now) {
    using ip::icmp_severity;
    if (notice.protocol == wire::protocol_tcp) {
        const auto verdict = notice.severity == icmp_severity::soft ? tcp::icmp_verdict::soft
                             : notice.severity == icmp_severity::hard
                                 ? tcp::icmp_verdict::hard
                                 : tcp::icmp_verdict::packet_too_big;
        all_.tcp.icmp_error(notice.ends, notice.sequence, verdict, notice.cause,
                            notice.next_hop_mtu, now);
        return;
    }
    const bool ours = all_.udp.icmp_error(
        notice.ends, notice.severity == icmp_severity::hard || notice.prohibited, notice.cause);
    // TCP keeps its own path MTU, having checked the sequence number; of UDP only that there is
    // such a socket can be checked.
    if (ours && notice.severity == icmp_severity::packet_too_big)
        all_.path_mtus.lower(notice.ends.remote.address, notice.next_hop_mtu, now);
}

// The transport checksum, as far as the device leaves it to us (device.hpp: checksum_policy).
bool ingress::is_sum_good(std::uint64_t pseudo, const payload_view& segment,
                          std::size_t field_offset, checksum_state known) const {
    const checksum_policy policy = all_.capabilities.receive_checksum;
    if (known != checksum_state::unknown || policy == checksum_policy::trusted) return true;
    const const_bytes head = segment.head();
    if (policy == checksum_policy::partial_aware &&
        wire::load_native<std::uint16_t>(head.data() + field_offset) == wire::fold_sum(pseudo))
        return true;
    if (segment.is_one_piece())
        return wire::fold_sum(wire::sum_bytes(pseudo, head.data(), head.size())) == 0xffff;
    wire::checksum_sum sum(pseudo);
    sum.add(segment);
    return wire::fold_sum(sum.value()) == 0xffff;
}

}  // namespace coax::stack
