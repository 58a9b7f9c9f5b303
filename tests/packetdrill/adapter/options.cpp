// Socket options. What has a counterpart in the stack is set there; what only shows on other
// layers (type of service) or is free of consequences is remembered and read back.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "tests/packetdrill/adapter/host.hpp"

namespace coax::packetdrill {

namespace {

constexpr int tcp_info_name = 11;
constexpr int tcp_user_timeout_name = 18;
constexpr int tcp_cc_info_name = 26;
constexpr int tcp_notsent_lowat_name = 25;
constexpr int so_meminfo_name = 55;
// Linux counts bookkeeping as buffer: what a user asks for is doubled (socket(7)).
constexpr std::uint32_t doubling = 2;
constexpr std::uint32_t send_buffer_min = 4608;

int write_int(int from, void* value, socklen_t* length) {
    const std::size_t size = std::min<std::size_t>(*length, sizeof from);
    std::memcpy(value, &from, size);
    *length = static_cast<socklen_t>(size);
    return 0;
}

}  // namespace

int host::getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
    lock held(time_.mutex);
    open_socket* s = find(fd);
    if (s == nullptr) return fails(EBADF);
    if (value == nullptr || length == nullptr) return fails(EFAULT);
    if (level == SOL_SOCKET && name == SO_ERROR) {
        const bool fresh = s->failed && !s->error_taken;
        int error = 0;
        if (fresh) {
            failure(*s, stack_->tcp_error(s->id));
            error = errno;
        }
        return write_int(error, value, length);
    }
    if (level == SOL_SOCKET && name == SO_SNDBUF)
        return write_int(static_cast<int>(s->send_buffer), value, length);
    if (level == SOL_SOCKET && name == SO_RCVBUF)
        return write_int(static_cast<int>(s->receive_buffer), value, length);
    if (level == SOL_SOCKET && name == so_meminfo_name) {
        std::memset(value, 0, *length);
        return 0;
    }
    if (level == IPPROTO_TCP && name == tcp_info_name) {
        const auto info = stack_->tcp_info(s->id, time_.now());
        if (!info) return failure(*s, info.code());
        fill_tcp_info(*info, value, length);
        return 0;
    }
    if (level == IPPROTO_TCP && name == tcp_cc_info_name) {
        *length = 0;
        return 0;
    }
    int answer = 0;
    if (level == IPPROTO_TCP && tcp_option(*s, name, answer) == 0)
        return write_int(answer, value, length);
    if (const auto set = s->options.find({level, name}); set != s->options.end())
        answer = set->second;
    return write_int(answer, value, length);
}

// 0: `value` is what the option says.
int host::tcp_option(open_socket& s, int name, int& value) {
    switch (name) {
        case tcp_notsent_lowat_name: value = static_cast<int>(s.unsent_low_water); return 0;
        case TCP_MAXSEG: {
            if (!s.connected) return -1;
            const auto info = stack_->tcp_info(s.id);
            if (!info) return -1;
            value = static_cast<int>(info->send_mss);
            return 0;
        }
        default: return -1;
    }
}

int host::setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
    lock held(time_.mutex);
    open_socket* s = find(fd);
    if (s == nullptr) return fails(EBADF);
    if (value == nullptr) return fails(EFAULT);
    int n = 0;
    std::memcpy(&n, value, std::min<std::size_t>(length, sizeof n));
    if (level == SOL_SOCKET) {
        const auto bytes = static_cast<std::uint32_t>(std::max(n, 0)) * doubling;
        if (name == SO_REUSEADDR) s->reuse_address = n != 0;
        if (name == SO_SNDBUF) {
            s->send_buffer = std::max(bytes, send_buffer_min);
            (void)stack_->tcp_set_send_buffer(s->id, s->send_buffer);
        }
        if (name == SO_RCVBUF) {
            s->receive_buffer = bytes;
            (void)stack_->tcp_set_receive_buffer(s->id, static_cast<std::uint32_t>(n));
        }
        if (name == SO_KEEPALIVE) (void)stack_->tcp_set_keep_alive(s->id, n != 0, time_.now());
    }
    if (level == IPPROTO_IP && name == IP_TOS)
        (void)stack_->tcp_set_traffic_class(s->id, static_cast<std::uint8_t>(n));
    if (level == IPPROTO_TCP && set_tcp_option(*s, name, n) < 0) return -1;
    s->options[{level, name}] = n;
    time_.turn();
    return 0;
}

int host::set_tcp_option(open_socket& s, int name, int value) {
    switch (name) {
        case TCP_NODELAY: (void)stack_->tcp_set_no_delay(s.id, value != 0, time_.now()); return 0;
        case tcp_notsent_lowat_name:
            s.unsent_low_water = static_cast<std::uint32_t>(value);
            return 0;
        case TCP_MAXSEG: {
            if (value < 88 || value > 32767) return fails(EINVAL);
            (void)stack_->tcp_set_maximum_segment(s.id, static_cast<std::uint16_t>(value));
            return 0;
        }
        case TCP_CORK: (void)stack_->tcp_set_cork(s.id, value != 0, time_.now()); return 0;
        case tcp_user_timeout_name:
            (void)stack_->tcp_set_user_timeout(s.id, std::chrono::milliseconds(value));
            return 0;
        default: return 0;
    }
}

}  // namespace coax::packetdrill
