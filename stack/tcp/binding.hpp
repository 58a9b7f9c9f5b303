// Claims on local ports: bind, ephemeral ports (RFC 6056), listeners and their end.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// Gives up the socket's own claim; a listener's half-open and unaccepted connections end with it.
void release_binding(core& k, connection& c) noexcept;
// RFC 6056 3.3.4 (double hash) for a connection to `ends.remote` from `ends.local.address`: a port
// that makes the flow unique. 0: all are in use.
struct picked_port {
    std::uint16_t port = 0;
    bool is_free = false;  // else one in TIME-WAIT has to give way (may_reuse())
};
picked_port pick_port(core& k, flow ends, instant now) noexcept;
// For bind to port 0: one without claims and connections. 0: all are in use.
std::uint16_t pick_unused_port(core& k) noexcept;

}  // namespace coax::stack::tcp
