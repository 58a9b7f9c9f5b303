// Ethernet around IP packets, and ARP's answers.
#include "tests/packetdrill/adapter/link.hpp"

#include <algorithm>

#include "stack/wire/arp.hpp"
#include "stack/wire/ethernet.hpp"

namespace coax::packetdrill {

namespace {

constexpr stack::mac_address own_mac{{0x02, 0, 0, 0, 0, 0x01}};
constexpr stack::mac_address far_mac{{0x02, 0, 0, 0, 0, 0x02}};

}  // namespace

link::link(std::uint16_t mtu, const stack::instant& now) : now_(now) {
    caps_.mtu = mtu;
    caps_.address = own_mac;
    const std::size_t slot_bytes = mtu + stack::wire::ethernet_header_size;
    room_.resize(slot_count * slot_bytes);
    for (std::size_t i = 0; i < slot_count; ++i) free_slots_.push_back(i);
}

bool link::put(stack::const_bytes packet) {
    if (packet.empty()) return false;
    switch (static_cast<unsigned>(packet[0]) >> 4) {
        case 4: frame_for_us(stack::wire::ethernet_type_ipv4, packet); return true;
        case 6: frame_for_us(stack::wire::ethernet_type_ipv6, packet); return true;
        default: return false;
    }
}

void link::frame_for_us(std::uint16_t type, stack::const_bytes packet) {
    std::vector<std::byte> frame(stack::wire::ethernet_header_size + packet.size());
    stack::wire::emit_ethernet({own_mac, far_mac, type}, frame.data());
    std::copy(packet.begin(), packet.end(), frame.begin() + stack::wire::ethernet_header_size);
    incoming_.push_back(std::move(frame));
}

void link::answer_arp(stack::const_bytes frame) {
    const auto asked = stack::wire::parse_arp(frame.subspan(stack::wire::ethernet_header_size));
    if (asked.fault != stack::wire::arp_fault::none ||
        asked.packet.operation != stack::wire::arp_operation::request ||
        asked.packet.sender_ip == asked.packet.target_ip)  // an announcement (RFC 5227 3)
        return;
    std::vector<std::byte> answer(stack::wire::arp_packet_size);
    stack::wire::emit_arp({stack::wire::arp_operation::reply, far_mac, asked.packet.target_ip,
                           asked.packet.sender_mac, asked.packet.sender_ip},
                          answer.data());
    frame_for_us(stack::wire::ethernet_type_arp, answer);
}

std::size_t link::receive(std::span<stack::rx_frame> frames) noexcept {
    const std::size_t count = std::min(frames.size(), incoming_.size());
    for (std::size_t i = 0; i < count; ++i) {
        in_hand_.push_back(std::move(incoming_.front()));
        incoming_.pop_front();
    }
    for (std::size_t i = 0; i < count; ++i) {
        frames[i] = {};
        frames[i].head = in_hand_[i];
    }
    return count;
}

std::size_t link::reserve(std::span<stack::tx_slot> slots) noexcept {
    const std::size_t count = std::min(slots.size(), free_slots_.size());
    const std::size_t slot_bytes = room_.size() / slot_count;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t slot = free_slots_.back();
        free_slots_.pop_back();
        slots[i] = {};
        slots[i].data = room_.data() + slot * slot_bytes;
        slots[i].capacity = static_cast<std::uint32_t>(slot_bytes);
        slots[i].token = slot;
    }
    return count;
}

void link::transmit(std::span<const stack::tx_slot> slots) noexcept {
    for (const stack::tx_slot& slot : slots) {
        const stack::const_bytes frame(slot.data, slot.length);
        const auto header = stack::wire::parse_ethernet(frame);
        if (header && header->type == stack::wire::ethernet_type_arp) answer_arp(frame);
        else if (header && !drops) {
            const auto packet = frame.subspan(stack::wire::ethernet_header_size);
            sent.push_back({{packet.begin(), packet.end()}, now_});
        }
    }
    cancel(slots);
}

void link::cancel(std::span<const stack::tx_slot> slots) noexcept {
    for (const stack::tx_slot& slot : slots) free_slots_.push_back(slot.token);
}

}  // namespace coax::packetdrill
