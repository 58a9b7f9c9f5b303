// Reads rtnetlink's link messages. Knows no AF_XDP.
#include "backends/xdp/link_watch.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace coax::backends {

link_watch::link_watch()
    : descriptor_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK;
    if (descriptor_ < 0 ||
        ::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        failure_ = std::string("can't watch network interfaces: ") + std::strerror(errno);
}

link_watch::~link_watch() {
    if (descriptor_ >= 0) close(descriptor_);
}

void link_watch::start(const interface_facts& facts) {
    index_ = facts.index;
    state_ = {false, facts.up, facts.mtu, facts.mac};
}

namespace {

constexpr std::size_t info_offset = NLMSG_ALIGN(sizeof(nlmsghdr));
constexpr std::size_t attributes_offset = info_offset + NLMSG_ALIGN(sizeof(ifinfomsg));

// The attributes of interest of an RTM_NEWLINK message.
void read_attributes(const char* at, const char* end, link_watch::state& target) noexcept {
    while (at + sizeof(rtattr) <= end) {
        rtattr attribute{};
        std::memcpy(&attribute, at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || at + attribute.rta_len > end) return;
        const char* value = at + RTA_ALIGN(sizeof attribute);
        const std::size_t size = attribute.rta_len - RTA_ALIGN(sizeof attribute);
        if (attribute.rta_type == IFLA_MTU && size >= sizeof target.mtu)
            std::memcpy(&target.mtu, value, sizeof target.mtu);
        if (attribute.rta_type == IFLA_ADDRESS && size == target.mac.octets.size())
            std::memcpy(target.mac.octets.data(), value, size);
        at += RTA_ALIGN(attribute.rta_len);
    }
}

bool same(const link_watch::state& a, const link_watch::state& b) noexcept {
    return a.removed == b.removed && a.up == b.up && a.mtu == b.mtu && a.mac == b.mac;
}

}  // namespace

void link_watch::read_messages(const char* data, std::size_t size, bool& changed) noexcept {
    while (size >= sizeof(nlmsghdr)) {
        nlmsghdr header{};
        std::memcpy(&header, data, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > size) return;
        const bool link = header.nlmsg_type == RTM_NEWLINK || header.nlmsg_type == RTM_DELLINK;
        ifinfomsg info{};
        if (header.nlmsg_len >= attributes_offset)
            std::memcpy(&info, data + info_offset, sizeof info);
        // A bridge tells of its ports with the same messages, in its own family.
        if (link && info.ifi_family == AF_UNSPEC && info.ifi_index == static_cast<int>(index_)) {
            state next = state_;
            next.removed = next.removed || header.nlmsg_type == RTM_DELLINK;
            next.up = (info.ifi_flags & IFF_UP) != 0;
            read_attributes(data + attributes_offset, data + header.nlmsg_len, next);
            changed = changed || !same(next, state_);
            state_ = next;
        }
        const std::size_t step = NLMSG_ALIGN(header.nlmsg_len);
        if (step >= size) return;
        data += step;
        size -= step;
    }
}

bool link_watch::update() noexcept {
    bool changed = false;
    alignas(nlmsghdr) std::array<char, 16384> buffer;
    while (true) {
        const ssize_t size = recv(descriptor_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size > 0) {
            read_messages(buffer.data(), static_cast<std::size_t>(size), changed);
            continue;
        }
        if (size < 0 && errno == EINTR) continue;
        if (size == 0 || errno != ENOBUFS) return changed;
        changed = refresh() || changed;  // messages were lost: ask
    }
}

bool link_watch::refresh() noexcept {
    state next = state_;
    const int asking = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (asking < 0) return false;
    ifreq request{};
    request.ifr_ifindex = static_cast<int>(index_);
    if (ioctl(asking, SIOCGIFNAME, &request) != 0) {
        next.removed = errno == ENODEV;
    } else {
        if (ioctl(asking, SIOCGIFFLAGS, &request) == 0) next.up = (request.ifr_flags & IFF_UP) != 0;
        if (ioctl(asking, SIOCGIFMTU, &request) == 0)
            next.mtu = static_cast<unsigned>(request.ifr_mtu);
        if (ioctl(asking, SIOCGIFHWADDR, &request) == 0)
            std::memcpy(next.mac.octets.data(), request.ifr_hwaddr.sa_data, next.mac.octets.size());
    }
    close(asking);
    const bool changed = !same(next, state_);
    state_ = next;
    return changed;
}

}  // namespace coax::backends
