// The own addresses of the host.
#include "stack/ip/addresses.hpp"

namespace coax::stack::ip {

status address_table::add(const ip_prefix& address) {
    const ip_address& own = address.address;
    const unsigned bits = own.is_v4() ? 32 : 128;
    // RFC 1122 3.2.1.3: neither these nor the network's own two.
    if (own.is_unspecified() || own.is_multicast() || own.is_limited_broadcast() ||
        own.is_loopback() || address.length > bits || address.length == 0 ||
        address.is_broadcast_of(own))
        return error::invalid_argument;
    if (own.is_v4() && address.length < 31 && (own.to_v4() & (0xffff'ffffU >> address.length)) == 0)
        return error::invalid_argument;
    if (is_own(own)) return error::address_in_use;
    if (addresses_.size() >= config_.addresses_max) return error::no_buffer_space;
    addresses_.push_back(address);
    ip_address broadcast = own;
    if (own.is_v4() && address.length < 31)
        broadcast = ip_address::v4(own.to_v4() | (0xffff'ffffU >> address.length));
    ends_.push_back({own, broadcast});
    return {};
}

bool address_table::is_broadcast(const ip_address& address) const noexcept {
    for (const ends& e : ends_)
        if (e.broadcast == address && e.own != address) return true;
    return address.is_limited_broadcast();
}

bool address_table::is_on_link(const ip_address& address) const noexcept {
    if (address.is_unspecified() || address.is_multicast() || is_broadcast(address)) return false;
    for (const ip_prefix& own : addresses_)
        if (own.contains(address)) return true;
    return false;
}

std::optional<ip_address> address_table::source_towards(const ip_address& next_hop) const noexcept {
    const ip_address* first = nullptr;
    for (const ip_prefix& own : addresses_) {
        if (own.contains(next_hop)) return own.address;
        if (first == nullptr && own.address.is_v4() == next_hop.is_v4()) first = &own.address;
    }
    if (first == nullptr) return {};
    return *first;
}

}  // namespace coax::stack::ip
