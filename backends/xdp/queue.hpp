// The frames of one AF_XDP socket: received ones handed out and returned to the fill ring, transmit
// frames lent, sent and taken back. Makes no system call; waker.hpp tells the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/xdp/rings.hpp"
#include "backends/xdp/slot_pool.hpp"
#include "stack/device.hpp"

namespace coax::backends {

// How the chunks of the frame memory are used: the transmit slots at its front, each of one chunk
// or, for a large MTU, of several adjacent ones, then the receive chunks.
struct frame_layout {
    std::uint32_t chunks_per_slot = 1;
    std::uint32_t slots = 0;
    std::uint32_t receive_chunks = 0;
    std::uint32_t slot_capacity = 0;  // bytes of frame

    // For frames of at most `frame_bytes`, with `chunks` in all and rings of `ring_entries`.
    static frame_layout plan(std::uint32_t frame_bytes, std::uint32_t chunks,
                             std::uint32_t ring_entries) noexcept;
};

class queue {
  public:
    // `frames_per_burst`: the most that one receive() gives.
    queue(const xsk_rings& rings, const frame_layout& layout, std::size_t frames_per_burst);

    // Hands all receive chunks to the kernel. Once, before binding.
    void fill_all() noexcept;

    bool frames_waiting() noexcept { return rings_.receive.available(1) != 0; }
    // The kernel must be told by a system call that frames wait to be sent.
    bool send_needs_call() const noexcept { return rings_.transmit.needs_wakeup(); }
    // Where the kernel is in the transmit ring: it moves as frames leave.
    std::uint32_t send_position() noexcept { return rings_.transmit.consumer_index(); }

    // As stack::device.
    std::size_t receive(std::span<stack::rx_frame> frames) noexcept;
    void release() noexcept;
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept;
    void transmit(std::span<const stack::tx_slot> slots) noexcept;
    void cancel(std::span<const stack::tx_slot> slots) noexcept;

    // The last reserve() had no slot to give. Once room_came() has answered true, no more.
    bool starved() const noexcept { return starved_; }
    bool room_came() noexcept;

    const slot_pool& pool() const noexcept { return pool_; }
    std::uint64_t received() const noexcept { return received_; }
    std::uint64_t transmitted() const noexcept { return transmitted_; }
    std::uint64_t dropped_in_pieces() const noexcept { return dropped_in_pieces_; }

  private:
    // Descriptors of the packet that starts `at` behind the first unread one, at most `available`;
    // 0: it is not there completely.
    std::uint32_t packet_length(std::uint32_t at, std::uint32_t available) const noexcept;
    bool gather(std::uint32_t at, std::uint32_t count, stack::rx_frame& frame) noexcept;
    stack::const_bytes bytes_of(const xdp_desc& descriptor) const noexcept;
    void reap() noexcept;
    void push(const stack::tx_slot& slot) noexcept;
    void push_pieces(const stack::tx_slot& slot, std::uint64_t address,
                     std::uint32_t options) noexcept;

    xsk_rings rings_;
    frame_layout layout_;
    slot_pool pool_;
    std::uint32_t piece_gap_;  // bytes that must stay free before each piece of a sent packet
    std::uint32_t held_ = 0;   // receive descriptors handed out, until release()
    // Pieces of the multi-buffer frames handed out; never beyond the reserved capacity, so that
    // spans into it stay valid.
    std::vector<stack::const_bytes> pieces_;
    bool starved_ = false;
    std::uint64_t received_ = 0;
    std::uint64_t transmitted_ = 0;
    std::uint64_t dropped_in_pieces_ = 0;
};

}  // namespace coax::backends
