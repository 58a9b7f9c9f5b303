// Longest-prefix match by one hash look-up for each length that occurs.
#include "stack/ip/routing_table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

namespace coax::stack::ip {

namespace {
constexpr unsigned v4_bits_before = 96;  // of the mapped form

// The first `count` (0..64) bits of eight octets in network order.
std::uint64_t first_bits(unsigned count) noexcept {
    const std::uint64_t mask = count == 0 ? 0 : ~std::uint64_t{0} << (64 - count);
    return std::endian::native == std::endian::little ? __builtin_bswap64(mask) : mask;
}
}  // namespace

routing_table::routing_table(const ip_config& config, std::uint64_t seed, path_epoch& epoch)
    : config_(config), epoch_(epoch), routes_(0, key_hash{address_hash{seed}}) {}

status routing_table::add(const ip_prefix& destination, const ip_address& gateway) {
    const bool is_v4 = destination.address.is_v4();
    if (destination.length > (is_v4 ? 32 : 128)) return error::invalid_argument;
    if (!gateway.is_unspecified() && gateway.is_v4() != is_v4) return error::invalid_argument;
    const unsigned length = destination.length + (is_v4 ? v4_bits_before : 0U);
    const mask bits(length);
    const key k{bits.network_of(destination.address), bits.length};
    if (const auto found = routes_.find(k); found != routes_.end()) {
        found->second = gateway;
    } else {
        if (routes_.size() >= config_.routes_max) return error::no_buffer_space;
        routes_.emplace(k, gateway);
        const auto at =
            std::ranges::lower_bound(masks_, k.length, std::ranges::greater(), &mask::length);
        if (at == masks_.end() || at->length != k.length) masks_.insert(at, bits);
    }
    epoch_.advance();
    return {};
}

std::optional<ip_address> routing_table::next_hop(const ip_address& destination) const {
    // ::/0 would match the mapped form of IPv4 too, but is no route for it.
    const unsigned shortest = destination.is_v4() ? v4_bits_before : 0;
    for (const mask& bits : masks_) {
        if (bits.length < shortest) break;
        const auto found = routes_.find(key{bits.network_of(destination), bits.length});
        if (found == routes_.end()) continue;
        return found->second.is_unspecified() ? destination : found->second;
    }
    return {};
}

routing_table::mask::mask(unsigned bits) noexcept
    : words{first_bits(std::min(bits, 64U)), first_bits(std::max(bits, 64U) - 64)},
      length(static_cast<std::uint8_t>(bits)) {}

ip_address routing_table::mask::network_of(const ip_address& address) const noexcept {
    auto of = std::bit_cast<std::array<std::uint64_t, 2>>(address.octets());
    of[0] &= words[0];
    of[1] &= words[1];
    return ip_address::v6(std::bit_cast<std::array<std::uint8_t, 16>>(of));
}

}  // namespace coax::stack::ip
