// A connection in TIME-WAIT: just what is needed to answer a retransmitted FIN and to keep old
// duplicates out of a new connection (RFC 9293 3.6.1). Data only.
#pragma once

#include <cstdint>

#include "stack/tcp/layer.hpp"
#include "stack/tcp/sequence.hpp"
#include "stack/tcp/wheel.hpp"

namespace coax::stack::tcp {

struct time_wait final : sender, timer_node {
    explicit time_wait(std::uint32_t pool_index) noexcept
        : sender(kind::time_wait, pool_index), timer_node(timer_node::owner::time_wait) {}
    using sender::ends_;
    using sender::hash;
    using sender::index;
    using sender::parked_;

    seq snd_nxt;
    seq rcv_nxt;
    std::uint32_t rcv_wnd = 0;  // bytes, as last advertised
    std::uint16_t window = 0;   // the field as last sent
    bool timestamps = false;
    bool ack_pending = false;
    std::uint8_t traffic_class = 0;
    std::uint8_t hops = 0;
    std::uint32_t ts_recent = 0;
    std::uint32_t ts_offset = 0;
    std::uint32_t challenged_at = 0;  // ms clock
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
        age_hook;  // all of them, oldest first
};

using time_wait_list = boost::intrusive::list<
    time_wait,
    boost::intrusive::member_hook<time_wait,
                                  boost::intrusive::list_member_hook<
                                      boost::intrusive::link_mode<boost::intrusive::auto_unlink>>,
                                  &time_wait::age_hook>,
    boost::intrusive::constant_time_size<false>>;

}  // namespace coax::stack::tcp
