// One stack (198.18.0.2/24) on a memory device, in virtual time, and a peer on its link
// (198.18.0.1) that exists only as frames made by hand.
#pragma once

#include <memory>
#include <string_view>

#include "stack/stack.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/memory_device.hpp"

namespace coax::test {

using namespace std::chrono_literals;

inline const stack::mac_address own_mac{{0x02, 0, 0, 0, 0, 0x01}};
inline const stack::mac_address peer_mac{{0x02, 0, 0, 0, 0, 0x02}};
inline constexpr std::string_view own_ip = "198.18.0.2";
inline constexpr std::string_view peer_ip = "198.18.0.1";

inline stack::ip_address address(std::string_view text) { return *stack::ip_address::parse(text); }

class stack_on_memory {
  public:
    memory_device device;
    seeded_random random{1};
    stack::instant now{1s};
    std::unique_ptr<stack::ip_stack> host;

    // `knows_peer`: the neighbour cache already has the peer's MAC, and the announcements are over.
    explicit stack_on_memory(const stack::stack_config& config = {}, bool knows_peer = true)
        : stack_on_memory(config, stack::device_capabilities{}, knows_peer) {}
    stack_on_memory(const stack::stack_config& config, const stack::device_capabilities& caps,
                    bool knows_peer = true) {
        device.caps = caps;
        device.caps.address = own_mac;
        host = std::make_unique<stack::ip_stack>(config, device, random);
        REQUIRE(host->add_address({*stack::ip_prefix::parse("198.18.0.2/24")}));
        if (!knows_peer) return;
        turn();
        now += config.neighbour.announce_interval;
        turn();
        meet(peer_ip, peer_mac);
        device.sent.clear();
    }

    // One turn as a context makes it, without events.
    bool turn() {
        while (host->receive(now)) continue;
        host->advance(now);
        return host->flush(now);
    }
    void pass(stack::duration time) {
        now += time;
        turn();
    }
    void deliver(const bytes& packet,
                 stack::checksum_state state = stack::checksum_state::unknown) {
        device.deliver(ethernet_frame(own_mac, peer_mac, stack::wire::ethernet_type_ipv4, packet),
                       state);
        turn();
    }
    void deliver_frame(const bytes& frame) {
        device.deliver(frame);
        turn();
    }
    // A neighbour asks for us, as it does before it first sends; the answer is taken.
    void meet(std::string_view ip, const stack::mac_address& mac) {
        deliver_frame(arp_frame(
            stack::mac_address::broadcast(),
            {stack::wire::arp_operation::request, mac, address(ip), {}, address(own_ip)}));
        device.take_sent();
    }
    std::uint64_t count(std::string_view name) const {
        for (const auto& counter : host->counters())
            if (counter.name == name) return counter.value;
        FAIL("no counter " << name);
        return 0;
    }
    // The next sent IPv4 packet, whole; nothing if none was sent.
    std::optional<taken_apart> take_packet() {
        while (auto frame = device.take_sent())
            if (auto apart = take_apart(frame->data)) return apart;
        return {};
    }
    // The next sent ARP packet.
    std::optional<stack::wire::arp_packet> take_arp(stack::mac_address* destination = nullptr) {
        while (auto frame = device.take_sent()) {
            const auto header = stack::wire::parse_ethernet(frame->data);
            if (!header || header->type != stack::wire::ethernet_type_arp) continue;
            if (destination != nullptr) *destination = header->destination;
            const auto parsed = stack::wire::parse_arp(
                stack::const_bytes(frame->data).subspan(stack::wire::ethernet_header_size));
            if (parsed.fault == stack::wire::arp_fault::none) return parsed.packet;
        }
        return {};
    }
};

}  // namespace coax::test
