// Was the loss none? Eifel detection by timestamps (RFC 3522), D-SACK (RFC 2883, RFC 3708) and
// F-RTO (RFC 5682); the answer is RFC 4015's: the window is what it was.
#pragma once

#include "stack/tcp/scoreboard.hpp"

namespace coax::stack::tcp {

// Recovery is about to begin: what undoing restores.
void undo_remember(connection& c) noexcept;
// A retransmission left, `stamp` its timestamp.
void undo_on_resent(recovery_state& r, std::uint32_t bytes, std::uint32_t stamp) noexcept;
// True: the acknowledgment proved that recovery was begun for nothing, and it is over.
bool undo_if_spurious(core& k, connection& c, const incoming& in, const delivery& d) noexcept;
// F-RTO's steps after a timeout, for an acknowledgment that proved nothing yet.
void check_forward(connection& c, const delivery& d) noexcept;

}  // namespace coax::stack::tcp
