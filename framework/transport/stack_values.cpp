// The conversions.
#include "framework/transport/stack_values.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include <boost/asio/error.hpp>

namespace coax::detail {

namespace asio = boost::asio;

stack::endpoint to_stack(const ip_endpoint& e) {
    const asio::ip::address& a = e.address();
    if (a.is_v4()) return {stack::ip_address::v4(a.to_v4().to_uint()), e.port()};
    std::array<std::uint8_t, 16> octets{};
    const auto bytes = a.to_v6().to_bytes();
    std::copy(bytes.begin(), bytes.end(), octets.begin());
    return {stack::ip_address::v6(octets), e.port()};
}

ip_endpoint to_asio(const stack::endpoint& e, int family) {
    if (family == AF_INET) {
        if (!e.address.is_v4()) return {asio::ip::address_v4(), e.port};
        return {asio::ip::address_v4(e.address.to_v4()), e.port};
    }
    asio::ip::address_v6::bytes_type bytes{};
    const auto& octets = e.address.octets();
    std::copy(octets.begin(), octets.end(), bytes.begin());
    return {asio::ip::address_v6(bytes), e.port};
}

error_code to_error_code(stack::error e) noexcept {
    using stack::error;
    const auto system = [](int number) {
        return error_code(number, boost::system::system_category());
    };
    switch (e) {
        case error::none: return {};
        case error::would_block: return system(EWOULDBLOCK);
        case error::end_of_stream: return asio::error::eof;
        case error::not_connected: return system(ENOTCONN);
        case error::already_connected: return system(EISCONN);
        case error::connection_refused: return system(ECONNREFUSED);
        case error::connection_reset: return system(ECONNRESET);
        case error::connection_aborted: return system(ECONNABORTED);
        case error::broken_pipe: return system(EPIPE);
        case error::timed_out: return system(ETIMEDOUT);
        case error::host_unreachable: return system(EHOSTUNREACH);
        case error::network_unreachable: return system(ENETUNREACH);
        case error::address_in_use: return system(EADDRINUSE);
        case error::address_not_available: return system(EADDRNOTAVAIL);
        case error::address_family_not_supported: return system(EAFNOSUPPORT);
        case error::invalid_argument: return system(EINVAL);
        case error::bad_handle: return system(EBADF);
        case error::no_buffer_space: return system(ENOBUFS);
        case error::message_too_long: return system(EMSGSIZE);
        case error::operation_not_supported: return system(EOPNOTSUPP);
        case error::access_denied: return system(EACCES);
    }
    return system(EINVAL);
}

error_code check_family(const ip_endpoint& e, int family) noexcept {
    const int given = e.address().is_v4() ? AF_INET : AF_INET6;
    return given == family ? error_code{} : error_code(asio::error::address_family_not_supported);
}

}  // namespace coax::detail
