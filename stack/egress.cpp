// The way of a packet that is sent, step by step.
#include "stack/egress.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/ip/output.hpp"
#include "stack/wire/arp.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/plain_segment.hpp"
#include "stack/wire/tcp.hpp"

namespace coax::stack {

namespace {

// What write_segment() will write.
std::size_t header_length_of(const tcp::segment& segment) noexcept {
    return wire::is_plain(segment.header, segment.ends.local.address)
               ? wire::plain_header_length(segment.header)
               : wire::tcp_header_length(segment.header);
}

}  // namespace

// --- slots

bool slot_bank::refill() noexcept {
    transmit();
    first_ = next_ = 0;
    end_ = link_.reserve(std::span(slots_).first(burst_));
    return end_ != 0;
}

void slot_bank::enlarge() noexcept {
    link_.cancel({&slots_[next_], 1});
    slots_[next_] = std::exchange(large_, {});
}

// --- the order of things

egress::egress(layers& all)
    : all_(all),
      slots_(all.link, std::clamp<std::size_t>(all.config.burst, 1, burst_max),
             all.traffic.frames_sent),
      waiting_(all.config.neighbour.entries_max),
      scratch_(all.capabilities.mtu) {}

bool egress::flush(instant now) {
    // ARP twice: before the rest, that it cannot be crowded out; after, for what the rest asked.
    const bool all_sent = (!has_others() || send_others(now)) && send_segments(now) && send_arp();
    slots_.transmit();
    return all_sent;
}

bool egress::send_others(instant now) {
    return (!all_.neighbours.has_outcome() || settle_neighbours(now)) && send_arp() &&
           send_queue(all_.groups.outgoing(), now) && send_queue(all_.icmp.outgoing(), now) &&
           (!all_.udp.has_outgoing() || send_datagrams(now));
}

// Those who waited for a neighbour go on, or hear that it does not answer.
bool egress::settle_neighbours(instant now) {
    while (const auto outcome = all_.neighbours.front_outcome()) {
        tcp::sender_list& list = waiting_[outcome->index];
        if (!outcome->resolved) {
            all_.tcp.unreachable(list, error::host_unreachable, now);
            has_news_ = true;
            all_.neighbours.pop_outcome();
            continue;
        }
        all_.tcp.unpark(list);
        path route;
        wire::emit_ethernet({outcome->mac, all_.capabilities.address, wire::ethernet_type_ipv4},
                            route.ethernet_header.data());
        while (const auto* packet = all_.neighbours.front_held(outcome->index)) {
            if (!send_held(*packet, route, now)) return false;
            all_.neighbours.pop_held(outcome->index);
        }
        all_.neighbours.pop_outcome();
    }
    return true;
}

// A packet that waited for its neighbour. False: no slot.
bool egress::send_held(const_bytes packet, path& route, instant now) {
    const ip_address destination = wire::parse_quoted_ipv4(packet).header.destination;
    route.mtu = all_.path_mtus.towards(destination, all_.capabilities.mtu, now);
    if (packet.size() > route.mtu) return send_fragments(packet, route, held_);
    tx_slot* const slot = slots_.peek();
    if (slot == nullptr) return false;
    if (is_too_small(*slot, packet.size())) return true;
    std::copy(packet.begin(), packet.end(), slot->data + wire::ethernet_header_size);
    finish_slot(*slot, route, packet.size());
    return true;
}

bool egress::send_waiting_arp() {
    while (const auto wanted = all_.neighbours.next_request())
        if (const auto source = all_.addresses.source_towards(wanted->target))
            all_.arp.request(*wanted, *source);
    while (const auto* out = all_.arp.front_outgoing()) {
        tx_slot* const slot = slots_.peek();
        if (slot == nullptr) return false;
        path route;
        wire::emit_ethernet({out->destination, all_.capabilities.address, wire::ethernet_type_arp},
                            route.ethernet_header.data());
        wire::emit_arp(out->packet, slot->data + wire::ethernet_header_size);
        finish_slot(*slot, route, wire::arp_packet_size);
        all_.arp.pop_outgoing();
    }
    return true;
}

// Whole packets, of ICMP or IGMP.
bool egress::send_packets(record_queue<ip_address>& queue, instant now) {
    while (!queue.empty()) {
        if (!send_packet(queue.front_head(), queue.front_body(), now)) return false;
        queue.pop();
    }
    return true;
}

bool egress::send_segments(instant now) {
    while (tcp::sender* from = all_.tcp.next_sender()) {
        if (from->route.epoch != all_.epoch.current() && !find_way(*from, now)) continue;
        if (send_plain(*from, now)) [[likely]]
            continue;
        const bool sent =
            from->route.is_loopback() ? send_from_to_self(*from, now) : send_from(*from, now);
        if (!sent) return false;
    }
    return true;
}

// --- which way

// Route, then neighbour (RFC 1122 3.3.1.1).
egress::resolution egress::resolve(const ip_address& source, const ip_address& destination,
                                   path& route, instant now) {
    route.epoch = 0;
    if (all_.addresses.is_local(destination)) {
        route.ethernet_header = {};
        route.mtu = all_.config.ip.loopback_mtu;
        route.epoch = all_.epoch.current();
        return {way::known};
    }
    // RFC 1122 3.2.1.3 (g): 127/8 must not appear outside the host.
    if (!all_.addresses.is_own(source)) return {way::none, error::address_not_available};
    // RFC 1112 6.1: a group is on the link, whatever routes say.
    const bool to_group = destination.is_multicast();
    const auto next_hop = to_group ? destination : all_.routes.next_hop(destination);
    if (!next_hop) return {way::none, error::network_unreachable};
    if (to_group || all_.addresses.is_broadcast(destination)) {
        const mac_address to = to_group ? group_mac(destination) : mac_address::broadcast();
        wire::emit_ethernet({to, all_.capabilities.address, wire::ethernet_type_ipv4},
                            route.ethernet_header.data());
        route.mtu = all_.capabilities.mtu;
        route.epoch = all_.epoch.current();
        return {way::known};
    }
    if (!all_.addresses.is_on_link(*next_hop)) return {way::none, error::host_unreachable};
    auto neighbour = all_.neighbours.look_up(*next_hop, now);
    if (!neighbour) {
        // No room, but the oldest in vain was given up for it.
        settle_neighbours(now);
        neighbour = all_.neighbours.look_up(*next_hop, now);
    }
    if (!neighbour) return {way::none, error::host_unreachable};
    if (!neighbour->known) return {way::waiting, error::none, neighbour->index};
    wire::emit_ethernet({neighbour->mac, all_.capabilities.address, wire::ethernet_type_ipv4},
                        route.ethernet_header.data());
    route.mtu = all_.path_mtus.towards(destination, all_.capabilities.mtu, now);
    route.epoch = all_.epoch.current();
    return {way::known};
}

// False: the sender waits, or there is no way; it is not the next one any more.
bool egress::find_way(tcp::sender& from, instant now) {
    const ip_address source = from.ends().local.address;
    const ip_address destination = from.ends().remote.address;
    if (last_way_.route.epoch == all_.epoch.current() && last_way_.source == source &&
        last_way_.destination == destination) {
        from.route = last_way_.route;
        return true;
    }
    const resolution found = resolve(source, destination, from.route, now);
    if (found.result == way::known) {
        // That a path is narrower than the link is known for a while only.
        if (from.route.mtu == all_.capabilities.mtu) last_way_ = {source, destination, from.route};
        return true;
    }
    if (found.result == way::waiting) {
        all_.tcp.park(from, waiting_[found.neighbour]);
    } else {
        ++all_.ip_count.no_route;
        all_.tcp.unreachable(from, found.cause, now);
        has_news_ = true;
    }
    return false;
}

// --- TCP

bool egress::send_plain(tcp::sender& from, instant now) {
    // The type of what goes there: IPv4, and not to this host.
    if (wire::load_native<std::uint16_t>(from.route.ethernet_header.data() + 12) !=
        wire::network_order(wire::ethernet_type_ipv4)) [[unlikely]]
        return false;
    tx_slot* const slot = slots_.peek();
    if (slot == nullptr) [[unlikely]]
        return false;
    const path& route = from.route;  // `from` stays: what it sent is not acknowledged
    tcp::plain_output out;
    if (!all_.tcp.next_plain(from, now, out)) [[unlikely]]
        return false;
    // Asked once: nothing below has to ask again.
    if (out.header.has_timestamps) [[likely]]
        write_plain<true>(out, route, slot);
    else write_plain<false>(out, route, slot);
    return true;
}

template <bool HasTimestamps>
void egress::write_plain(tcp::plain_output& out, const path& route, tx_slot* slot) {
    out.header.has_timestamps = HasTimestamps;
    out.header.source_port = out.ends->local.port;
    out.header.destination_port = out.ends->remote.port;
    constexpr std::size_t header_length =
        wire::tcp_header_min + (HasTimestamps ? wire::detail::aligned_timestamps_size : 0);
    const std::size_t size = header_length + out.payload.size();
    if (is_too_small(*slot, wire::ipv4_header_size + size)) [[unlikely]]
        return;
    std::byte* const packet = slot->data + wire::ethernet_header_size;
    std::byte* const header = packet + wire::ipv4_header_size;
    const std::uint64_t sum = wire::emit_plain_segment(
        out.ends->local.address, out.ends->remote.address, out.header,
        {out.traffic_class, all_.config.ip.time_to_live}, static_cast<std::uint32_t>(size), packet);
    finish_slot(*slot, route, wire::ipv4_header_size + size);
    if (all_.capabilities.transmit_checksum) [[unlikely]] {
        std::ranges::copy(out.payload, header + header_length);
        store_checksum(
            header + wire::tcp_checksum_offset,
            wire::pseudo_header_sum(out.ends->local.address, out.ends->remote.address,
                                    wire::protocol_tcp, static_cast<std::uint32_t>(size)),
            true, 0);
        slot->checksum = checksum_state::partial;
        slot->checksum_start = transport_start;
        slot->checksum_offset = wire::tcp_checksum_offset;
        return;
    }
    store_checksum(
        header + wire::tcp_checksum_offset, 0, false,
        wire::copy_and_sum(sum, header + header_length, out.payload.data(), out.payload.size()));
}

bool egress::send_from(tcp::sender& from, instant now) {
    const path route = from.route;  // `from` may be gone with its last segment
    const run_end run = send_run(from, all_.config.segments_turn, now);
    if (run.is_last) return true;
    for (unsigned left = all_.config.segments_turn - run.sent; left != 0; --left) {
        tx_slot* const slot = slots_.peek();
        if (slot == nullptr) return false;
        // What the next segment will be is not known before it is taken.
        if (all_.capabilities.large_slots && !slots_.has_large()) return false;
        if (!all_.tcp.next_segment(from, now, segment_)) return true;
        const std::size_t header_length = header_length_of(segment_);
        const std::size_t size = wire::ipv4_header_size + header_length + segment_.payload_size;
        if (segment_.gso_bytes != 0 && all_.capabilities.large_slots) slots_.enlarge();
        if (is_too_small(*slot, size)) {
            if (segment_.is_last) return true;
            continue;
        }
        const bool partial = all_.capabilities.transmit_checksum || segment_.gso_bytes != 0;
        write_segment(segment_, header_length, partial, slot->data + wire::ethernet_header_size);
        finish_slot(*slot, route, size);
        if (partial) {
            slot->checksum = checksum_state::partial;
            slot->checksum_start = transport_start;
            slot->checksum_offset = wire::tcp_checksum_offset;
            slot->gso_bytes = segment_.gso_bytes;
        }
        if (segment_.is_last) return true;
    }
    all_.tcp.yield(from);
    return true;
}

// To an own address: the packet goes to the loopback queue, and comes in with the next turn.
bool egress::send_from_to_self(tcp::sender& from, instant now) {
    for (unsigned left = all_.config.segments_turn; left != 0; --left) {
        if (!all_.loopback.fits(all_.config.ip.loopback_mtu)) return false;
        if (!all_.tcp.next_segment(from, now, segment_)) return true;
        const std::size_t header_length = header_length_of(segment_);
        const std::size_t size = wire::ipv4_header_size + header_length + segment_.payload_size;
        std::byte* const packet = all_.loopback.push(segment_.ends.remote.address, size);
        if (packet == nullptr)
            ++all_.ip_count.loopback_full;  // no memory for it; TCP sends it again
        else write_segment(segment_, header_length, true, packet);
        if (segment_.is_last) return true;
    }
    all_.tcp.yield(from);
    return true;
}

std::uint8_t egress::hops_of(const tcp::segment& segment) const noexcept {
    return segment.hops != 0 ? segment.hops : all_.config.ip.time_to_live;
}

// IPv4 header, TCP header and payload: the payload is summed while it is copied.
void egress::write_segment(const tcp::segment& segment, std::size_t header_length, bool partial,
                           std::byte* packet) const {
    const ip_address& source = segment.ends.local.address;
    const ip_address& destination = segment.ends.remote.address;
    const auto length = static_cast<std::uint32_t>(header_length + segment.payload_size);
    std::byte* const header = packet + wire::ipv4_header_size;
    std::byte* at = header + header_length;
    std::uint64_t start = 0;  // of pseudo-header and header
    if (wire::is_plain(segment.header, source)) {
        start = wire::emit_plain_segment(source, destination, segment.header,
                                         {segment.traffic_class, hops_of(segment)}, length, packet);
    } else {
        start = write_unusual_headers(segment, header_length, length, packet);
    }
    if (partial) {
        for (std::size_t i = 0; i < segment.payload_pieces; ++i)
            at = std::copy(segment.payload[i].begin(), segment.payload[i].end(), at);
        store_checksum(header + wire::tcp_checksum_offset,
                       wire::pseudo_header_sum(source, destination, wire::protocol_tcp, length),
                       true, 0);
    } else {
        wire::checksum_sum sum(start);
        if (segment.payload_pieces == 1) {  // nearly always
            const const_bytes& piece = segment.payload[0];
            sum = wire::checksum_sum(wire::copy_and_sum(start, at, piece.data(), piece.size()));
        } else {
            for (std::size_t i = 0; i < segment.payload_pieces; ++i) {
                sum.add_copying(at, segment.payload[i]);
                at += segment.payload[i].size();
            }
        }
        store_checksum(header + wire::tcp_checksum_offset, 0, false, sum.value());
    }
}

// Headers that emit_plain_segment() does not write.
std::uint64_t egress::write_unusual_headers(const tcp::segment& segment, std::size_t header_length,
                                            std::uint32_t length, std::byte* packet) const {
    const ip_address& source = segment.ends.local.address;
    const ip_address& destination = segment.ends.remote.address;
    wire::ipv4_header ip = ip::outgoing_header(all_.config.ip, source, destination,
                                               wire::protocol_tcp, length, segment.traffic_class);
    ip.time_to_live = hops_of(segment);
    wire::emit_ipv4(ip, packet);
    std::byte* const header = packet + wire::ipv4_header_size;
    wire::emit_tcp(segment.header, header);
    return wire::sum_bytes(wire::pseudo_header_sum(source, destination, wire::protocol_tcp, length),
                           header, header_length);
}

// --- whole packets (ICMP, IGMP)

bool egress::send_packet(const ip_address& destination, const_bytes packet, instant now) {
    path route;
    const ip_address source = wire::parse_quoted_ipv4(packet).header.source;
    const resolution found = resolve(source, destination, route, now);
    if (found.result == way::waiting) {
        all_.neighbours.hold(found.neighbour, packet);
        icmp_ = {};
        return true;
    }
    if (found.result == way::none) {
        ++all_.ip_count.no_route;
        icmp_ = {};
        return true;
    }
    if (packet.size() > route.mtu || icmp_.sent != 0) return send_fragments(packet, route, icmp_);
    if (route.is_loopback()) {
        std::byte* const copy = all_.loopback.push(destination, packet.size());
        if (copy == nullptr) ++all_.ip_count.loopback_full;
        else std::copy(packet.begin(), packet.end(), copy);
        return true;
    }
    tx_slot* const slot = slots_.peek();
    if (slot == nullptr) return false;
    if (is_too_small(*slot, packet.size())) return true;
    std::copy(packet.begin(), packet.end(), slot->data + wire::ethernet_header_size);
    finish_slot(*slot, route, packet.size());
    return true;
}

// --- fragments (RFC 791 3.2)

// `packet` without options, cut to the route's MTU from where the last call ran out of slots.
// False: it did again. The way may have changed in between: places in a packet stay what they are.
bool egress::send_fragments(const_bytes packet, const path& route, fragment_progress& at) {
    const wire::ipv4_header whole = wire::parse_quoted_ipv4(packet).header;
    const const_bytes data = packet.subspan(wire::ipv4_header_size);
    if (at.sent == 0) at.identification = all_.identifications.next(whole);
    while (at.sent < data.size()) {
        const auto header =
            ip::fragment_header(whole, data.size(), at.sent, at.identification, route.mtu);
        std::byte* out = nullptr;
        tx_slot* slot = nullptr;
        if (route.is_loopback()) {
            out = all_.loopback.push(whole.destination, header.total_length);
        } else {
            slot = slots_.peek();
            if (slot == nullptr) return false;
            if (!is_too_small(*slot, header.total_length))
                out = slot->data + wire::ethernet_header_size;
        }
        if (out == nullptr) {  // what is left is of no use to anybody
            if (route.is_loopback()) ++all_.ip_count.loopback_full;
            at = {};
            return true;
        }
        wire::emit_ipv4(header, out);
        const std::size_t size = header.total_length - wire::ipv4_header_size;
        std::memcpy(out + wire::ipv4_header_size, data.data() + at.sent, size);
        if (slot != nullptr) finish_slot(*slot, route, header.total_length);
        at.sent += size;
        ++all_.ip_count.fragments_sent;
    }
    ++all_.ip_count.datagrams_fragmented;
    at = {};
    return true;
}

// --- the last step

void egress::finish_slot(tx_slot& slot, const path& route, std::size_t packet_size) {
    std::memcpy(slot.data, route.ethernet_header.data(), wire::ethernet_header_size);
    slot.length = static_cast<std::uint32_t>(wire::ethernet_header_size + packet_size);
    slot.checksum = checksum_state::unknown;
    slot.checksum_start = 0;
    slot.checksum_offset = 0;
    slot.gso_bytes = 0;
    slots_.use();
}

// A device promises room for its MTU (device.hpp), so this is a fault of the device.
bool egress::is_too_small(const tx_slot& slot, std::size_t packet_size) {
    if (wire::ethernet_header_size + packet_size <= slot.capacity) return false;
    ++all_.traffic.slot_too_small;
    return true;
}

}  // namespace coax::stack
