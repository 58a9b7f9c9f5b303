// The table of socket options.
#include "framework/transport/stack_options.hpp"

#include <algorithm>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>

#include "stack/config.hpp"

namespace coax::detail {

namespace error = boost::asio::error;

namespace {

constexpr std::uint64_t key(int level, int name) noexcept {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(level)) << 32) |
           static_cast<std::uint32_t>(name);
}

error_code put(const void* from, std::size_t length, void* data, std::size_t* size) {
    if (*size < length) return error::invalid_argument;
    std::memcpy(data, from, length);
    *size = length;
    return {};
}

error_code put(int value, void* data, std::size_t* size) {
    return put(&value, sizeof value, data, size);
}

std::uint32_t positive(int value) noexcept {
    return static_cast<std::uint32_t>(std::max(value, 1));
}

}  // namespace

// Without meaning for this stack (yet), but harmless to accept.
bool stack_options::is_remembered(int level, int name) noexcept {
    switch (key(level, name)) {
        case key(SOL_SOCKET, SO_REUSEPORT):
        case key(SOL_SOCKET, SO_BROADCAST):
        case key(SOL_SOCKET, SO_DEBUG):
        case key(SOL_SOCKET, SO_DONTROUTE):
        case key(SOL_SOCKET, SO_OOBINLINE):
        case key(SOL_SOCKET, SO_RCVLOWAT):
        case key(SOL_SOCKET, SO_SNDLOWAT):
        case key(SOL_SOCKET, SO_PRIORITY):
        case key(IPPROTO_TCP, TCP_KEEPIDLE):
        case key(IPPROTO_TCP, TCP_KEEPINTVL):
        case key(IPPROTO_TCP, TCP_KEEPCNT):
        case key(IPPROTO_TCP, TCP_QUICKACK):
        case key(IPPROTO_TCP, TCP_USER_TIMEOUT):
        case key(IPPROTO_IP, IP_TOS):
        case key(IPPROTO_IP, IP_TTL):
        case key(IPPROTO_IPV6, IPV6_V6ONLY):
        case key(IPPROTO_IPV6, IPV6_UNICAST_HOPS): return true;
        default: return false;
    }
}

error_code stack_options::set(int level, int name, const void* data, std::size_t size) {
    if (level == SOL_SOCKET && name == SO_LINGER) {
        linger given{};
        if (size < sizeof given) return error::invalid_argument;
        std::memcpy(&given, data, sizeof given);
        linger_on_ = given.l_onoff != 0;
        linger_seconds_ = given.l_linger;
        return {};
    }
    int value = 0;
    if (size < sizeof value) return error::invalid_argument;
    std::memcpy(&value, data, sizeof value);
    switch (key(level, name)) {
        case key(IPPROTO_TCP, TCP_NODELAY): no_delay_ = value != 0; return {};
        case key(SOL_SOCKET, SO_KEEPALIVE): keep_alive_ = value != 0; return {};
        case key(SOL_SOCKET, SO_REUSEADDR): reuse_address_ = value != 0; return {};
        case key(SOL_SOCKET, SO_SNDBUF): send_buffer_ = positive(value); return {};
        case key(SOL_SOCKET, SO_RCVBUF): receive_buffer_ = positive(value); return {};
        default: break;
    }
    if (!is_remembered(level, name)) return error::no_protocol_option;
    for (remembered& r : remembered_) {
        if (r.level != level || r.name != name) continue;
        r.value = value;
        return {};
    }
    remembered_.push_back({level, name, value});
    return {};
}

error_code stack_options::get(int level, int name, void* data, std::size_t* size) const {
    if (level == SOL_SOCKET && name == SO_LINGER) {
        const linger value{linger_on_ ? 1 : 0, linger_seconds_};
        return put(&value, sizeof value, data, size);
    }
    constexpr stack::tcp_config defaults;
    const auto bytes = [](std::uint32_t own, std::uint32_t standard) {
        return static_cast<int>(own != 0 ? own : standard);
    };
    switch (key(level, name)) {
        case key(IPPROTO_TCP, TCP_NODELAY): return put(no_delay_ ? 1 : 0, data, size);
        case key(SOL_SOCKET, SO_KEEPALIVE): return put(keep_alive_ ? 1 : 0, data, size);
        case key(SOL_SOCKET, SO_REUSEADDR): return put(reuse_address_ ? 1 : 0, data, size);
        case key(SOL_SOCKET, SO_SNDBUF):
            return put(bytes(send_buffer_, defaults.send_buffer_bytes), data, size);
        case key(SOL_SOCKET, SO_RCVBUF):
            return put(bytes(receive_buffer_, defaults.receive_buffer_bytes), data, size);
        case key(SOL_SOCKET, SO_TYPE): return put(SOCK_STREAM, data, size);
        default: break;
    }
    for (const remembered& r : remembered_)
        if (r.level == level && r.name == name) return put(r.value, data, size);
    if (is_remembered(level, name)) return put(0, data, size);
    return error::no_protocol_option;
}

}  // namespace coax::detail
