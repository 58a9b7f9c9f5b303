// SEGMENT ARRIVES, RFC 9293 3.10.7, one function per state or step, in the files named like it.
// Each answers what became of the segment; none of them sends. A function that takes a connection
// may free it, unless it says otherwise.
#pragma once

#include <optional>

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// 3.10.7.1 CLOSED (input_closed.cpp)
disposition input_closed(core& k, const flow& ends, const incoming& in) noexcept;
// 3.10.7.2 LISTEN (input_listen.cpp). `iss_floor`: the new connection's ISS is not below, for one
// that takes the place of another in TIME-WAIT.
disposition input_listen(core& k, binding& listener, const flow& ends, incoming& in,
                         std::optional<seq> iss_floor) noexcept;
// Is its number a cookie that was sent to this flow?
bool brings_cookie(const core& k, const flow& ends, const incoming& in) noexcept;
// An acknowledgment for a listener that may bring back a SYN cookie (input_cookie.cpp).
[[gnu::noinline]] disposition input_cookie(core& k, binding& listener, const flow& ends,
                                           incoming& in) noexcept;
// Answers a SYN with a cookie.
[[gnu::noinline]] disposition answer_with_cookie(core& k, binding& listener, const flow& ends,
                                                 const incoming& in) noexcept;
// Which period of cookies it is.
std::uint32_t cookie_period(const core& k, instant now) noexcept;
// SYN-RECEIVED of a passive open (input_half_open.cpp)
disposition input_half_open(core& k, half_open& h, incoming& in) noexcept;
// The handshake is complete: a connection as `h` has it (in no table yet), in the accept queue.
// nullptr: no room.
connection* make_accepted(core& k, const half_open& h, const incoming& in) noexcept;
void queue_accepted(core& k, binding& listener, connection& c, const incoming& in) noexcept;
// 3.10.7.3 SYN-SENT (input_syn_sent.cpp)
disposition input_syn_sent(core& k, connection& c, incoming& in) noexcept;
// 3.10.7.4 all other states (input_synchronized.cpp)
disposition input_synchronized(core& k, connection& c, incoming& in) noexcept;
// TIME-WAIT (input_time_wait.cpp)
disposition input_time_wait(core& k, time_wait& t, const flow& ends, incoming& in) noexcept;

// Header prediction (input_predicted.cpp): the next data or acknowledgment of an established
// connection, nothing unusual about it. False: all steps are to be taken. Of the flags only ACK and
// perhaps PSH are set.
bool is_predicted(const connection& c, const incoming& in) noexcept;
disposition input_predicted(core& k, connection& c, incoming& in) noexcept;

// Fifth step for synchronised states (input_ack.cpp): acknowledges data, updates the window.
// Does not free.
void acknowledge(core& k, connection& c, const incoming& in) noexcept;
// The same for a plain segment, outside recovery.
void acknowledge_plain(core& k, connection& c, const wire::plain_segment& s, instant now) noexcept;
// Seventh step (input_data.cpp). The payload begins at or before RCV.NXT + window. Does not free.
disposition accept_data(core& k, connection& c, incoming& in) noexcept;
// The same for the next data in order, with nothing held behind a gap, for a user who reads.
disposition accept_predicted(core& k, connection& c, incoming& in) noexcept;
// The same for a plain segment, which may have no data. `in_place`: they are in the buffer already.
disposition accept_plain(core& k, connection& c, const wire::plain_segment& s, bool in_place,
                         instant now) noexcept;
// Sixth to eighth step for what lies in the window: trims, takes text and FIN.
disposition input_text(core& k, connection& c, incoming& in) noexcept;
// Came again, with SACK permitted: the next acknowledgment says so (RFC 2883 4).
void note_duplicate(core& k, connection& c, range again) noexcept;
// Owes an acknowledgment for data just taken: now or soon (RFC 9293 3.8.6.3).
void schedule_ack(core& k, connection& c, std::uint32_t bytes, instant now) noexcept;

// Window update rule SND.WL1/WL2 (3.10.7.4 fifth step). May send again what a window probe carried.
void update_send_window(core& k, connection& c, seq first, seq ack, std::uint32_t window,
                        instant now) noexcept;

// The options of a SYN, as both opens take them.
struct syn_options {
    std::uint16_t peer_mss;
    std::uint8_t peer_scale;
    bool window_scaling;
    bool timestamps;
    bool sack;
    std::uint32_t ts_value;
};
syn_options read_syn_options(const core& k, const flow& ends, const incoming& in) noexcept;

}  // namespace coax::stack::tcp
