// ARP packet: bytes to value and back.
#include "stack/wire/arp.hpp"

#include "stack/wire/bytes.hpp"
#include "stack/wire/ethernet.hpp"

namespace coax::stack::wire {

namespace {
constexpr std::uint16_t hardware_ethernet = 1;  // RFC 826, assigned in RFC 5494
constexpr std::uint8_t mac_size = 6;
constexpr std::uint8_t ipv4_size = 4;
}  // namespace

arp_parsed parse_arp(const_bytes packet) noexcept {
    arp_parsed parsed;
    if (packet.size() < arp_packet_size) {
        parsed.fault = arp_fault::truncated;
        return parsed;
    }
    const std::byte* at = packet.data();
    if (load_16(at) != hardware_ethernet || load_16(at + 2) != ethernet_type_ipv4 ||
        load_8(at + 4) != mac_size || load_8(at + 5) != ipv4_size) {
        parsed.fault = arp_fault::unsupported;
        return parsed;
    }
    const std::uint16_t operation = load_16(at + 6);
    if (operation != 1 && operation != 2) {
        parsed.fault = arp_fault::bad_operation;
        return parsed;
    }
    parsed.packet.operation = static_cast<arp_operation>(operation);
    std::memcpy(parsed.packet.sender_mac.octets.data(), at + 8, 6);
    parsed.packet.sender_ip = ip_address::v4(load_32(at + 14));
    std::memcpy(parsed.packet.target_mac.octets.data(), at + 18, 6);
    parsed.packet.target_ip = ip_address::v4(load_32(at + 24));
    return parsed;
}

void emit_arp(const arp_packet& packet, std::byte* target) noexcept {
    store_16(target, hardware_ethernet);
    store_16(target + 2, ethernet_type_ipv4);
    store_8(target + 4, mac_size);
    store_8(target + 5, ipv4_size);
    store_16(target + 6, static_cast<std::uint16_t>(packet.operation));
    std::memcpy(target + 8, packet.sender_mac.octets.data(), 6);
    store_32(target + 14, packet.sender_ip.to_v4());
    std::memcpy(target + 18, packet.target_mac.octets.data(), 6);
    store_32(target + 24, packet.target_ip.to_v4());
}

}  // namespace coax::stack::wire
