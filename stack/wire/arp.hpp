// ARP for IPv4 over Ethernet as a value: parse and emit (RFC 826). No state, no policy.
#pragma once

#include <cstdint>

#include "stack/base/address.hpp"
#include "stack/base/payload.hpp"

namespace coax::stack::wire {

inline constexpr std::size_t arp_packet_size = 28;

enum class arp_operation : std::uint16_t { request = 1, reply = 2 };

struct arp_packet {
    arp_operation operation = arp_operation::request;
    mac_address sender_mac;
    ip_address sender_ip = ip_address::any_v4();
    mac_address target_mac;  // zero in a request
    ip_address target_ip = ip_address::any_v4();
    friend bool operator==(const arp_packet&, const arp_packet&) noexcept = default;
};

enum class arp_fault : std::uint8_t {
    none,
    truncated,
    unsupported,   // not Ethernet/IPv4 addresses (htype, ptype, hlen, plen)
    bad_operation  // neither request nor reply
};

struct arp_parsed {
    arp_packet packet;
    arp_fault fault = arp_fault::none;
};

// `packet` begins behind the Ethernet header; padding after it is ignored.
arp_parsed parse_arp(const_bytes packet) noexcept;
// Writes arp_packet_size bytes. Both IP addresses are IPv4.
void emit_arp(const arp_packet& packet, std::byte* target) noexcept;

}  // namespace coax::stack::wire
