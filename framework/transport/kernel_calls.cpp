// Names and options of kernel sockets.
#include "framework/transport/kernel_calls.hpp"

#include <cstring>

#include <sys/socket.h>

namespace coax::detail {

namespace {

template <class Call>
ip_endpoint endpoint_by(Call&& call, int descriptor, error_code& ec) {
    ip_endpoint endpoint;
    socklen_t size = static_cast<socklen_t>(endpoint.capacity());
    ec = outcome(call(descriptor, endpoint.data(), &size));
    if (ec) return {};
    endpoint.resize(size);
    return endpoint;
}

}  // namespace

error_code bind_to(int descriptor, const ip_endpoint& local, bool shared) {
    const int on = 1;
    if (shared)
        if (const auto ec =
                outcome(::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on)))
            return ec;
    return outcome(::bind(descriptor, local.data(), static_cast<socklen_t>(local.size())));
}

ip_endpoint local_of(int descriptor, error_code& ec) {
    return endpoint_by(::getsockname, descriptor, ec);
}

ip_endpoint remote_of(int descriptor, error_code& ec) {
    return endpoint_by(::getpeername, descriptor, ec);
}

error_code set_kernel_option(int descriptor, int level, int name, const void* data,
                             std::size_t size) {
    return outcome(::setsockopt(descriptor, level, name, data, static_cast<socklen_t>(size)));
}

error_code get_kernel_option(int descriptor, int level, int name, void* data, std::size_t* size) {
    auto length = static_cast<socklen_t>(*size);
    const error_code ec = outcome(::getsockopt(descriptor, level, name, data, &length));
    if (ec) return ec;
    *size = length;
    // Linux reports twice what was set (socket(7)); as with Asio, programs read back what they set.
    if (level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF) && length == sizeof(int)) {
        int bytes = 0;
        std::memcpy(&bytes, data, sizeof bytes);
        bytes /= 2;
        std::memcpy(data, &bytes, sizeof bytes);
    }
    return ec;
}

}  // namespace coax::detail
