// The table of a UDP socket's options.
#include "framework/transport/stack_datagram_options.hpp"

#include <algorithm>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>

#include "framework/transport/option_key.hpp"
#include "framework/transport/stack_values.hpp"
#include "stack/config.hpp"

namespace coax::detail {

namespace error = boost::asio::error;

namespace {

// Hops 1, and loopback on, from the beginning.
bool is_multicast(std::uint64_t which) noexcept {
    switch (which) {
        case option_key(IPPROTO_IP, IP_MULTICAST_TTL):
        case option_key(IPPROTO_IP, IP_MULTICAST_LOOP):
        case option_key(IPPROTO_IPV6, IPV6_MULTICAST_HOPS):
        case option_key(IPPROTO_IPV6, IPV6_MULTICAST_LOOP): return true;
        default: return false;
    }
}

// Without meaning for this stack (yet), but harmless to accept.
bool is_remembered(std::uint64_t which) noexcept {
    switch (which) {
        case option_key(SOL_SOCKET, SO_REUSEADDR):
        case option_key(SOL_SOCKET, SO_REUSEPORT):
        case option_key(SOL_SOCKET, SO_DEBUG):
        case option_key(SOL_SOCKET, SO_DONTROUTE):
        case option_key(SOL_SOCKET, SO_KEEPALIVE):
        case option_key(SOL_SOCKET, SO_RCVLOWAT):
        case option_key(SOL_SOCKET, SO_PRIORITY):
        case option_key(IPPROTO_IP, IP_TTL):
        case option_key(IPPROTO_IPV6, IPV6_V6ONLY):
        case option_key(IPPROTO_IPV6, IPV6_UNICAST_HOPS): return true;
        default: return is_multicast(which);
    }
}

bool is_membership(std::uint64_t which) noexcept {
    switch (which) {
        case option_key(IPPROTO_IP, IP_ADD_MEMBERSHIP):
        case option_key(IPPROTO_IP, IP_DROP_MEMBERSHIP):
        case option_key(IPPROTO_IP, IP_MULTICAST_IF):
        case option_key(IPPROTO_IPV6, IPV6_JOIN_GROUP):
        case option_key(IPPROTO_IPV6, IPV6_LEAVE_GROUP):
        case option_key(IPPROTO_IPV6, IPV6_MULTICAST_IF): return true;
        default: return false;
    }
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
      send_buffer_(stack::udp_config{}.send_queue_bytes),
      receive_buffer_(stack::udp_config{}.receive_queue_bytes) {}

error_code stack_datagram_options::set(stack::ip_stack& s, stack::udp_socket socket, int level,
                                       int name, const void* data, std::size_t size) {
    const std::uint64_t which = option_key(level, name);
    if (is_membership(which)) return error::operation_not_supported;
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
        default: break;
    }
    if (!is_remembered(which)) return error::no_protocol_option;
    remembered_.set(which, value);
    return {};
}

error_code stack_datagram_options::get(stack::ip_stack& s, stack::udp_socket socket, int level,
                                       int name, void* data, std::size_t* size) const {
    const std::uint64_t which = option_key(level, name);
    if (is_membership(which)) return error::operation_not_supported;
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
        default: break;
    }
    if (is_remembered(which)) return put(remembered_.get(which, is_multicast(which) ? 1 : 0));
    return error::no_protocol_option;
}

}  // namespace coax::detail
