// Ports and their names (services(5)).
#pragma once

#include <cstdint>
#include <string>

#include <coax/detail/socket_state.hpp>

namespace coax::detail::dns {

// "80", "http", or "" (port 0). `flags` as of getaddrinfo(3): with AI_NUMERICSERV names are no
// answer. Errors: host_not_found for a name that should be a number, as getaddrinfo(3) has it;
// service_not_found. `socket_type`: SOCK_STREAM or SOCK_DGRAM, for services that have one of them.
std::uint16_t port_of(const std::string& service, int socket_type, int flags, error_code& ec);

// The other way; a number where there is no name.
std::string name_of(std::uint16_t port, int socket_type);

}  // namespace coax::detail::dns
