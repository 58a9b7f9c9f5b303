// Specifications of a second host on the wire of a given one. Knows of the specification string
// only what the wire's address and name need.
#pragma once

#include <boost/asio/ip/address.hpp>

#include "services/program/options.hpp"

namespace coax::services {

bool is_wire(const backend_options& backend);

// The same segment, with `address` for its own.
backend_options wire_host(const backend_options& backend, const boost::asio::ip::address& address);

}  // namespace coax::services
