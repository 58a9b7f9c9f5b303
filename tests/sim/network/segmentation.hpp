// What a network card does for the stack on the way out: finishes checksums, and cuts a TCP
// super-segment into segments (IPv4). Knows no connection.
#pragma once

#include <vector>

#include "stack/device.hpp"
#include "tests/sim/network/frame.hpp"

namespace coax::sim {

// Finishes the checksum of a frame whose field holds the pseudo-header's sum (device.hpp: partial).
void finish_partial_checksum(frame& sent, std::size_t start, std::size_t offset) noexcept;

// Cuts an IPv4 TCP frame with `payload` bytes per segment; the pieces are complete, checksums
// included, as a card makes them: PSH and FIN on the last alone, CWR on the first alone.
std::vector<frame_ptr> cut_segments(frame_pool& frames, const frame& whole, std::uint16_t payload);

}  // namespace coax::sim
