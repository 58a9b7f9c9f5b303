// All layers of one stack and the tables between them, made in the right order. They meet in
// ingress and egress; here they only live together.
#pragma once

#include "stack/base/counters.hpp"
#include "stack/base/flow.hpp"
#include "stack/base/random.hpp"
#include "stack/base/record_queue.hpp"
#include "stack/base/siblings.hpp"
#include "stack/config.hpp"
#include "stack/device.hpp"
#include "stack/ethernet/arp.hpp"
#include "stack/ethernet/counters.hpp"
#include "stack/ethernet/neighbour_cache.hpp"
#include "stack/ip/addresses.hpp"
#include "stack/ip/counters.hpp"
#include "stack/ip/fragmentation.hpp"
#include "stack/ip/icmp.hpp"
#include "stack/ip/membership.hpp"
#include "stack/ip/path_mtu.hpp"
#include "stack/ip/reassembly.hpp"
#include "stack/ip/routing_table.hpp"
#include "stack/tcp/layer.hpp"
#include "stack/udp/layer.hpp"

namespace coax::stack {

// What ingress and egress themselves count.
struct traffic_counters {
    std::uint64_t frames_received = 0;      // taken from the device, good or bad
    std::uint64_t frames_sent = 0;          // given to the device
    std::uint64_t slot_too_small = 0;       // the device's slot did not hold the frame: lost
    std::uint64_t fragments_elsewhere = 0;  // given to the stack that puts them together
    std::uint64_t tcp_truncated = 0;
    std::uint64_t tcp_bad_offset = 0;
    std::uint64_t tcp_bad_option = 0;
    std::uint64_t tcp_bad_checksum = 0;

    static constexpr auto fields() noexcept {
        using c = traffic_counters;
        return std::to_array<counter_field<c>>({
            {"device.frames_received", &c::frames_received},
            {"device.frames_sent", &c::frames_sent},
            {"device.slot_too_small", &c::slot_too_small},
            {"ip.fragments_elsewhere", &c::fragments_elsewhere},
            {"tcp.truncated", &c::tcp_truncated},
            {"tcp.bad_offset", &c::tcp_bad_offset},
            {"tcp.bad_option", &c::tcp_bad_option},
            {"tcp.bad_checksum", &c::tcp_bad_checksum},
        });
    }
};

struct layers {
    layers(const stack_config& limits, device& device, random_source& randomness)
        : config(limits),
          link(device),
          capabilities(device.capabilities()),
          neighbours(config.neighbour, randomness.next(), epoch, link_count),
          arp(config.neighbour, capabilities.address, neighbours, link_count),
          addresses(config.ip),
          routes(config.ip, randomness.next(), epoch),
          path_mtus(config.ip, randomness.next(), epoch),
          icmp(config.ip, addresses, randomness, ip_count),
          groups(config.ip, addresses, randomness, ip_count, capabilities.mtu,
                 capabilities.hears_all_groups),
          fragments(config.ip, randomness.next(), icmp, ip_count),
          identifications(randomness),
          udp(config.udp, randomness, udp_count),
          tcp(config.tcp, randomness),
          loopback(config.ip.loopback_queue_bytes) {
        tcp.set_gso_max_bytes(capabilities.gso_max_bytes);
    }
    layers(const layers&) = delete;
    layers& operator=(const layers&) = delete;

    const stack_config config;
    device& link;
    const device_capabilities& capabilities;
    path_epoch epoch;
    traffic_counters traffic;
    ethernet::link_counters link_count;
    ip::ip_counters ip_count;
    udp::udp_counters udp_count;
    ethernet::neighbour_cache neighbours;
    ethernet::arp arp;
    ip::address_table addresses;
    ip::routing_table routes;
    ip::path_mtu_cache path_mtus;
    ip::icmp icmp;
    ip::membership groups;
    ip::reassembly fragments;
    ip::identification_source identifications;
    udp::layer udp;
    tcp::layer tcp;
    siblings* others = nullptr;         // null: this stack is alone
    record_queue<ip_address> loopback;  // whole IP packets to own addresses; head: destination
};

}  // namespace coax::stack
