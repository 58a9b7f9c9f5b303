// What happens when time runs out, one function per timer.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

void fire_timers(core& k, instant now) noexcept;

// `wait`, or what is left of the connection's own user timeout (RFC 9293 3.8.3, MUST-21).
duration before_user_timeout(core& k, const connection& c, duration wait, instant now) noexcept;

}  // namespace coax::stack::tcp
