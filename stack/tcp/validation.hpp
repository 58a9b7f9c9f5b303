// Congestion window validation (RFC 7661), of the connections that chose idle_window::validate:
// pipeACK says how much of the window was acknowledged in a round trip lately. While that is less
// than half of it, the window says nothing about the path today: it is kept for as long as
// tcp_config::non_validated_period, does not grow, leaves at its rate instead of in a burst, and
// the answer to congestion goes by what was really used.
// The block belongs to the connection's pacing block, so the others pay nothing.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// False: no memory for it; the connection goes on without. It has a pacing block.
bool validation_start(core& k, connection& c) noexcept;
// Harmless when called again.
void validation_stop(core& k, connection& c) noexcept;

inline bool is_validating(const connection& c) noexcept { return c.congestion.validating; }

// --- only for one that is validating
// RFC 7661 4.3: which of both phases it is in.
bool is_window_validated(core& k, const connection& c) noexcept;
// Bytes; 0 also while it is undefined.
std::uint32_t pipe_ack_of(core& k, const connection& c) noexcept;
// Takes the sample and settles the phase. What it returns is what the congestion control is to
// hear: with a window that may not grow, if it is not validated.
acknowledged validation_on_acknowledged(core& k, connection& c, const acknowledged& a) noexcept;
// About to send after a pause.
void validation_on_idle(core& k, connection& c, instant now) noexcept;
// Before the congestion control hears of loss or ECE with that FlightSize. Not 0: the window was
// not validated; the control may see no more of it than the returned bytes, and
// validation_reduce() has the last word.
std::uint32_t validation_on_congestion(core& k, connection& c, std::uint32_t in_flight,
                                       congestion_sign sign, instant now) noexcept;
void validation_reduce(connection& c, std::uint32_t used) noexcept;
// After the congestion control heard of it: recovery is over; a timeout; nothing was lost.
void validation_on_recovered(core& k, connection& c, instant now) noexcept;
void validation_on_timeout(core& k, connection& c, instant now) noexcept;
void validation_on_undo(core& k, connection& c) noexcept;

}  // namespace coax::stack::tcp
