// A passive connection between SYN and ACK (SYN-RECEIVED): a small block of its own, so that a
// flood of SYNs costs little and takes nothing from connections. Data only.
#pragma once

#include <cstdint>

#include "stack/tcp/layer.hpp"
#include "stack/tcp/sequence.hpp"
#include "stack/tcp/wheel.hpp"

namespace coax::stack::tcp {

struct binding;

struct half_open final : sender, timer_node {
    explicit half_open(std::uint32_t pool_index) noexcept
        : sender(kind::half_open, pool_index), timer_node(timer_node::owner::half_open) {}
    using sender::ends_;
    using sender::hash;
    using sender::index;
    using sender::parked_;

    binding* listener = nullptr;
    seq iss;
    seq rcv_nxt;               // IRS + 1
    std::uint32_t window = 0;  // bytes we offer (never scaled in a SYN)
    std::uint32_t ts_recent = 0;
    std::uint32_t ts_offset = 0;
    std::uint32_t challenged_at = 0;  // ms clock
    std::uint32_t peer_window = 0;
    std::uint16_t peer_mss = 0;
    std::uint16_t announced_mss = 0;
    std::uint16_t user_timeout = 0;  // as the peer told (RFC 5482)
    std::uint8_t peer_scale = 0;
    std::uint8_t scale = 0;
    std::uint8_t retries = 0;
    bool timestamps = false;
    bool ecn = false;  // both agree (RFC 3168 6.1.1)
    bool window_scaling = false;
    bool sack = false;
    bool syn_ack_pending = false;
    bool ack_pending = false;
    instant sent_at{};  // the first SYN-ACK, for the first round-trip sample
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
        queue_hook;  // the listener's SYN queue, oldest first
};

using syn_queue = boost::intrusive::list<
    half_open,
    boost::intrusive::member_hook<half_open,
                                  boost::intrusive::list_member_hook<
                                      boost::intrusive::link_mode<boost::intrusive::auto_unlink>>,
                                  &half_open::queue_hook>,
    boost::intrusive::constant_time_size<false>>;

}  // namespace coax::stack::tcp
