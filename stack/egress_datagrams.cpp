// The way of a datagram that is sent: to one host, to many, and of these to this host itself.
#include <algorithm>

#include "stack/egress.hpp"
#include "stack/ip/output.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/udp.hpp"

namespace coax::stack {

bool egress::send_datagrams(instant now) {
    while (all_.udp.has_outgoing()) {
        const udp::datagram out = all_.udp.front_outgoing();
        const const_bytes payload = all_.udp.front_payload();
        const ip_address& to = out.ends.remote.address;
        // RFC 1112 6.1: with a time to live of zero a group is on this host alone.
        const bool leaves = out.hops != 0 || !to.is_multicast();
        if (leaves && !send_datagram(out, payload, now)) return false;
        if (to.is_multicast() || all_.addresses.is_broadcast(to)) send_to_self(out, payload);
        const bool had_event = all_.udp.has_event();
        all_.udp.pop_outgoing();
        if (!had_event && all_.udp.has_event()) has_news_ = true;  // room for those that wait
    }
    return true;
}

bool egress::send_datagram(const udp::datagram& out, const_bytes payload, instant now) {
    const ip_address& source = out.ends.local.address;
    const ip_address& destination = out.ends.remote.address;
    const std::size_t size = wire::ipv4_header_size + wire::udp_header_size + payload.size();
    datagram_path& last = last_datagram_;
    resolution found{way::known};
    if (last.route.epoch != all_.epoch.current() || last.destination != destination ||
        last.source != source) {
        found = resolve(source, destination, last.route, now);
        last.source = source;
        last.destination = destination;
    }
    const std::uint16_t mtu = found.result == way::known ? last.route.mtu : all_.capabilities.mtu;
    if (found.result == way::none || (size > mtu && out.dont_fragment)) {
        ++all_.udp_count.undeliverable;
        datagram_ = {};
        return true;
    }
    if (found.result == way::waiting) {
        scratch_.resize(std::max(scratch_.size(), size));
        write_datagram(out, payload, false, scratch_.data());
        all_.neighbours.hold(found.neighbour, const_bytes(scratch_).first(size));
        datagram_ = {};
        return true;
    }
    if (size > mtu || datagram_.sent != 0) return send_large_datagram(out, payload);
    if (last.route.is_loopback()) {
        std::byte* const packet = all_.loopback.push(destination, size);
        if (packet == nullptr) ++all_.ip_count.loopback_full;
        else write_datagram(out, payload, true, packet);
        return true;
    }
    tx_slot* const slot = slots_.peek();
    if (slot == nullptr) return false;
    if (is_too_small(*slot, size)) return true;
    const bool partial = all_.capabilities.transmit_checksum;
    write_datagram(out, payload, partial, slot->data + wire::ethernet_header_size);
    finish_slot(*slot, last.route, size);
    if (partial) {
        slot->checksum = checksum_state::partial;
        slot->checksum_start = transport_start;
        slot->checksum_offset = wire::udp_checksum_offset;
    }
    return true;
}

// It is written whole, since its checksum stands in its first fragment; and kept, if there are not
// slots for all.
bool egress::send_large_datagram(const udp::datagram& out, const_bytes payload) {
    const std::size_t size = wire::ipv4_header_size + wire::udp_header_size + payload.size();
    if (datagram_.sent == 0) {
        scratch_.resize(std::max(scratch_.size(), size));
        write_datagram(out, payload, false, scratch_.data());
    }
    return send_fragments(const_bytes(scratch_).first(size), last_datagram_.route, datagram_);
}

void egress::write_datagram(const udp::datagram& out, const_bytes payload, bool partial,
                            std::byte* packet) const {
    const ip_address& source = out.ends.local.address;
    const ip_address& destination = out.ends.remote.address;
    const std::size_t length = wire::udp_header_size + payload.size();
    wire::ipv4_header ip = ip::outgoing_header(all_.config.ip, source, destination,
                                               wire::protocol_udp, length, out.traffic_class);
    if (out.hops != 0) ip.time_to_live = out.hops;
    wire::emit_ipv4(ip, packet);
    std::byte* const header = packet + wire::ipv4_header_size;
    wire::emit_udp({out.ends.local.port, out.ends.remote.port, static_cast<std::uint16_t>(length)},
                   header);
    const std::uint64_t pseudo = wire::pseudo_header_sum(source, destination, wire::protocol_udp,
                                                         static_cast<std::uint32_t>(length));
    std::byte* const field = header + wire::udp_checksum_offset;
    if (partial) {
        std::copy(payload.begin(), payload.end(), header + wire::udp_header_size);
        store_checksum(field, pseudo, true, 0);
    } else {
        const std::uint64_t sum =
            wire::copy_and_sum(wire::sum_bytes(pseudo, header, wire::udp_header_size),
                               header + wire::udp_header_size, payload.data(), payload.size());
        // RFC 768: zero would say "no checksum"; all ones mean the same number.
        const std::uint16_t finished = wire::finish_checksum(sum);
        wire::store_native(field, finished == 0 ? std::uint16_t{0xffff} : finished);
    }
}

// What many hear, this host is one of: of its own broadcasts, and of its groups if the sender wants
// it so. Whole, however large it is.
void egress::send_to_self(const udp::datagram& out, const_bytes payload) {
    const ip_address& destination = out.ends.remote.address;
    if (destination.is_multicast() && !(out.loop && all_.groups.contains(destination))) return;
    std::byte* const packet = all_.loopback.push(
        destination, wire::ipv4_header_size + wire::udp_header_size + payload.size());
    if (packet == nullptr) ++all_.ip_count.loopback_full;
    else write_datagram(out, payload, true, packet);
}

}  // namespace coax::stack
