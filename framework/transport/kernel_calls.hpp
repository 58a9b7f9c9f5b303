// System calls on the descriptors of kernel sockets, with their outcome as an error code.
#pragma once

#include <cerrno>
#include <cstddef>

#include <coax/detail/socket_state.hpp>

namespace coax::detail {

// Of a call that just returned: errno when it failed.
inline error_code outcome(int result) noexcept {
    return result < 0 ? error_code(errno, boost::system::system_category()) : error_code{};
}

// bind(2); `shared`: with SO_REUSEPORT, so that others who ask for it, too, can have the same port.
error_code bind_to(int descriptor, const ip_endpoint& local, bool shared);
ip_endpoint local_of(int descriptor, error_code& ec);
ip_endpoint remote_of(int descriptor, error_code& ec);
error_code set_kernel_option(int descriptor, int level, int name, const void* data,
                             std::size_t size);
// SO_SNDBUF and SO_RCVBUF as they were set.
error_code get_kernel_option(int descriptor, int level, int name, void* data, std::size_t* size);

}  // namespace coax::detail
