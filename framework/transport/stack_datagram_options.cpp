// The table of a UDP socket's options.
#include "framework/transport/stack_datagram_options.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>

#include "framework/transport/option_key.hpp"
#include "framework/transport/stack_values.hpp"
#include "stack/config.hpp"

namespace coax::detail {

namespace error = boost::asio::error;

namespace {

// Without meaning for this stack (yet), but harmless to accept.
bool is_remembered(std::uint64_t which) noexcept {
    switch (which) {
        case option_key(SOL_SOCKET, SO_REUSEPORT):
        case option_key(SOL_SOCKET, SO_DEBUG):
        case option_key(SOL_SOCKET, SO_DONTROUTE):
        case option_key(SOL_SOCKET, SO_KEEPALIVE):
        case option_key(SOL_SOCKET, SO_RCVLOWAT):
        case option_key(SOL_SOCKET, SO_PRIORITY):
        case option_key(IPPROTO_IPV6, IPV6_V6ONLY):
        case option_key(IPPROTO_IPV6, IPV6_UNICAST_HOPS):
        case option_key(IPPROTO_IPV6, IPV6_MULTICAST_HOPS):
        case option_key(IPPROTO_IPV6, IPV6_MULTICAST_LOOP): return true;
        default: return false;
    }
}

// Of IPv6 these begin with one hop and with loopback.
int never_set(std::uint64_t which) noexcept {
    return which == option_key(IPPROTO_IPV6, IPV6_MULTICAST_HOPS) ||
                   which == option_key(IPPROTO_IPV6, IPV6_MULTICAST_LOOP)
               ? 1
               : 0;
}

// Their value is a structure, of addresses.
bool is_membership(std::uint64_t which) noexcept {
    switch (which) {
        case option_key(IPPROTO_IP, IP_ADD_MEMBERSHIP):
        case option_key(IPPROTO_IP, IP_DROP_MEMBERSHIP):
        case option_key(IPPROTO_IP, IP_MULTICAST_IF): return true;
        default: return false;
    }
}

stack::ip_address address_of(const in_addr& a) noexcept {
    return stack::ip_address::v4(ntohl(a.s_addr));
}

// The least that Linux gives.
constexpr std::uint32_t least_receive_buffer = 1152;
constexpr std::uint32_t least_send_buffer = 2304;

std::uint32_t bounded(int value, std::uint32_t least, std::uint32_t most) noexcept {
    return std::clamp(static_cast<std::uint32_t>(std::max(value, 0)), least, most);
}

}  // namespace

stack_datagram_options::stack_datagram_options()
    : mtu_discovery_(IP_PMTUDISC_WANT),
      hops_(stack::ip_config{}.time_to_live),
      send_buffer_(stack::udp_config{}.send_queue_bytes),
      receive_buffer_(stack::udp_config{}.receive_queue_bytes) {}

error_code stack_datagram_options::set(stack::ip_stack& s, stack::udp_socket socket, int level,
                                       int name, const void* data, std::size_t size) {
    const std::uint64_t which = option_key(level, name);
    if (is_membership(which)) return set_membership(s, socket, name, data, size);
    int value = 0;
    const bool octet = size == 1 && level == IPPROTO_IP;  // as the kernel: an octet will do
    if (octet) {
        value = *static_cast<const std::uint8_t*>(data);
    } else {
        if (size < sizeof value) return error::invalid_argument;
        std::memcpy(&value, data, sizeof value);
    }
    constexpr stack::udp_config most;
    switch (which) {
        case option_key(SOL_SOCKET, SO_BROADCAST):
            broadcast_ = value != 0 ? 1 : 0;
            return to_error_code(s.udp_set_broadcast(socket, value != 0).code());
        case option_key(SOL_SOCKET, SO_SNDBUF):
            send_buffer_ = bounded(value, least_send_buffer, most.send_queue_bytes);
            return to_error_code(s.udp_set_send_buffer(socket, send_buffer_).code());
        case option_key(SOL_SOCKET, SO_RCVBUF):
            receive_buffer_ = bounded(value, least_receive_buffer, most.receive_queue_bytes);
            return to_error_code(s.udp_set_receive_buffer(socket, receive_buffer_).code());
        case option_key(IPPROTO_IP, IP_TOS):
        case option_key(IPPROTO_IPV6, IPV6_TCLASS):
            if (level == IPPROTO_IPV6 && (value < -1 || value > 255))
                return error::invalid_argument;
            traffic_class_ = value < 0 ? 0 : value & 0xff;
            return to_error_code(
                s.udp_set_traffic_class(socket, static_cast<std::uint8_t>(traffic_class_)).code());
        case option_key(IPPROTO_IP, IP_MTU_DISCOVER):
            if (value < IP_PMTUDISC_DONT || value > IP_PMTUDISC_OMIT)
                return error::invalid_argument;
            mtu_discovery_ = value;
            return to_error_code(s.udp_set_dont_fragment(socket, value == IP_PMTUDISC_DO).code());
        case option_key(SOL_SOCKET, SO_REUSEADDR):
            reuse_address_ = value != 0 ? 1 : 0;
            return to_error_code(s.udp_set_reuse_address(socket, value != 0).code());
        case option_key(IPPROTO_IP, IP_MULTICAST_LOOP):
            multicast_loop_ = value != 0 ? 1 : 0;
            return to_error_code(s.udp_set_multicast_loop(socket, value != 0).code());
        case option_key(IPPROTO_IP, IP_TTL):
            if (value == -1) value = stack::ip_config{}.time_to_live;  // as Linux: the default
            if (value < 1 || value > 255) return error::invalid_argument;
            hops_ = value;
            return to_error_code(s.udp_set_hops(socket, static_cast<std::uint8_t>(value)).code());
        case option_key(IPPROTO_IP, IP_MULTICAST_TTL):
            if (value == -1) value = 1;
            if (value < 0 || value > 255) return error::invalid_argument;
            multicast_hops_ = value;
            return to_error_code(
                s.udp_set_multicast_hops(socket, static_cast<std::uint8_t>(value)).code());
        default: break;
    }
    if (!is_remembered(which)) return error::no_protocol_option;
    remembered_.set(which, value);
    return {};
}

// ip_mreq, ip_mreqn, and for the interface the address alone. The stack has one interface: it is
// named by any of its addresses, or not at all.
error_code stack_datagram_options::set_membership(stack::ip_stack& s, stack::udp_socket socket,
                                                  int name, const void* data, std::size_t size) {
    ip_mreqn given{};
    if (name == IP_MULTICAST_IF && size < sizeof(ip_mreq)) {
        if (size < sizeof given.imr_address) return error::invalid_argument;
        std::memcpy(&given.imr_address, data, sizeof given.imr_address);
    } else {
        if (size < sizeof(ip_mreq)) return error::invalid_argument;
        std::memcpy(&given, data, std::min(size, sizeof given));
    }
    const stack::ip_address on = address_of(given.imr_address);
    const auto own = s.addresses();
    const bool known = on.is_unspecified() || std::ranges::any_of(own, [&](const auto& each) {
                           return each.prefix.address == on;
                       });
    if (name == IP_MULTICAST_IF) {
        if (!known || given.imr_ifindex != 0)
            return to_error_code(stack::error::address_not_available);
        outbound_ = given.imr_address.s_addr;
        return to_error_code(s.udp_set_multicast_source(socket, on).code());
    }
    const stack::ip_address group = address_of(given.imr_multiaddr);
    if (!group.is_multicast()) return error::invalid_argument;
    if (!known || given.imr_ifindex != 0)
        return {name == IP_ADD_MEMBERSHIP ? ENODEV : EADDRNOTAVAIL,
                boost::system::system_category()};
    return to_error_code((name == IP_ADD_MEMBERSHIP ? s.udp_join_group(socket, group)
                                                    : s.udp_leave_group(socket, group))
                             .code());
}

error_code stack_datagram_options::get(stack::ip_stack& s, stack::udp_socket socket, int level,
                                       int name, void* data, std::size_t* size) const {
    const std::uint64_t which = option_key(level, name);
    if (which == option_key(IPPROTO_IP, IP_MULTICAST_IF)) {
        if (*size < sizeof outbound_) return error::invalid_argument;
        std::memcpy(data, &outbound_, *size = sizeof outbound_);
        return {};
    }
    const auto put = [&](int value) { return put_option(level, value, data, size); };
    switch (which) {
        case option_key(SOL_SOCKET, SO_BROADCAST): return put(broadcast_);
        case option_key(SOL_SOCKET, SO_SNDBUF): return put(static_cast<int>(send_buffer_));
        case option_key(SOL_SOCKET, SO_RCVBUF): return put(static_cast<int>(receive_buffer_));
        case option_key(SOL_SOCKET, SO_TYPE): return put(SOCK_DGRAM);
        case option_key(SOL_SOCKET, SO_ERROR):  // told once
            return put(to_error_code(s.udp_pending_error(socket, true)).value());
        case option_key(IPPROTO_IP, IP_TOS):
        case option_key(IPPROTO_IPV6, IPV6_TCLASS): return put(traffic_class_);
        case option_key(IPPROTO_IP, IP_MTU_DISCOVER): return put(mtu_discovery_);
        case option_key(SOL_SOCKET, SO_REUSEADDR): return put(reuse_address_);
        case option_key(IPPROTO_IP, IP_TTL): return put(hops_);
        case option_key(IPPROTO_IP, IP_MULTICAST_TTL): return put(multicast_hops_);
        case option_key(IPPROTO_IP, IP_MULTICAST_LOOP): return put(multicast_loop_);
        default: break;
    }
    if (is_remembered(which)) return put(remembered_.get(which, never_set(which)));
    return error::no_protocol_option;
}

}  // namespace coax::detail
