// Packets that no stack made, complete with their sums, for whoever attacks in a simulation
// (network::inject). Knows no attack.
#pragma once

#include "stack/wire/ipv4.hpp"
#include "stack/wire/tcp.hpp"
#include "tests/sim/network/frame.hpp"

namespace coax::sim {

// `body` stands behind the header, whose total length is set. Room for the Ethernet header is left.
frame_ptr forge_ipv4(frame_pool& frames, stack::wire::ipv4_header header, stack::const_bytes body);
// Only the addresses of `ip` count.
frame_ptr forge_tcp(frame_pool& frames, stack::wire::ipv4_header ip,
                    const stack::wire::tcp_header& header, stack::const_bytes payload);

}  // namespace coax::sim
