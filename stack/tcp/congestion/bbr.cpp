// BBR behind the interface of congestion controls: its blocks, and which event does what to them.
#include "stack/tcp/congestion/bbr.hpp"

#include "stack/tcp/congestion/bbr_model.hpp"

namespace coax::stack::tcp {

const bbr_state* bbr::model_of(const congestion_state& s) const noexcept {
    return s.own[0] != 0 ? states_.at(s.own[0] - 1) : nullptr;
}

bool bbr::start(congestion_state& s, duration round_trip, instant now) const noexcept {
    bbr_state* b = states_.create();
    if (b == nullptr) return false;
    s.own = {};
    s.own[0] = b->index + 1;
    s.samples_rate = true;
    s.after_timeout = false;
    b->initial_window = s.window.bytes();
    b->min_rtt_stamp = b->probe_rtt_min_stamp = b->extra_acked_start = b->cycle_stamp = now;
    if (round_trip > duration::zero()) b->min_rtt = b->probe_rtt_min_delay = round_trip;
    // BBR 5.6.2: InitialCwnd / (srtt or 1 ms)
    const auto us = static_cast<std::uint64_t>(
        round_trip > duration::zero() ? std::max<std::int64_t>(round_trip / 1us, 1) : 1000);
    b->pacing_rate =
        std::uint64_t{s.window.bytes()} * 1'000'000 / us * bbr_model::startup_pacing_gain / 100;
    return true;
}

void bbr::stop(congestion_state& s) const noexcept {
    if (s.own[0] == 0) return;
    states_.destroy(states_.at(s.own[0] - 1));
    s.own = {};
    s.samples_rate = false;
}

void bbr::on_acknowledged(congestion_state& s, const acknowledged& a) const noexcept {
    if (s.own[0] == 0 || a.rate == nullptr) return;
    bbr_model::update(s, *states_.at(s.own[0] - 1), a);
}

// BBR 5.6.4.4: the window stays; the model answers to loss. To ECE alone this version does not.
void bbr::on_congestion(congestion_state& s, const congestion_event& e) const noexcept {
    if (s.own[0] == 0 || e.sign != congestion_sign::loss) return;
    bbr_state& b = *states_.at(s.own[0] - 1);
    bbr_model::save_window(s, b);
    b.in_recovery = true;
    b.recovery_rounds = 0;
}

void bbr::on_recovered(congestion_state& s, const recovered&) const noexcept {
    if (s.own[0] == 0) return;
    bbr_state& b = *states_.at(s.own[0] - 1);
    if (!b.in_recovery) return;  // nothing was reduced: a path probe, or a router's word
    b.in_recovery = false;
    bbr_model::restore_window(s, b);
}

void bbr::on_timeout(congestion_state& s, std::uint32_t, bool, instant) const noexcept {
    if (s.own[0] == 0) return;
    bbr_state& b = *states_.at(s.own[0] - 1);
    bbr_model::save_window(s, b);
    b.in_recovery = true;
    b.recovery_rounds = 0;
    s.set_window(s.mss);
}

void bbr::on_undo(congestion_state& s, const congestion_state&, instant) const noexcept {
    if (s.own[0] == 0) return;
    bbr_state& b = *states_.at(s.own[0] - 1);
    b.in_recovery = false;
    bbr_model::reset_shortterm(b);
    bbr_model::restore_window(s, b);
}

// BBR 5.4.1
void bbr::on_restart(congestion_state& s, bool app_limited, instant now) const noexcept {
    if (s.own[0] == 0 || !app_limited) return;
    bbr_state& b = *states_.at(s.own[0] - 1);
    b.idle_restart = true;
    b.extra_acked_start = now;
    b.extra_acked_delivered = 0;
    if (bbr_model::is_probe_bw(b)) bbr_model::set_pacing_rate(b, 100);
    else if (b.phase == bbr_phase::probe_rtt) bbr_model::check_probe_rtt_done(s, b, now);
}

// BBR 5.5.10.2
void bbr::on_lost(congestion_state& s, const lost_segment& l, instant now) const noexcept {
    if (s.own[0] == 0) return;
    bbr_state& b = *states_.at(s.own[0] - 1);
    b.delivered = l.delivered_total;
    if (!b.loss_in_round) b.loss_round_delivered = b.delivered;
    b.loss_in_round = true;
    b.lost_in_round += l.bytes;
    if (b.losses_in_round != 255) ++b.losses_in_round;
    if (!b.probing_samples || !bbr_model::is_too_high(l.lost, l.sent_in_flight)) return;
    // How much was in flight when the losses crossed the threshold?
    const std::uint64_t before = l.sent_in_flight - std::min(l.bytes, l.sent_in_flight);
    const std::uint64_t lost_before = l.lost - std::min(l.bytes, l.lost);
    const std::uint64_t allowed = before * bbr_model::loss_threshold;
    const std::uint64_t prefix = allowed > lost_before * 100 ? (allowed - lost_before * 100) /
                                                                   (100 - bbr_model::loss_threshold)
                                                             : 0;
    bbr_model::handle_too_high(s, b, static_cast<std::uint32_t>(before + prefix), l.app_limited,
                               now);
}

rate_sampler* bbr::sampler_of(const congestion_state& s) const noexcept {
    return s.own[0] == 0 ? nullptr : &states_.at(s.own[0] - 1)->sampler;
}

std::uint64_t bbr::pacing_rate(const congestion_state& s) const noexcept {
    return s.own[0] == 0 ? 0 : states_.at(s.own[0] - 1)->pacing_rate;
}

}  // namespace coax::stack::tcp
