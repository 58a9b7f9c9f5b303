// How large the buffers of a connection become: the receive buffer, and with it the window, after
// what the user reads in a round trip (dynamic right-sizing); the send buffer after the congestion
// window. Buffers that the user sized are left alone. Knows nothing of what lies in them.
#pragma once

#include <cstdint>

#include <boost/intrusive/list.hpp>

#include "stack/base/time.hpp"
#include "stack/tcp/sequence.hpp"
#include "stack/wire/tcp.hpp"

namespace coax::stack::tcp {

struct core;
struct connection;
struct incoming;

// What is measured at a connection that receives much. Those that were not needed for a while are
// taken back, the oldest first.
struct receive_tuning {
    explicit receive_tuning(std::uint32_t pool_index) noexcept : index(pool_index) {}

    std::uint32_t index;
    std::uint32_t round_trip = 0;  // microseconds, as the receiver sees it; 0: not known
    std::uint32_t space = 0;       // bytes: the most that was read in a round trip
    seq began;                     // what was read when this round trip began
    instant began_at{};
    // --- round trips by timestamps
    std::uint32_t last_echo = 0;
    // --- without timestamps: the time of a window's worth of data
    bool timing = false;
    seq edge;  // the window's right edge when it began
    instant timed_at{};
    connection* owner = nullptr;
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
        use_hook;  // the longest unused first
};

using receive_tuning_list = boost::intrusive::list<
    receive_tuning,
    boost::intrusive::member_hook<receive_tuning,
                                  boost::intrusive::list_member_hook<
                                      boost::intrusive::link_mode<boost::intrusive::auto_unlink>>,
                                  &receive_tuning::use_hook>,
    boost::intrusive::constant_time_size<false>>;

// Data came (for the round trip). Only for a connection that has a receive_tuning.
[[gnu::noinline]] void measure_receiver(core& k, connection& c, std::uint32_t bytes,
                                        const wire::tcp_timestamps* stamps, instant now) noexcept;
// The user read up to the receive buffer's mark; sets the next one.
void tune_receive_buffer(core& k, connection& c, instant now) noexcept;
// The user waits for room in the send buffer.
void tune_send_buffer(core& k, connection& c) noexcept;
void forget_tuning(core& k, connection& c) noexcept;
// The window scale to offer: for the largest buffer that `c` may come to have (RFC 7323 2.3).
std::uint8_t offered_scale(const core& k, const connection& c) noexcept;

}  // namespace coax::stack::tcp
