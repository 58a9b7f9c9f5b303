// Longest-prefix match by one hash look-up for each length that occurs.
#include "stack/ip/routing_table.hpp"

#include <algorithm>
#include <functional>

namespace coax::stack::ip {

namespace {
constexpr unsigned v4_bits_before = 96;  // of the mapped form
}

routing_table::routing_table(const ip_config& config, std::uint64_t seed, path_epoch& epoch)
    : config_(config), epoch_(epoch), routes_(0, key_hash{address_hash{seed}}) {}

status routing_table::add(const ip_prefix& destination, const ip_address& gateway) {
    const bool is_v4 = destination.address.is_v4();
    if (destination.length > (is_v4 ? 32 : 128)) return error::invalid_argument;
    if (!gateway.is_unspecified() && gateway.is_v4() != is_v4) return error::invalid_argument;
    const unsigned length = destination.length + (is_v4 ? v4_bits_before : 0U);
    const key k{masked(destination.address, length), static_cast<std::uint8_t>(length)};
    if (const auto found = routes_.find(k); found != routes_.end()) {
        found->second = gateway;
    } else {
        if (routes_.size() >= config_.routes_max) return error::no_buffer_space;
        routes_.emplace(k, gateway);
        const auto at = std::ranges::lower_bound(lengths_, k.length, std::ranges::greater());
        if (at == lengths_.end() || *at != k.length) lengths_.insert(at, k.length);
    }
    epoch_.advance();
    return {};
}

std::optional<ip_address> routing_table::next_hop(const ip_address& destination) const {
    // ::/0 would match the mapped form of IPv4 too, but is no route for it.
    const unsigned shortest = destination.is_v4() ? v4_bits_before : 0;
    for (const std::uint8_t length : lengths_) {
        if (length < shortest) break;
        const auto found = routes_.find(key{masked(destination, length), length});
        if (found == routes_.end()) continue;
        return found->second.is_unspecified() ? destination : found->second;
    }
    return {};
}

ip_address routing_table::masked(const ip_address& address, unsigned length) noexcept {
    auto octets = address.octets();
    if (length % 8 != 0) octets[length / 8] &= static_cast<std::uint8_t>(0xff00U >> (length % 8));
    std::fill(octets.begin() + (length + 7) / 8, octets.end(), std::uint8_t{0});
    return ip_address::v6(octets);
}

}  // namespace coax::stack::ip
