// The table of socket options.
#include "framework/transport/stack_options.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>

#include <coax/congestion.hpp>
#include <coax/tcp_options.hpp>

#include "framework/transport/option_key.hpp"
#include "stack/config.hpp"

namespace coax::detail {

namespace error = boost::asio::error;

namespace {

error_code put(const void* from, std::size_t length, void* data, std::size_t* size) {
    if (*size < length) return error::invalid_argument;
    std::memcpy(data, from, length);
    *size = length;
    return {};
}

std::uint32_t positive(int value) noexcept {
    return static_cast<std::uint32_t>(std::max(value, 1));
}

// `value` into `target` if it is one that Linux takes, too.
error_code keep(int& target, int value, int least, int most) {
    if (value < least || value > most) return error::invalid_argument;
    target = value;
    return {};
}

int seconds(stack::duration d) noexcept {
    return static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(d).count());
}

// Without meaning for this stack (yet), but harmless to accept.
bool is_remembered(std::uint64_t which) noexcept {
    switch (which) {
        case option_key(SOL_SOCKET, SO_REUSEPORT):
        case option_key(SOL_SOCKET, SO_BROADCAST):
        case option_key(SOL_SOCKET, SO_DEBUG):
        case option_key(SOL_SOCKET, SO_DONTROUTE):
        case option_key(SOL_SOCKET, SO_RCVLOWAT):
        case option_key(SOL_SOCKET, SO_PRIORITY):
        case option_key(IPPROTO_TCP, TCP_QUICKACK):
        case option_key(IPPROTO_IPV6, IPV6_V6ONLY): return true;
        default: return false;
    }
}

int linux_default(std::uint64_t which) noexcept {
    switch (which) {
        case option_key(SOL_SOCKET, SO_RCVLOWAT):
        case option_key(IPPROTO_TCP, TCP_QUICKACK): return 1;
        default: return 0;
    }
}

}  // namespace

stack::tcp::keep_alive_times stack_options::keep_alive_times() const noexcept {
    return {std::chrono::seconds(keep_alive_idle_seconds_),
            std::chrono::seconds(keep_alive_interval_seconds_),
            static_cast<std::uint8_t>(keep_alive_count_)};
}

stack::duration stack_options::linger_time() const noexcept {
    return std::chrono::seconds(linger_on_ ? std::max(linger_seconds_, 0) : 0);
}

// As the kernel: a name of at most 15 characters, ended by the size or by a zero; ENOENT when there
// is none of that name.
error_code stack_options::set_congestion(const void* data, std::size_t size) {
    if (size == 0) return error::invalid_argument;
    const auto* const text = static_cast<const char*>(data);
    const std::string_view name(text, strnlen(text, std::min(size, congestion_name_size)));
    if (!stack::congestion_algorithm_named(name)) return {ENOENT, boost::system::system_category()};
    congestion_ = name;
    return {};
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
    if (level == IPPROTO_TCP && name == TCP_CONGESTION) return set_congestion(data, size);
    int value = 0;
    if (level == IPPROTO_IP && name == IP_TOS && size == 1) {  // as the kernel: an octet will do
        value = *static_cast<const std::uint8_t*>(data);
    } else {
        if (size < sizeof value) return error::invalid_argument;
        std::memcpy(&value, data, sizeof value);
    }
    const std::uint64_t which = option_key(level, name);
    const error_code done = set_value(which, value);
    if (done != error::no_protocol_option) return done;
    if (!is_remembered(which)) return error::no_protocol_option;
    remembered_.set(which, value);
    return {};
}

error_code stack_options::set_value(std::uint64_t which, int value) {
    switch (which) {
        case option_key(IPPROTO_TCP, TCP_NODELAY): no_delay_ = value != 0; return {};
        case option_key(IPPROTO_TCP, TCP_CORK): cork_ = value != 0; return {};
        case option_key(IPPROTO_TCP, TCP_KEEPIDLE):
            return keep(keep_alive_idle_seconds_, value, 1, 32767);
        case option_key(IPPROTO_TCP, TCP_KEEPINTVL):
            return keep(keep_alive_interval_seconds_, value, 1, 32767);
        case option_key(IPPROTO_TCP, TCP_KEEPCNT): return keep(keep_alive_count_, value, 1, 127);
        case option_key(IPPROTO_TCP, TCP_USER_TIMEOUT):
            return keep(timeout_ms_, value, 0, std::numeric_limits<int>::max());
        case option_key(SOL_SOCKET, SO_KEEPALIVE): keep_alive_ = value != 0; return {};
        case option_key(IPPROTO_IP, IP_TOS): traffic_class_ = value & 0xfc; return {};
        case option_key(IPPROTO_IPV6, IPV6_TCLASS):  // -1: the default
            if (value < -1 || value > 255) return error::invalid_argument;
            traffic_class_ = value < 0 ? 0 : value & 0xfc;
            return {};
        case option_key(IPPROTO_IP, IP_TTL):  // -1: the default
        case option_key(IPPROTO_IPV6, IPV6_UNICAST_HOPS):
            if (value < -1 || value == 0 || value > 255) return error::invalid_argument;
            hops_ = static_cast<std::uint8_t>(std::max(value, 0));
            return {};
        case option_key(SOL_SOCKET, SO_OOBINLINE): urgent_inline_ = value != 0; return {};
        case option_key(SOL_SOCKET, SO_REUSEADDR): reuse_address_ = value != 0; return {};
        case option_key(SOL_SOCKET, SO_SNDBUF): send_buffer_ = positive(value); return {};
        case option_key(SOL_SOCKET, SO_RCVBUF): receive_buffer_ = positive(value); return {};
        case option_key(stack_option_level, stack_option_ecn): ecn_ = value != 0; return {};
        case option_key(stack_option_level, stack_option_pacing): pacing_ = value != 0; return {};
        case option_key(stack_option_level, stack_option_idle):
            if (value < 0 || value >= static_cast<int>(stack::idle_window_count))
                return error::invalid_argument;
            idle_ = static_cast<stack::idle_window>(value);
            return {};
        default: return error::no_protocol_option;
    }
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
    const auto give = [&](int value) { return put_option(level, value, data, size); };
    const auto number = [&](int own, int standard) { return give(own != 0 ? own : standard); };
    const std::uint64_t which = option_key(level, name);
    switch (which) {
        case option_key(IPPROTO_TCP, TCP_NODELAY): return give(no_delay_ ? 1 : 0);
        case option_key(IPPROTO_TCP, TCP_CORK): return give(cork_ ? 1 : 0);
        case option_key(IPPROTO_TCP, TCP_KEEPIDLE):
            return number(keep_alive_idle_seconds_, seconds(defaults.keep_alive_idle));
        case option_key(IPPROTO_TCP, TCP_KEEPINTVL):
            return number(keep_alive_interval_seconds_, seconds(defaults.keep_alive_interval));
        case option_key(IPPROTO_TCP, TCP_KEEPCNT):
            return number(keep_alive_count_, defaults.keep_alive_probes);
        case option_key(IPPROTO_TCP, TCP_USER_TIMEOUT): return give(timeout_ms_);
        case option_key(SOL_SOCKET, SO_KEEPALIVE): return give(keep_alive_ ? 1 : 0);
        case option_key(IPPROTO_IP, IP_TOS):
        case option_key(IPPROTO_IPV6, IPV6_TCLASS): return give(traffic_class_);
        case option_key(IPPROTO_IP, IP_TTL):
        case option_key(IPPROTO_IPV6, IPV6_UNICAST_HOPS):
            return number(hops_, stack::ip_config{}.time_to_live);
        case option_key(SOL_SOCKET, SO_OOBINLINE): return give(urgent_inline_ ? 1 : 0);
        case option_key(SOL_SOCKET, SO_REUSEADDR): return give(reuse_address_ ? 1 : 0);
        case option_key(SOL_SOCKET, SO_SNDBUF):
            return give(bytes(send_buffer_, defaults.send_buffer_bytes));
        case option_key(SOL_SOCKET, SO_RCVBUF):
            return give(bytes(receive_buffer_, defaults.receive_buffer_bytes));
        case option_key(stack_option_level, stack_option_ecn):
            return give(ecn_.value_or(defaults.ecn == stack::ecn_use::request) ? 1 : 0);
        case option_key(stack_option_level, stack_option_pacing):
            return give(pacing_.value_or(defaults.pacing) ? 1 : 0);
        case option_key(stack_option_level, stack_option_idle):
            return give(static_cast<int>(idle_.value_or(defaults.after_idle)));
        case option_key(SOL_SOCKET, SO_TYPE): return give(SOCK_STREAM);
        default: break;
    }
    if (is_remembered(which)) return give(remembered_.get(which, linux_default(which)));
    // Cannot be set, but read.
    if (which == option_key(SOL_SOCKET, SO_SNDLOWAT)) return give(1);
    return error::no_protocol_option;
}

}  // namespace coax::detail
