// The path-MTU cache.
#include "stack/ip/path_mtu.hpp"

#include <algorithm>
#include <array>

namespace coax::stack::ip {

std::uint16_t plateau_below(std::uint16_t packet_length) noexcept {
    constexpr std::array<std::uint16_t, 11> plateaus{65535, 32000, 17914, 8166, 4352, 2002,
                                                     1492,  1006,  508,   296,  68};
    for (const auto plateau : plateaus)
        if (plateau < packet_length) return plateau;
    return plateaus.back();
}

path_mtu_cache::path_mtu_cache(const ip_config& config, std::uint64_t seed, path_epoch& epoch)
    : config_(config), epoch_(epoch), entries_(0, address_hash{seed}) {}

void path_mtu_cache::lower(const ip_address& destination, std::uint16_t mtu, instant now) {
    mtu = std::max(mtu, config_.path_mtu_min);
    auto found = entries_.find(destination);
    if (found == entries_.end()) {
        if (entries_.size() >= config_.path_mtu_entries_max)
            boost::unordered::erase_if(entries_,
                                       [now](const auto& e) { return e.second.expires <= now; });
        if (entries_.size() >= config_.path_mtu_entries_max) return;
        found = entries_.emplace(destination, entry{0xffff, now}).first;
    }
    entry& e = found->second;
    if (e.expires <= now || mtu < e.mtu) {
        e.mtu = mtu;
        epoch_.advance();
    }
    e.expires = now + config_.path_mtu_lifetime;
}

std::uint16_t path_mtu_cache::towards(const ip_address& destination, std::uint16_t link_mtu,
                                      instant now) const {
    if (entries_.empty()) return link_mtu;
    const auto found = entries_.find(destination);
    if (found == entries_.end() || found->second.expires <= now) return link_mtu;
    return std::min(link_mtu, found->second.mtu);
}

}  // namespace coax::stack::ip
