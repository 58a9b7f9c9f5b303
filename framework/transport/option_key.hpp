// A socket option in the tables of options: its level and its name as one number, and how its value
// is given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <netinet/in.h>

#include <boost/asio/error.hpp>

#include <coax/detail/socket_state.hpp>

namespace coax::detail {

constexpr std::uint64_t option_key(int level, int name) noexcept {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(level)) << 32) |
           static_cast<std::uint32_t>(name);
}

// An int to a caller who has room for `*size` octets, as the kernel does: options of IPv4 fit into
// one octet, if there is no more room and their value allows it.
inline error_code put_option(int level, int value, void* data, std::size_t* size) noexcept {
    if (level == IPPROTO_IP && *size >= 1 && *size < sizeof value && value >= 0 && value <= 255) {
        const auto octet = static_cast<std::uint8_t>(value);
        std::memcpy(data, &octet, *size = sizeof octet);
        return {};
    }
    if (*size < sizeof value) return boost::asio::error::invalid_argument;
    std::memcpy(data, &value, *size = sizeof value);
    return {};
}

}  // namespace coax::detail
