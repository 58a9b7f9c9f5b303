// The headers of plain segments that leave one after another: written once, and copied. Those of
// one length differ in sequence number, PSH and checksum.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "stack/wire/plain_segment.hpp"

namespace coax::stack::wire {

class plain_run_headers {
  public:
    // Those of a frame whose TCP header and payload are `length` bytes; flags but PSH are those of
    // `tcp`.
    void write(const std::byte* ethernet_header, const ip_address& source,
               const ip_address& destination, plain_header tcp, ipv4_manner manner,
               std::uint32_t length) noexcept {
        tcp.sequence = 0;
        std::memcpy(bytes_.data(), ethernet_header, ethernet_header_size);
        sum_ = emit_plain_segment(source, destination, tcp, manner, length,
                                  bytes_.data() + ethernet_header_size);
        pseudo_sum_ = pseudo_header_sum(source, destination, protocol_tcp, length);
        has_timestamps_ = tcp.has_timestamps;
    }
    // Of the pseudo-header alone.
    std::uint64_t pseudo_sum() const noexcept { return pseudo_sum_; }
    // Copies them into a frame. Answers the sum of the pseudo-header and the TCP header, whose
    // checksum field is zero.
    std::uint64_t copy_to(std::byte* frame, std::uint32_t sequence, bool push) const noexcept {
        // By sixteen bytes and the last eight: as one copy, g++ takes a string instruction for it.
        static_assert(plain_frame_min == 54);
        for (const std::size_t at : {0U, 16U, 32U}) std::memcpy(frame + at, &bytes_[at], 16);
        std::memcpy(frame + 46, &bytes_[46], 8);
        if (has_timestamps_) [[likely]]
            std::memcpy(frame + plain_frame_min, bytes_.data() + plain_frame_min,
                        detail::aligned_timestamps_size);
        const std::uint32_t number = network_order(sequence);
        store_native(frame + sequence_at, number);
        const std::uint16_t flag = push ? detail::in_memory_16(push_flag) : std::uint16_t{0};
        const auto offset_and_flags = load_native<std::uint16_t>(bytes_.data() + flags_at);
        store_native(frame + flags_at, static_cast<std::uint16_t>(offset_and_flags | flag));
        return add_carry(sum_, std::uint64_t{number} + flag);
    }

  private:
    static constexpr std::size_t sequence_at = ethernet_header_size + ipv4_header_size + 4;
    static constexpr std::size_t flags_at = ethernet_header_size + ipv4_header_size + 12;
    static constexpr std::uint16_t push_flag = 0x0008;

    std::array<std::byte, plain_frame_min + detail::aligned_timestamps_size> bytes_{};
    std::uint64_t sum_ = 0;  // of the pseudo-header and the TCP header, the sequence number as zero
    std::uint64_t pseudo_sum_ = 0;
    bool has_timestamps_ = false;
};

}  // namespace coax::stack::wire
