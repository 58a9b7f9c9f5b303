// One connection's model of its path, as BBR keeps it. Data only. Bytes, bytes per second.
#pragma once

#include <array>
#include <cstdint>

#include "stack/base/time.hpp"
#include "stack/tcp/congestion/rate_sampler.hpp"

namespace coax::stack::tcp {

enum class bbr_phase : std::uint8_t {  // BBR 3.1
    startup,
    drain,
    probe_down,
    probe_cruise,
    probe_refill,
    probe_up,
    probe_rtt,
};

// Which part of a bandwidth probe the acknowledgments now tell of (BBR 5.3.3.6).
enum class bbr_ack_phase : std::uint8_t { none, refilling, starting, feedback, stopping };

struct bbr_state {
    static constexpr std::uint32_t unbounded = 0xffffffffU;
    static constexpr std::uint64_t unbounded_rate = ~std::uint64_t{0};

    explicit bbr_state(std::uint32_t pool_index) noexcept : index(pool_index) {}

    std::uint32_t index;
    rate_sampler sampler;

    // --- where it stands
    bbr_phase phase = bbr_phase::startup;
    bbr_ack_phase ack_phase = bbr_ack_phase::none;
    bool round_start : 1 = false;
    bool loss_round_start : 1 = false;
    bool loss_in_round : 1 = false;
    bool full_bw_reached : 1 = false;
    bool full_bw_now : 1 = false;
    bool idle_restart : 1 = false;
    bool in_recovery : 1 = false;
    bool probing_samples : 1 = false;  // bw_probe_samples
    bool probe_rtt_expired : 1 = false;
    bool probe_rtt_round_done : 1 = false;
    std::uint8_t full_bw_count = 0;
    std::uint8_t probe_up_rounds = 0;
    std::uint8_t recovery_rounds = 0;  // begun in this recovery
    std::uint8_t losses_in_round = 0;  // ranges, saturating
    std::uint32_t initial_window = 0;
    std::uint32_t prior_window = 0;  // prior_cwnd
    std::uint64_t pacing_rate = 0;

    // --- rounds; C.delivered modulo 2^32
    std::uint32_t delivered = 0;
    std::uint32_t next_round_delivered = 0;
    std::uint32_t loss_round_delivered = 0;
    std::uint32_t round_count = 0;
    std::uint32_t rounds_since_probe = 0;
    std::uint32_t lost_in_round = 0;  // bytes

    // --- rate
    std::array<std::uint64_t, 2> max_bw_filter{};  // the cycle before, and this one
    std::uint64_t bw = 0;
    std::uint64_t bw_latest = 0;
    std::uint64_t bw_shortterm = unbounded_rate;
    std::uint64_t full_bw = 0;

    // --- volume
    std::uint32_t inflight_latest = 0;
    std::uint32_t inflight_shortterm = unbounded;
    std::uint32_t inflight_longterm = unbounded;
    std::uint32_t probe_up_bytes = unbounded;  // acknowledged for each segment of growth
    std::uint32_t probe_up_acked = 0;

    // --- aggregation of acknowledgments (BBR 5.5.9): the last rounds and those before
    std::array<std::uint32_t, 2> extra_acked{};
    std::uint32_t extra_acked_round = 0;  // round_count when the first of both began
    std::uint64_t extra_acked_delivered = 0;
    instant extra_acked_start{};

    // --- time
    duration min_rtt = duration::max();
    duration probe_rtt_min_delay = duration::max();
    duration probe_wait{};
    instant min_rtt_stamp{};
    instant probe_rtt_min_stamp{};
    instant probe_rtt_done{};  // epoch: not known yet
    instant cycle_stamp{};
};

}  // namespace coax::stack::tcp
