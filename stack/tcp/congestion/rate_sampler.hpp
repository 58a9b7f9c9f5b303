// What delivery-rate samples are made of (BBR 4.1.2: draft-ietf-ccwg-bbr-04): totals of a
// connection whose congestion control asks for samples. It stands in that control's own block
// (congestion_control::sampler_of) and is kept by delivery_rate.cpp. Data, and the one move that a
// control makes itself. Bytes and microseconds count modulo 2^32.
#pragma once

#include <cstdint>

namespace coax::stack::tcp {

struct rate_sampler {
    std::uint32_t delivered = 0;          // C.delivered
    std::uint32_t delivered_at = 0;       // C.delivered_time, microseconds
    std::uint32_t first_sent_at = 0;      // C.first_send_time, microseconds
    std::uint32_t lost = 0;               // C.lost
    std::uint32_t app_limited_until = 0;  // C.app_limited: value of `delivered`
    bool app_limited : 1 = false;
    // Everything there was has left, and the window had room: unless the user gives more before the
    // next segment's moment, the network is not what limits (C.app_limited, found out when
    // sending).
    bool ran_dry : 1 = false;
    std::uint64_t rate = 0;  // bytes per second, the latest that tells what could be had; 0: none

    // MarkConnectionAppLimited (BBR 4.1.2.4): what is in flight now, or is sent until that has
    // arrived, tells what was offered, not what could be had.
    void mark_app_limited(std::uint32_t in_flight) noexcept {
        app_limited = true;
        app_limited_until = delivered + in_flight;
    }
};

}  // namespace coax::stack::tcp
