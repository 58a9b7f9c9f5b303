// Opens a port of an in-memory Ethernet segment as a backend. Knows nothing of what is connected
// at the other ports; segment.hpp is the way in for tests that want ports without a framework.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "backends/driver.hpp"
#include "backends/spec.hpp"

namespace coax::backends {

// A new port on the segment of that name, which is made by its first port and ends with its last.
// The port belongs to the thread that turns its stack; ports of one segment may live on different
// threads. Fails with one line when the segment has 64 ports, when an address is taken on it, when
// no automatic address is left, or when gso= or full= differ from what the segment has. Without
// faults and capture, which open_driver() puts around it.
std::variant<std::unique_ptr<driver>, failure> open_wire(const wire_spec& what);
// The same with several queues, a driver for each, all of one address.
std::variant<std::vector<std::unique_ptr<driver>>, failure> open_wire_queues(const wire_spec& what,
                                                                             unsigned count);

}  // namespace coax::backends
