// The tail loss probe (RFC 8985 7): when nothing is heard of the last segments, one more tells.
#pragma once

#include "stack/tcp/scoreboard.hpp"

namespace coax::stack::tcp {

// The probe left: new data, or (`again`) the last segment once more.
void probe_sent(core& k, connection& c, bool again) noexcept;
// RFC 8985 7.4.2: did the probe repair a loss?
void take_probe_answer(core& k, connection& c, const incoming& in, const delivery& d) noexcept;
// The last segment in flight, cut out to be sent again; none: there is none to send.
flight::position probe_tail(core& k, connection& c) noexcept;

}  // namespace coax::stack::tcp
