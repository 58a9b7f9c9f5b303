// Segments and flows of a host with several stacks (base/siblings.hpp).
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// A segment for which there is no connection here: is it another stack's? Then it is on its way.
bool goes_elsewhere(core& k, const flow& ends, const incoming& in) noexcept;

// Puts a flow into the demux table, and makes it this stack's. False: no memory, or another one has
// it.
bool enter_flow(core& k, const flow& ends, std::uint32_t hash, reference to) noexcept;
void leave_flow(core& k, const flow& ends, std::uint32_t hash, reference to) noexcept;
// Another stack has this flow.
bool is_elsewhere(const core& k, const flow& ends) noexcept;

// To be called when a socket has begun or ceased to listen on the port.
void tell_listening(core& k, std::uint16_t port) noexcept;

}  // namespace coax::stack::tcp
