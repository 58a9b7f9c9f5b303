// Which transmissions are lost: RACK (RFC 8985), or, where it is switched off, the counting of
// RFC 6675 4 (IsLost); and for a peer without SACK NewReno's first one. Marks them in the
// scoreboard; what follows from it is recovery's.
#pragma once

#include "stack/tcp/scoreboard.hpp"

namespace coax::stack::tcp {

inline constexpr std::uint8_t duplicate_threshold = 3;  // DupThresh: RFC 5681 3.2, RFC 6675 4

// RFC 8985 6.2 step 2: `t` arrived, as `in` tells.
void rack_on_delivered(core& k, connection& c, const incoming& in, const transmission& t) noexcept;
// RFC 8985 6.2 step 4, after D-SACK or the end of a recovery: how patient to be.
void rack_adapt(connection& c, const delivery& d) noexcept;
void rack_on_recovered(connection& c) noexcept;
// RACK.reo_wnd.
duration reordering_window(const connection& c) noexcept;

// Marks what is lost by now. d.lost grows; d.wait: look again then.
void detect_losses(core& k, connection& c, delivery& d) noexcept;
// NewReno (RFC 6582 3.2): the first segment is lost.
void lose_first(core& k, connection& c, delivery& d) noexcept;
// After a timeout (RFC 8985 6.3): the first, and all that have been under way for long.
void lose_expired(core& k, connection& c, delivery& d) noexcept;

}  // namespace coax::stack::tcp
