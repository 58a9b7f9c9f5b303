// Between a connection and its congestion control: which algorithm it has, and what happens that
// the algorithm must hear. Recovery, output and lifecycle call these, never an algorithm.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

inline const congestion_control& control_of(const core& k, const connection& c) noexcept {
    return *k.controls[static_cast<std::size_t>(c.congestion.algorithm)];
}

// The connection is established: the initial window (RFC 6928), the algorithm's beginning.
void congestion_start(core& k, connection& c, instant now) noexcept;
// Another algorithm from now on; the window stays. False: no memory, nothing changed.
bool congestion_choose(core& k, connection& c, congestion_algorithm wanted, instant now) noexcept;
// As congestion_state::wants_pacing and `idle` say, from now on. False: no memory for it.
bool congestion_set_pacing(core& k, connection& c) noexcept;
// Gives back what the algorithm had; the connection sends no more. Harmless when called again.
void congestion_stop(core& k, connection& c) noexcept;

// An acknowledgment came when `flying` bytes were under way from `una` on: the largest flight since
// the acknowledgment before it. Of a round trip the largest counts, or the first that filled the
// window: the last ones of a burst say nothing.
inline void congestion_note_flight(connection& c, seq una, std::uint32_t flying) noexcept {
    congestion_state& s = c.congestion;
    const bool filled = std::uint64_t{flying} + c.snd.mss > s.window.bytes();
    if (una < s.flight_end && !filled && (s.flight_filled || flying <= s.flight_max)) return;
    s.flight_max = flying;
    s.flight_end = c.snd.nxt;
    s.flight_filled = filled;
}
// RFC 5681 3.1, RFC 7661: is the window in use? In slow start half of it is enough, so that what
// was in use can double.
inline bool is_window_limited(const congestion_state& s) noexcept {
    return s.flight_filled ||
           (s.in_slow_start() && std::uint64_t{s.flight_max} * 2 > s.window.bytes());
}
// In slow start: the flight from `una` on begins a round and is too small to count. It need not be
// noted, for the next one begins a round again.
inline bool is_small_flight(const congestion_state& s, seq una, std::uint32_t flying) noexcept {
    return una >= s.flight_end && flying <= s.window.bytes() / 2;
}

void congestion_on_acknowledged(core& k, connection& c, const acknowledged& a) noexcept;
// About to send after `idle` without sending, longer than a retransmission timeout.
void congestion_on_idle(core& k, connection& c, duration idle, instant now) noexcept;
// Loss found while acknowledgments come. Who may have to undo it keeps a copy of c.congestion.
void congestion_on_loss(core& k, connection& c, std::uint32_t in_flight, instant now) noexcept;
// `proportional`: the window went down by PRR.
void congestion_on_recovered(core& k, connection& c, bool proportional, instant now) noexcept;
// The peer echoes a mark (ECE, RFC 3168 6.1.2).
void congestion_on_echo(core& k, connection& c, instant now) noexcept;
// The retransmission timer expired; `again`: for the same data.
void congestion_on_timeout(core& k, connection& c, std::uint32_t in_flight, bool again,
                           instant now) noexcept;
// The reduction that `before` was copied ahead of was a mistake.
void congestion_on_undo(core& k, connection& c, const congestion_state& before,
                        instant now) noexcept;

}  // namespace coax::stack::tcp
