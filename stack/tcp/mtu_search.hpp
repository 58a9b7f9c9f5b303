// How large a packet the path carries: what routers say (RFC 1191), and what is found out without
// them by probing with real data (RFC 4821). Knows no frame; sizes are bytes of IP packet.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// A limit below the route's MTU stands, so there is something to raise again.
inline bool is_path_limited(const connection& c) noexcept {
    return c.rare != nullptr && c.rare->mtu_limit != 0;
}

// A router dropped a segment in flight. `told`: its next hop's MTU, 0 if it did not say.
void learn_path_mtu(core& k, connection& c, std::uint16_t told, instant now) noexcept;
// Full segments vanish again and again, and nobody says why (RFC 2923 2.1).
void suspect_black_hole(core& k, connection& c, instant now) noexcept;
// Starts small and searches upward (tcp_config::mtu_probing always).
void begin_search(core& k, connection& c, instant now) noexcept;

// Payload of the probe to send now as the next new segment; 0: none. Settles the last one first.
// `unsent` bytes wait, of which `usable` fit the windows. May change the MSS.
std::uint32_t next_probe_size(core& k, connection& c, std::uint32_t unsent, std::uint32_t usable,
                              instant now) noexcept;
// The record is the probe in flight, or a part of it, sent once.
bool is_path_probe(const connection& c, const transmission& t) noexcept;
// All that is lost is the probe in flight, sent once: no sign of congestion (RFC 4821 7.5, 7.6.2).
// c.recovery is there.
bool is_path_probe_loss(const connection& c) noexcept;
// A probe of that many bytes begins at SND.NXT.
void note_path_probe(core& k, connection& c, std::uint32_t payload) noexcept;

}  // namespace coax::stack::tcp
