// Opens the AF_XDP backend, or says in one line why it can't be and what to do. Knows no packet.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "backends/driver.hpp"
#include "backends/spec.hpp"

namespace coax::backends {

// Opened, bound and attached when it returns: frames are steered from then on.
std::variant<std::unique_ptr<driver>, failure> open_xdp(const xdp_spec& what);

// The same for shards: as many drivers as shards, each with one queue, in order, from `queue` on,
// and a steering program for all of them.
std::variant<std::vector<std::unique_ptr<driver>>, failure> open_xdp_queues(const xdp_spec& what,
                                                                            unsigned shards);

// Why AF_XDP can't be used by this process on this machine; empty if it can.
std::string xdp_obstacle();

}  // namespace coax::backends
