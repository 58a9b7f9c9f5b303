// A link whose far side is packetdrill: IP packets without Ethernet go in and come out; every
// address on it has one MAC, which the link itself tells whoever asks. Knows no time but the one it
// stamps packets with.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "stack/base/time.hpp"
#include "stack/device.hpp"

namespace coax::packetdrill {

struct sent_packet {
    std::vector<std::byte> bytes;  // IP header and all
    stack::instant at{};
};

class link final : public stack::device {
  public:
    // `now` is what packets are stamped with; it must outlive the link.
    link(std::uint16_t mtu, const stack::instant& now);

    // An IP packet from the far side; false if it is none.
    bool put(stack::const_bytes packet);
    bool has_incoming() const { return !incoming_.empty(); }
    std::deque<sent_packet> sent;
    bool drops = false;  // what is sent is lost

    const stack::device_capabilities& capabilities() const noexcept override { return caps_; }
    std::size_t receive(std::span<stack::rx_frame> frames) noexcept override;
    void release() noexcept override { in_hand_.clear(); }
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept override;
    void transmit(std::span<const stack::tx_slot> slots) noexcept override;
    void cancel(std::span<const stack::tx_slot> slots) noexcept override;

  private:
    void answer_arp(stack::const_bytes frame);
    void frame_for_us(std::uint16_t type, stack::const_bytes packet);

    static constexpr std::size_t slot_count = 256;
    const stack::instant& now_;
    stack::device_capabilities caps_;
    std::vector<std::byte> room_;
    std::vector<std::size_t> free_slots_;
    std::deque<std::vector<std::byte>> incoming_;
    std::vector<std::vector<std::byte>> in_hand_;
};

}  // namespace coax::packetdrill
