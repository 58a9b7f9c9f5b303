// How connections begin and end inside the layer: the table entry, the change into ESTABLISHED and
// TIME-WAIT, failure, and resets. Whatever may free its argument says so.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// Claims `c.ends_` in the demux table. False: no memory.
bool enter_table(core& k, connection& c) noexcept;
// Takes over the table entry of `h`, which ends.
void take_entry(core& k, connection& c, half_open& h) noexcept;

// SYN-SENT or SYN-RECEIVED is over; the window and the peer's options are known.
void establish(core& k, connection& c, instant now) noexcept;
// MSS of RFC 9293 3.7.1 from route, ICMP and the peer's offer.
void update_mss(connection& c) noexcept;
// What we offer the peer: largest segment that the path's MTU carries (MUST-67).
std::uint16_t offered_mss(const flow& ends, std::uint16_t mtu) noexcept;
// The same, or less where the user said so.
std::uint16_t offered_mss(const connection& c, std::uint16_t mtu) noexcept;
std::uint8_t scale_for(std::uint32_t capacity) noexcept;

// All done or given up; `c` is freed unless the user still has its id. `why` none: in order.
void end(core& k, connection& c, error why) noexcept;
// RFC 9293 3.10.5: RST where the state asks for one. Frees `c`.
void abort(core& k, connection& c, instant now) noexcept;
// Frees `c` with all it has; the peer is told nothing.
void destroy(core& k, connection& c) noexcept;
// Into TIME-WAIT; may free `c`.
void enter_time_wait(core& k, connection& c, instant now) noexcept;
void destroy(core& k, time_wait& t) noexcept;
// May an active open of ours take the place of `t`? With timestamps, a second after the end: the
// peer then tells all old segments from new ones (RFC 6191 1, RFC 7323 5; as tcp_tw_reuse).
bool may_reuse(const core& k, const time_wait& t, instant now) noexcept;
// The least initial sequence number of a successor: beyond every window of the old one.
inline seq beyond(const time_wait& t) noexcept { return t.snd_nxt + 65536 + 1; }
void destroy(core& k, half_open& h) noexcept;

// One more reply to be filled and made ready; the oldest gives way. nullptr: no memory.
reply* make_reply(core& k, const flow& ends) noexcept;
// RFC 9293 3.10.5: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>, the connection's last word.
void queue_reset(core& k, const connection& c, instant now) noexcept;
// In answer to a segment (RFC 9293 3.5.2 and 3.10.7.1), rate limited.
void reset_connection_in_answer(core& k, const connection& c, const incoming& in) noexcept;
void reset_in_answer(core& k, const flow& ends, const path& route, const incoming& in) noexcept;

// May an answer to something not acceptable be sent now (RFC 5961 7)? `last`: the connection's.
bool may_challenge(core& k, std::uint32_t& last, instant now) noexcept;

}  // namespace coax::stack::tcp
