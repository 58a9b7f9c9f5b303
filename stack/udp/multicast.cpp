// What UDP sockets have to do with groups: who hears them, and how they are sent to.
#include <algorithm>

#include "stack/udp/layer.hpp"

namespace coax::stack::udp {

status layer::set_multicast_hops(socket_id id, std::uint8_t hops) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    s->multicast_hops = hops;
    return {};
}

status layer::set_multicast_loop(socket_id id, bool on) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    s->multicast_loop = on;
    return {};
}

status layer::set_multicast_source(socket_id id, const ip_address& source) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    s->multicast_source = source;
    return {};
}

ip_address layer::multicast_source(socket_id id) const {
    const socket* s = find(id);
    return s != nullptr ? s->multicast_source : ip_address::any_v4();
}

status layer::join_group(socket_id id, const ip_address& group) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    if (std::ranges::find(s->groups, group) != s->groups.end()) return error::address_in_use;
    if (s->groups.size() >= config_.memberships_max) return error::no_buffer_space;
    s->groups.push_back(group);
    return {};
}

status layer::leave_group(socket_id id, const ip_address& group) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    const auto found = std::ranges::find(s->groups, group);
    if (found == s->groups.end()) return error::address_not_available;
    s->groups.erase(found);
    return {};
}

std::span<const ip_address> layer::groups(socket_id id) const {
    const socket* s = find(id);
    if (s == nullptr) return {};
    return s->groups;
}

// RFC 1122 4.1.3.5, RFC 3376 3.2: a copy for each socket on the port that is bound to this address
// or to any, has no other peer, and, if it is a group, has joined it.
disposition layer::input_to_many(const flow& ends, const payload_view& payload) {
    if (ends.local.port == 0) {
        ++counters_.port_zero;
        return disposition::port_zero;
    }
    if (others_ != nullptr) others_->copy_to(others_->hearers_on(ends.local.port));
    const ip_address& to = ends.local.address;
    const bool is_group = to.is_multicast();
    disposition all = disposition::no_port;
    for (const flow& key : {ends, flow{ends.local, {}}, flow{any_of_family(ends.local), {}}}) {
        const auto found = by_flow_.find(key);
        if (found == by_flow_.end()) continue;
        for (socket* s = &sockets_[found->second]; s != nullptr; s = s->next) {
            if (is_group && std::ranges::find(s->groups, to) == s->groups.end()) continue;
            const disposition one = deliver(*s, ends, payload);
            if (all != disposition::consumed) all = one;
        }
    }
    if (all == disposition::no_port) ++counters_.no_port;
    return all;
}

}  // namespace coax::stack::udp
