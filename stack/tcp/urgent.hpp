// Urgent data (RFC 9293 3.8.5, MUST-30) in the one way that works between hosts (RFC 6093): a mark
// in the stream one past the last urgent octet, and this octet, which the user takes by itself
// unless he wants it in line. All of it is rare state; a connection without a mark pays nothing.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

struct incoming;

// --- the sender
// What the user has given so far is urgent, up to its last byte. `c` owns rare state.
void mark_urgent(core& k, connection& c) noexcept;
// Part of what was marked is not acknowledged yet.
bool is_urgent(connection& c) noexcept;
// A segment tells the mark if it begins before it.
void tell_urgent(connection& c, segment& out) noexcept;

// --- the receiver
// Sixth step of RFC 9293 3.10.7.4, for a segment with URG.
void on_urgent(core& k, connection& c, const incoming& in) noexcept;
// Bytes that the user may read before he stands at the mark, or all; takes the octet out of his way
// when he stands there and does not want it in line.
std::uint32_t readable_before_mark(core& k, connection& c) noexcept;
// The same, of a connection that is not to be changed.
std::uint32_t visible_before_mark(const connection& c) noexcept;

}  // namespace coax::stack::tcp
