// Between the stack's values and Asio's: addresses, endpoints, error codes.
#pragma once

#include <coax/detail/socket_state.hpp>

#include "stack/base/address.hpp"
#include "stack/base/result.hpp"

namespace coax::detail {

// An IPv4-mapped IPv6 address is IPv4 to the stack.
stack::endpoint to_stack(const ip_endpoint& e);
// `family`: that of the socket; an IPv4 peer of an AF_INET6 socket is shown mapped.
ip_endpoint to_asio(const stack::endpoint& e, int family);
error_code to_error_code(stack::error e) noexcept;
// address_family_not_supported: a socket of `family` can't be bound or sent there.
error_code check_family(const ip_endpoint& e, int family) noexcept;

}  // namespace coax::detail
