// Pacing: the segments of a connection leave at its rate instead of in bursts, as a fair-queueing
// scheduler would let them. The rate is the congestion control's own, or made of window and round
// trip. What a paced connection keeps stands in a block of its own; others pay one question.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// False: no memory for it; the connection goes on without.
bool pacing_start(core& k, connection& c) noexcept;
void pacing_stop(core& k, connection& c) noexcept;

inline bool is_paced(const connection& c) noexcept { return c.congestion.pacing != 0; }

// --- only for a paced one
// Window, round trip or the algorithm's own rate changed.
void pacing_update(core& k, connection& c) noexcept;
// Data has to wait; its timer runs, and makes the connection ready.
bool pacing_holds(core& k, connection& c, instant now) noexcept;
bool pacing_is_waiting(core& k, const connection& c) noexcept;
void pacing_on_sent(core& k, connection& c, std::uint32_t bytes, instant now) noexcept;
// Bytes that may leave in one piece: a millisecond's worth, two segments at least.
std::uint32_t pacing_quantum(core& k, const connection& c) noexcept;
// Bytes per second; 0: not known yet, so nothing waits.
std::uint64_t pacing_rate_of(core& k, const connection& c) noexcept;
// The timer expired.
void pacing_on_timer(core& k, pacing_state& p) noexcept;

}  // namespace coax::stack::tcp
