// What happens when time runs out, one function per timer.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

void fire_timers(core& k, instant now) noexcept;

}  // namespace coax::stack::tcp
