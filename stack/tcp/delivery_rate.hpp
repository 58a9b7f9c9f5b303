// Delivery-rate samples (BBR 4.1.2: draft-ietf-ccwg-bbr-04): what was in flight when a segment left
// and how much had arrived by then, written into its record; what an acknowledgment makes of it.
// Only for a connection whose congestion control asks (congestion_state::samples_rate), which is
// also paced: who does not ask is asked nothing on the way of a segment.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// New data of `bytes` leaves: the newest record of the flight; SND.NXT has not moved yet.
void rate_on_sent(core& k, connection& c, std::uint32_t bytes, instant now) noexcept;
// The record is about to leave again. Not marked yet.
void rate_on_resent(core& k, connection& c, transmission& t) noexcept;
// Data waits for its moment, so it came in time: there is no gap between it and what left before.
void rate_on_held(core& k, connection& c) noexcept;
// So many bytes arrived, as an acknowledgment tells; before anything is found lost with it.
void rate_on_delivered(core& k, connection& c, std::uint32_t bytes, instant now) noexcept;
// The record was marked lost.
void rate_on_lost(core& k, connection& c, const transmission& t, instant now) noexcept;
// Was `t` sent after `other` (BBR 4.1.2.3, IsNewestPacket)?
inline bool is_sent_after(const transmission& t, const transmission& other) noexcept {
    return t.sent_at > other.sent_at || (t.sent_at == other.sent_at && t.last > other.last);
}
// The congestion control hears of the acknowledgment, with the sample that `newest` gives: the
// record sent last of those it delivered, as it was before; all zero: none of them had been noted.
void rate_on_acknowledged(core& k, connection& c, acknowledged& a,
                          const transmission& newest) noexcept;
// The connection had no sampler until now: what is in flight knows no totals.
void rate_begin(connection& c) noexcept;
// Bytes per second, the latest sample that was not limited by the user or is higher than the one
// before; 0: none, or nobody samples.
std::uint64_t delivery_rate_of(const core& k, const connection& c) noexcept;

}  // namespace coax::stack::tcp
