// Loss recovery: what follows from acknowledgments, timeouts and losses. Fast recovery by RFC 6675,
// RFC 6582 and proportional rate reduction, RACK-TLP (RFC 8985), F-RTO (RFC 5682), and undoing what
// proved to be a mistake. It says which bytes go again and how many may be under way; how large the
// window is, the congestion control says. A connection without signs of loss pays one comparison.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

struct delivery;

// The recovery state, made if there is none; nullptr: no memory.
recovery_state* recovery_open(core& k, connection& c) noexcept;
// Forgets what was in flight, and all that was known of losses.
void recovery_clear(core& k, connection& c) noexcept;

// An acknowledgment for a connection with a recovery state: `d` as scoreboard_take() gave it,
// SND.UNA moved. May free the state.
void recovery_on_acknowledged(core& k, connection& c, const incoming& in, delivery& d) noexcept;

// The retransmission timer, by what it stood for.
void recovery_on_timeout(core& k, connection& c, instant now) noexcept;
void recovery_on_probe_timeout(core& k, connection& c, instant now) noexcept;
void recovery_on_reordering_timeout(core& k, connection& c, instant now) noexcept;

// Everything from SND.UNA on is to go again, without a sign of congestion (path MTU, RFC 1191 6.5;
// what a window probe carried).
void recovery_resend_all(core& k, connection& c) noexcept;

// New data left, of a connection with a recovery state.
void recovery_on_sent(core& k, connection& c, std::uint32_t bytes) noexcept;

// Bytes that are thought to be in the network: RFC 6675 4 (SetPipe). What arrived behind a gap
// (`counted` without SACK) makes room for new data before recovery begins: RFC 3042.
inline std::uint32_t in_flight(const connection& c) noexcept {
    const recovery_state* r = c.recovery;
    if (r == nullptr) [[likely]]
        return c.outstanding();
    const std::uint32_t gone = r->sacked + r->lost + r->counted;
    const std::uint32_t sent = c.outstanding() + r->again;
    return sent > gone ? sent - gone : 0;
}
// How many bytes may be in the network.
inline std::uint32_t send_allowance(const connection& c) noexcept {
    return c.congestion.window.bytes();
}
inline bool has_retransmission(const connection& c) noexcept {
    const recovery_state* r = c.recovery;
    return r != nullptr && (r->due != 0 || r->probe_tail);
}

}  // namespace coax::stack::tcp
