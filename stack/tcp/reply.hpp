// A segment that no connection owes: a reset in answer to a stranger, the last word of an aborted
// connection, or a SYN,ACK with a cookie. Data only.
#pragma once

#include <cstdint>

#include "stack/tcp/layer.hpp"

namespace coax::stack::tcp {

struct reply final : sender {
    explicit reply(std::uint32_t pool_index) noexcept : sender(kind::reply, pool_index) {}
    using sender::ends_;
    using sender::index;
    using sender::parked_;

    std::uint32_t sequence = 0;
    std::uint32_t acknowledgment = 0;
    bool ack = false;
    bool sent = false;
    std::uint8_t traffic_class = 0;  // of the connection that was, or the listener
    std::uint8_t hops = 0;           // the same
    bool has_timestamps = false;
    wire::tcp_timestamps timestamps;
    // A SYN,ACK; the MSS is what the route carries.
    bool syn = false;
    bool ece = false;  // it agrees to ECN
    std::uint16_t window = 0;
    wire::tcp_options options;
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
        age_hook;  // all of them, oldest first
};

using reply_list = boost::intrusive::list<
    reply,
    boost::intrusive::member_hook<reply,
                                  boost::intrusive::list_member_hook<
                                      boost::intrusive::link_mode<boost::intrusive::auto_unlink>>,
                                  &reply::age_hook>,
    boost::intrusive::constant_time_size<false>>;

}  // namespace coax::stack::tcp
