// By a packet socket, since its memberships go when it goes.
#include "backends/xdp/group_door.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace coax::backends {

group_door::~group_door() {
    if (descriptor_ >= 0) close(descriptor_);
}

stack::error group_door::set(const stack::ip_address& group, bool open) noexcept {
    const std::lock_guard lock(mutex_);
    const auto known = open_.find(group);
    if (open) {
        if (known == open_.end()) return open_for(group);
        ++known->second;
    } else if (known != open_.end() && --known->second == 0) {
        open_.erase(known);
        static_cast<void>(let_in(group, false));
        program_.disown(group);
    }
    return stack::error::none;
}

stack::error group_door::open_for(const stack::ip_address& group) noexcept {
    if (kernel_has_joined(interface_, group)) return stack::error::address_in_use;
    if (const stack::error wrong = let_in(group, true); wrong != stack::error::none) return wrong;
    if (program_.own(group)) {
        open_.emplace(group, 1);
        return stack::error::none;
    }
    static_cast<void>(let_in(group, false));
    return stack::error::no_buffer_space;
}

// Past the filter of the network card.
stack::error group_door::let_in(const stack::ip_address& group, bool open) noexcept {
    if (descriptor_ < 0) descriptor_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    packet_mreq request{};
    request.mr_ifindex = static_cast<int>(index_);
    request.mr_type = PACKET_MR_MULTICAST;
    const stack::mac_address mac = stack::group_mac(group);
    request.mr_alen = static_cast<unsigned short>(mac.octets.size());
    std::copy(mac.octets.begin(), mac.octets.end(), std::begin(request.mr_address));
    const int result =
        ::setsockopt(descriptor_, SOL_PACKET, open ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP,
                     &request, sizeof request);
    if (result == 0) return stack::error::none;
    return errno == ENOBUFS || errno == ENOMEM ? stack::error::no_buffer_space
                                               : stack::error::operation_not_supported;
}

}  // namespace coax::backends
