// Opens the AF_XDP backend, or says in one line why it can't be and what to do. Knows no packet.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "backends/driver.hpp"
#include "backends/spec.hpp"

namespace coax::backends {

// Opened, bound and attached when it returns: frames are steered from then on.
std::variant<std::unique_ptr<driver>, failure> open_xdp(const xdp_spec& what);

// Why AF_XDP can't be used by this process on this machine; empty if it can.
std::string xdp_obstacle();

}  // namespace coax::backends
