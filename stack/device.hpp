// The seam between the stack and whatever moves frames: bursts in, slots out. The stack knows a
// device only through this file; a backend knows the stack only through this file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stack/base/address.hpp"
#include "stack/base/payload.hpp"
#include "stack/base/result.hpp"

namespace coax::stack {

// What is known of a frame's transport checksum.
enum class checksum_state : std::uint8_t {
    unknown,   // receive: verify it. transmit: the field is complete
    partial,   // the field holds the folded, uncomplemented pseudo-header sum; the data behind it
               // was never summed. receive: accept (never left the host). transmit: device finishes
    verified,  // receive only: the device checked it
};

// What the stack does with a received transport checksum that does not match.
enum class checksum_policy : std::uint8_t {
    strict,         // drop and count: a device on a real medium
    partial_aware,  // accept when the field equals the pseudo-header sum: veth, tap, lo in the
                    // kernel's hands pass CHECKSUM_PARTIAL on without saying so
    trusted,        // never verify: the medium is memory
};

struct device_capabilities {
    std::uint16_t mtu = 1500;    // bytes of IP packet, without the Ethernet header
    std::uint16_t headroom = 0;  // bytes a slot keeps free before its frame; informational
    mac_address address;         // own MAC
    // Frames to every group come in, as 224.0.0.1, where queriers ask; false: only to those of
    // want_group().
    bool hears_all_groups = true;
    checksum_policy receive_checksum = checksum_policy::strict;
    bool transmit_checksum = false;   // may be asked to finish TCP/UDP checksums (partial)
    std::uint32_t gso_max_bytes = 0;  // largest TCP super-segment accepted; 0: none
    bool large_slots = false;         // super-segments go in slots of their own, of reserve_large()
};

// A received Ethernet frame without FCS. All protocol headers lie in `head` (a device must make
// it so for the first 128 bytes, or the whole frame where shorter).
struct rx_frame {
    const_bytes head;
    std::span<const const_bytes> rest;  // further pieces of a multi-buffer frame
    checksum_state checksum = checksum_state::unknown;
    std::uint16_t gso_bytes = 0;  // segment payload size when merged from several; else 0
    std::uint16_t segments = 1;   // how many segments were merged, 1 if unknown
    bool handed_over = false;     // by another stack of this host (base/siblings.hpp)
};

// Room for one frame to send. The stack writes `length` bytes from `data` on and fills in the rest.
struct tx_slot {
    std::byte* data = nullptr;
    std::uint32_t capacity = 0;  // bytes at data
    std::uint32_t length = 0;    // bytes of the frame, Ethernet header included
    checksum_state checksum = checksum_state::unknown;  // unknown or partial
    std::uint16_t checksum_start = 0;   // with partial: offset in the frame where summing starts
    std::uint16_t checksum_offset = 0;  // with partial: offset of the field from checksum_start
    std::uint16_t gso_bytes = 0;        // payload per segment if the device must cut; else 0
    std::uint64_t token = 0;            // the device's own; untouched by the stack
};

// One virtual call per burst. All calls come from the thread of the stack. A device that fails
// (link down, interface removed) returns 0 from receive() and reserve() from then on, and tells the
// framework through its driver; the stack goes on with its timers.
class device {
  public:
    virtual ~device() = default;

    virtual const device_capabilities& capabilities() const noexcept = 0;

    // Takes up to frames.size() received frames; returns how many. They stay valid until release().
    virtual std::size_t receive(std::span<rx_frame> frames) noexcept = 0;
    // Gives all frames of the last receive() back to the device.
    virtual void release() noexcept = 0;

    // Lends up to slots.size() transmit slots; returns how many (0: the transmit path is full; try
    // again at the next turn). capacity >= mtu + 14, or gso_max_bytes + 128 where that is larger
    // and super-segments have no slots of their own.
    virtual std::size_t reserve(std::span<tx_slot> slots) noexcept = 0;
    // With large_slots: the same for slots of capacity >= gso_max_bytes + 128, for super-segments
    // only.
    virtual std::size_t reserve_large(std::span<tx_slot> slots) noexcept {
        static_cast<void>(slots);
        return 0;
    }
    // Sends the given slots in order. The slots return to the device.
    virtual void transmit(std::span<const tx_slot> slots) noexcept = 0;
    // Gives reserved slots back unused.
    virtual void cancel(std::span<const tx_slot> slots) noexcept = 0;

    // Frames to this multicast address are wanted, or no more. Anything but none: they will not
    // come (address_in_use: the group is somebody else's here). May call the system: it is not of
    // the steady path.
    virtual error want_group(const ip_address& group, bool wanted) noexcept {
        static_cast<void>(group);
        static_cast<void>(wanted);
        return error::none;
    }

  protected:
    device() = default;
    device(const device&) = default;
    device& operator=(const device&) = default;
};

}  // namespace coax::stack
