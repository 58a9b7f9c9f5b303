// Fragmentation of what this host sends (RFC 791 3.2): where a packet is cut, and the
// identification that its fragments share. Knows no device.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "stack/base/random.hpp"
#include "stack/base/siphash.hpp"
#include "stack/wire/ipv4.hpp"

namespace coax::stack::ip {

inline constexpr std::size_t packet_bytes_max = 65535;

// Identifications that do not repeat soon for one pair of hosts and that nobody else can guess
// (RFC 6864 4.3, RFC 7739 5.3): a keyed hash of the pair, and a count that starts anywhere and that
// only few pairs share.
class identification_source {
  public:
    explicit identification_source(random_source& randomness) noexcept
        : base_{randomness.next(), randomness.next()},
          choice_{randomness.next(), randomness.next()} {
        for (std::uint16_t& c : counts_) c = static_cast<std::uint16_t>(randomness.next());
    }
    std::uint16_t next(const wire::ipv4_header& header) noexcept {
        const std::uint64_t pair =
            std::uint64_t{header.source.to_v4()} << 32 | header.destination.to_v4();
        const auto hash = [&](const siphash_key& key) {
            siphash_2_4 h(key);
            h.word(pair);
            return h.finish(header.protocol, 1);
        };
        std::uint16_t& count = counts_[hash(choice_) % counts_.size()];
        return static_cast<std::uint16_t>(hash(base_) + count++);
    }

  private:
    siphash_key base_, choice_;
    std::array<std::uint16_t, 256> counts_;
};

// The header of the fragment that carries the bytes from `offset` on of `length`; how many it
// carries follows from its total_length. `mtu`: 68 (RFC 791 3.2) or more.
inline wire::ipv4_header fragment_header(const wire::ipv4_header& whole, std::size_t length,
                                         std::size_t offset, std::uint16_t identification,
                                         std::uint16_t mtu) noexcept {
    const std::size_t left = length - offset;
    std::size_t room = std::size_t{mtu} - wire::ipv4_header_size;
    wire::ipv4_header header = whole;
    header.dont_fragment = false;
    header.more_fragments = left > room;
    if (header.more_fragments) room &= ~std::size_t{7};
    header.identification = identification;
    header.fragment_offset = static_cast<std::uint16_t>(offset);
    header.total_length = static_cast<std::uint16_t>(wire::ipv4_header_size + std::min(left, room));
    return header;
}

}  // namespace coax::stack::ip
