// Explicit congestion notification (RFC 3168; RFC 9293 3.8.2, SHLD-8) of one connection: what is
// negotiated, which marks are echoed, and what an echo does to the window. Knows nothing of the IP
// header: a segment says whether it came with CE, and whether it is to leave with ECT(0).
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// RFC 3168 6.1.1: both flags make a SYN an ECN-setup SYN; ECE alone does that for a SYN-ACK. Old
// hosts reflect both, and that is no consent.
inline bool is_ecn_setup_syn(const wire::tcp_flags& f) noexcept { return f.ece && f.cwr; }
inline bool is_ecn_setup_syn_ack(const wire::tcp_flags& f) noexcept { return f.ece && !f.cwr; }

// Only an acceptable segment of a connection with ECN; before its acknowledgment is taken.
void ecn_on_segment(core& k, connection& c, const incoming& in) noexcept;
// Any segment that leaves in a synchronised state: ECE until the peer's CWR (6.1.3).
inline void ecn_mark_segment(const connection& c, segment& out) noexcept {
    out.header.flags.ece = c.congestion.ecn_echo;
}
// New data leaves. Never for a retransmission (6.1.5), a bare acknowledgment (6.1.4) or a window
// probe (6.1.6).
void ecn_mark_data(core& k, connection& c, segment& out) noexcept;
// The window was reduced, for whatever reason: the peer hears CWR, and what was sent until now
// reduces it no more (6.1.2).
void ecn_on_reduction(connection& c) noexcept;
// RFC 3168 6.1.2: while the answers to one reduction come in, the window does not grow.
inline bool ecn_may_grow(const connection& c, seq una) noexcept {
    return !c.congestion.ecn_holding || una > c.congestion.ecn_guard;
}

}  // namespace coax::stack::tcp
