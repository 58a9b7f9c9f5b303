// Loss detection and recovery: duplicate acknowledgments, NewReno (RFC 6582), limited transmit
// (RFC 3042), and what a retransmission timeout means. It says which bytes go again; how large the
// window is, the congestion control says. A SACK scoreboard or RACK takes its place here.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// SND.UNA has moved by `acked` bytes; `in_flight` as it was before.
void recovery_on_acknowledged(core& k, connection& c, std::uint32_t acked, std::uint32_t in_flight,
                              instant now) noexcept;
void recovery_on_duplicate(core& k, connection& c, instant now) noexcept;
void recovery_on_timeout(core& k, connection& c, instant now) noexcept;

// Everything from SND.UNA on is to go again, without a sign of congestion (path MTU, RFC 1191 6.5).
void recovery_resend_all(core& k, connection& c) noexcept;

// Bytes that are thought to be in the network.
inline std::uint32_t in_flight(const connection& c) noexcept {
    const recovery_state& r = c.recovery;
    if (r.in == recovery_state::mode::timeout && r.next < r.end) return r.next - c.snd.una;
    return c.outstanding();
}
// How many bytes may be in the network.
inline std::uint32_t send_allowance(const connection& c) noexcept {
    return c.congestion.window.bytes() + c.recovery.inflation;
}
inline bool has_retransmission(const connection& c) noexcept {
    return c.recovery.next < c.recovery.end;
}

}  // namespace coax::stack::tcp
