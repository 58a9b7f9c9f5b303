// The steps of BBR: what an acknowledgment does to the model, the phase, the pacing rate and the
// window. Knows no pool and no interface; bbr.cpp connects it to that.
#pragma once

#include "stack/tcp/congestion/bbr_state.hpp"
#include "stack/tcp/congestion/congestion.hpp"

namespace coax::stack::tcp::bbr_model {

// Gains in hundredths, shares in percent (BBR 2.5 and 5.6.1).
inline constexpr std::uint32_t startup_pacing_gain = 277;
inline constexpr std::uint32_t loss_threshold = 2;  // LossThresh

// BBR 5.2.3, on every acknowledgment; a.rate is there.
void update(congestion_state& s, bbr_state& b, const acknowledged& a) noexcept;

bool is_probe_bw(const bbr_state& b) noexcept;
void reset_shortterm(bbr_state& b) noexcept;
bool is_too_high(std::uint32_t lost, std::uint32_t sent_in_flight) noexcept;
void handle_too_high(const congestion_state& s, bbr_state& b, std::uint32_t sent_in_flight,
                     bool app_limited, instant now) noexcept;
void save_window(const congestion_state& s, bbr_state& b) noexcept;
void restore_window(congestion_state& s, const bbr_state& b) noexcept;
void check_probe_rtt_done(congestion_state& s, bbr_state& b, instant now) noexcept;
void set_pacing_rate(bbr_state& b, std::uint32_t gain) noexcept;

}  // namespace coax::stack::tcp::bbr_model
