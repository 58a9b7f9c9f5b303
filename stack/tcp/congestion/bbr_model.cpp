// BBR's model and state machine, step by step as BBR 5.2.3 orders them.
#include "stack/tcp/congestion/bbr_model.hpp"

namespace coax::stack::tcp::bbr_model {

namespace {

using phase = bbr_phase;
using ack_phase = bbr_ack_phase;

// BBR 2.5 and 5.6.1. Gains in hundredths.
constexpr std::uint32_t drain_pacing_gain = 50;
constexpr std::uint32_t up_cwnd_gain = 225;
constexpr std::uint32_t default_cwnd_gain = 200;
constexpr std::uint32_t probe_rtt_cwnd_gain = 50;
constexpr std::uint32_t pacing_margin = 99;  // 100 - PacingMarginPercent
constexpr std::uint32_t beta = 70;
constexpr std::uint32_t headroom = 15;
constexpr std::uint8_t startup_loss_ranges = 6;  // StartupFullLossCnt
constexpr std::uint32_t extra_acked_rounds = 10;
constexpr duration min_rtt_filter = 10s;
constexpr duration probe_rtt_interval = 5s;
constexpr duration probe_rtt_duration = 200ms;
constexpr std::uint32_t window_max = 1U << 30;

// One acknowledgment on one connection: what all steps look at.
struct step {
    congestion_state& s;
    bbr_state& b;
    const acknowledged& a;
    const rate_sample& rs;
    std::uint64_t rate;  // RS.delivery_rate; 0: no sample
};

std::uint64_t rate_of(const rate_sample& rs) noexcept {
    const std::int64_t us = rs.interval / 1us;
    if (rs.delivered == 0 || us <= 0) return 0;
    return std::uint64_t{rs.delivered} * 1'000'000 / static_cast<std::uint64_t>(us);
}

// a >= b on the circle of totals.
bool reached(std::uint32_t a, std::uint32_t b) noexcept {
    return static_cast<std::int32_t>(a - b) >= 0;
}

std::uint32_t percent(std::uint64_t x, std::uint32_t of) noexcept {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(x * of / 100, bbr_state::unbounded));
}

std::uint64_t max_bw(const bbr_state& b) noexcept {
    return std::max(b.max_bw_filter[0], b.max_bw_filter[1]);
}

bool is_probing(const bbr_state& b) noexcept {
    return b.phase == phase::startup || b.phase == phase::probe_refill ||
           b.phase == phase::probe_up;
}

std::uint32_t pacing_gain(const bbr_state& b) noexcept {
    switch (b.phase) {
        case phase::startup: return startup_pacing_gain;
        case phase::drain: return drain_pacing_gain;
        case phase::probe_down: return 90;
        case phase::probe_up: return 125;
        default: return 100;
    }
}
std::uint32_t cwnd_gain(const bbr_state& b) noexcept {
    if (b.phase == phase::probe_up) return up_cwnd_gain;
    return b.phase == phase::probe_rtt ? probe_rtt_cwnd_gain : default_cwnd_gain;
}

// --- volumes (BBR 5.6.4.2)

std::uint32_t min_pipe(const congestion_state& s) noexcept { return 4U * s.mss; }

std::uint32_t bdp_multiple(const bbr_state& b, std::uint64_t bw, std::uint32_t gain) noexcept {
    if (b.min_rtt == duration::max()) return b.initial_window;
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(b.min_rtt / 1us, 1));
    // bytes/s below 2^40 and ten seconds of microseconds below 2^24
    const std::uint64_t bdp = std::min(bw, std::uint64_t{1} << 40) *
                              std::min<std::uint64_t>(us, (1U << 24) - 1) / 1'000'000;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(bdp * gain / 100, window_max));
}

std::uint32_t quantized(const congestion_state& s, const bbr_state& b, std::uint32_t cap) noexcept {
    const auto quantum = static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(b.pacing_rate / 1000, std::uint64_t{2} * s.mss, 1U << 16));
    cap = std::max({cap, 3 * quantum, min_pipe(s)});
    return b.phase == phase::probe_up ? cap + 2U * s.mss : cap;
}

std::uint32_t with_headroom(const congestion_state& s, const bbr_state& b) noexcept {
    if (b.inflight_longterm == bbr_state::unbounded) return b.inflight_longterm;
    const std::uint32_t room =
        std::max<std::uint32_t>(s.mss, percent(b.inflight_longterm, headroom));
    return std::max(b.inflight_longterm - std::min(room, b.inflight_longterm), min_pipe(s));
}

std::uint32_t probe_rtt_window(const congestion_state& s, const bbr_state& b) noexcept {
    return std::max(bdp_multiple(b, b.bw, probe_rtt_cwnd_gain), min_pipe(s));
}

// --- phases (BBR 5.3)

void start_round(bbr_state& b) noexcept { b.next_round_delivered = b.delivered; }

void reset_full_bw(bbr_state& b, std::uint64_t from = 0) noexcept {
    b.full_bw = from;
    b.full_bw_count = 0;
    b.full_bw_now = false;
}

// BBR 5.3.3.5.3: two to three seconds, and a first round or not, so that flows that share a
// bottleneck don't probe together. Out of what differs between them; nothing to guess.
void pick_probe_wait(bbr_state& b, instant now) noexcept {
    std::uint64_t z = static_cast<std::uint64_t>(now.time_since_epoch().count()) +
                      (std::uint64_t{b.delivered} << 32) + b.index;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    z ^= z >> 31;
    b.rounds_since_probe = static_cast<std::uint32_t>(z & 1);
    b.probe_wait = 2s + duration(static_cast<std::int64_t>((z >> 1) % 1'000'000'000));
}

void start_down(bbr_state& b, instant now) noexcept {
    b.loss_in_round = false;
    b.bw_latest = 0;
    b.inflight_latest = 0;
    b.probe_up_bytes = bbr_state::unbounded;
    pick_probe_wait(b, now);
    b.cycle_stamp = now;
    b.ack_phase = ack_phase::stopping;
    start_round(b);
    b.phase = phase::probe_down;
}

void start_refill(bbr_state& b) noexcept {
    reset_shortterm(b);
    b.probe_up_rounds = 0;
    b.probe_up_acked = 0;
    b.ack_phase = ack_phase::refilling;
    start_round(b);
    b.phase = phase::probe_refill;
}

// BBR 5.3.3.6: how much must be acknowledged for one more segment; twice as fast each round.
void raise_slope(const congestion_state& s, bbr_state& b) noexcept {
    const std::uint64_t segments = std::uint64_t{1} << b.probe_up_rounds;
    b.probe_up_rounds = static_cast<std::uint8_t>(std::min(b.probe_up_rounds + 1, 30));
    b.probe_up_bytes =
        static_cast<std::uint32_t>(std::max<std::uint64_t>(s.window.bytes() / segments, s.mss));
}

void start_up(const congestion_state& s, bbr_state& b, std::uint64_t rate, instant now) noexcept {
    b.ack_phase = ack_phase::starting;
    start_round(b);
    reset_full_bw(b, rate);
    b.cycle_stamp = now;
    b.phase = phase::probe_up;
    raise_slope(s, b);
}

// --- on each acknowledgment, in the order of BBR 5.2.3

// BBR 5.5.10.3
void update_latest_signals(const step& t) noexcept {
    bbr_state& b = t.b;
    b.loss_round_start = false;
    b.bw_latest = std::max(b.bw_latest, t.rate);
    b.inflight_latest = std::max(b.inflight_latest, t.rs.delivered);
    if (!reached(t.rs.prior_delivered, b.loss_round_delivered)) return;
    b.loss_round_delivered = b.delivered;
    b.loss_round_start = true;
}

// BBR 5.5.1 and 5.5.5
void update_max_bw(const step& t) noexcept {
    bbr_state& b = t.b;
    b.round_start = reached(t.rs.prior_delivered, b.next_round_delivered);
    if (b.round_start) {
        start_round(b);
        ++b.round_count;
        ++b.rounds_since_probe;
        if (b.in_recovery && b.recovery_rounds != 255) ++b.recovery_rounds;
    }
    if (t.rate != 0 && (t.rate >= max_bw(b) || !t.rs.app_limited))
        b.max_bw_filter[1] = std::max(b.max_bw_filter[1], t.rate);
}

// BBR 5.5.10.3: slower after loss, when it was not looking for more
void update_congestion_signals(const step& t) noexcept {
    bbr_state& b = t.b;
    update_max_bw(t);
    if (!b.loss_round_start) return;
    if (!is_probing(b) && b.loss_in_round) {
        if (b.bw_shortterm == bbr_state::unbounded_rate) b.bw_shortterm = max_bw(b);
        if (b.inflight_shortterm == bbr_state::unbounded) b.inflight_shortterm = t.s.window.bytes();
        b.bw_shortterm = std::max(b.bw_latest, b.bw_shortterm * beta / 100);
        b.inflight_shortterm = std::max(b.inflight_latest, percent(b.inflight_shortterm, beta));
    }
    b.loss_in_round = false;
}

// BBR 5.5.9. The filter is two halves of the window's rounds.
void update_aggregation(const step& t) noexcept {
    bbr_state& b = t.b;
    const auto us = static_cast<std::uint64_t>(
        std::clamp<std::int64_t>((t.a.now - b.extra_acked_start) / 1us, 0, (1 << 24) - 1));
    std::uint64_t expected = std::min(b.bw, std::uint64_t{1} << 40) * us / 1'000'000;
    if (b.extra_acked_delivered <= expected) {
        b.extra_acked_delivered = 0;
        b.extra_acked_start = t.a.now;
        expected = 0;
    }
    b.extra_acked_delivered += t.a.delivered;
    const std::uint64_t extra =
        std::min<std::uint64_t>(b.extra_acked_delivered - expected, t.s.window.bytes());
    const std::uint32_t half = b.full_bw_reached ? extra_acked_rounds / 2 : 1;
    if (b.round_count - b.extra_acked_round >= half) {
        b.extra_acked = {b.full_bw_reached ? b.extra_acked[1] : 0, 0};
        b.extra_acked_round = b.round_count;
    }
    b.extra_acked[1] = std::max(b.extra_acked[1], static_cast<std::uint32_t>(extra));
}

// BBR 5.3.1.2, and 5.3.1.3: too much loss in a round of recovery ends startup as well
void check_full_bw(const step& t) noexcept {
    bbr_state& b = t.b;
    if (!b.round_start) return;
    const bool lossy = b.phase == phase::startup && b.recovery_rounds > 1 &&
                       b.losses_in_round >= startup_loss_ranges &&
                       b.lost_in_round > percent(t.rs.sent_in_flight, loss_threshold);
    b.losses_in_round = 0;
    b.lost_in_round = 0;
    if (lossy && !b.full_bw_reached) {
        b.full_bw_reached = true;
        b.inflight_longterm = std::max(bdp_multiple(b, max_bw(b), 100), b.inflight_latest);
        return;
    }
    if (b.full_bw_now || t.rs.app_limited) return;
    if (t.rate >= b.full_bw + b.full_bw / 4) {
        reset_full_bw(b, t.rate);
        return;
    }
    ++b.full_bw_count;
    b.full_bw_now = b.full_bw_count >= 3;
    if (b.full_bw_now) b.full_bw_reached = true;
}

// BBR 5.3.1, 5.3.2
void check_startup_and_drain(const step& t) noexcept {
    bbr_state& b = t.b;
    if (b.phase == phase::startup && b.full_bw_reached) b.phase = phase::drain;
    if (b.phase == phase::drain &&
        t.a.in_flight_after <= quantized(t.s, b, bdp_multiple(b, b.bw, 100)))
        start_down(b, t.a.now);
}

// BBR 5.3.3.6
void adapt_longterm(const step& t) noexcept {
    bbr_state& b = t.b;
    if (b.ack_phase == ack_phase::starting && b.round_start) b.ack_phase = ack_phase::feedback;
    if (b.ack_phase == ack_phase::stopping && b.round_start) {
        b.probing_samples = false;
        b.ack_phase = ack_phase::none;
        if (is_probe_bw(b) && !t.rs.app_limited) b.max_bw_filter = {b.max_bw_filter[1], 0};
    }
    if (is_too_high(t.rs.lost, t.rs.sent_in_flight)) {
        if (b.probing_samples)
            handle_too_high(t.s, b, t.rs.sent_in_flight, t.rs.app_limited, t.a.now);
        return;
    }
    if (b.inflight_longterm == bbr_state::unbounded) return;
    b.inflight_longterm = std::max(b.inflight_longterm, t.rs.sent_in_flight);
    if (b.phase != phase::probe_up) return;
    if (!t.a.window_limited || t.s.window.bytes() < b.inflight_longterm) return;
    b.probe_up_acked += t.a.delivered;
    if (b.probe_up_acked >= b.probe_up_bytes) {
        const std::uint32_t segments = b.probe_up_acked / b.probe_up_bytes;
        b.probe_up_acked -= segments * b.probe_up_bytes;
        b.inflight_longterm = std::min(b.inflight_longterm + segments * t.s.mss, window_max);
    }
    if (b.round_start) raise_slope(t.s, b);
}

// BBR 5.3.3.5.3: by the clock, or as often as Reno would reach the window
bool is_time_to_probe(const step& t) noexcept {
    bbr_state& b = t.b;
    const std::uint32_t target = std::min(bdp_multiple(b, b.bw, 100), t.s.window.bytes());
    const std::uint32_t reno_rounds = std::min(target / std::max<std::uint32_t>(t.s.mss, 1), 63U);
    if (t.a.now <= b.cycle_stamp + b.probe_wait && b.rounds_since_probe < reno_rounds) return false;
    start_refill(b);
    return true;
}

// BBR 5.3.3.6
void update_cycle(const step& t) noexcept {
    bbr_state& b = t.b;
    if (!b.full_bw_reached) return;
    adapt_longterm(t);
    switch (b.phase) {
        case phase::probe_down:
            if (is_time_to_probe(t)) return;
            if (t.a.in_flight_after <= with_headroom(t.s, b) &&
                t.a.in_flight_after <= quantized(t.s, b, bdp_multiple(b, max_bw(b), 100)))
                b.phase = phase::probe_cruise;
            return;
        case phase::probe_cruise: (void)is_time_to_probe(t); return;
        case phase::probe_refill:
            if (!b.round_start) return;  // after one round the pipe is full again
            b.probing_samples = true;
            start_up(t.s, b, t.rate, t.a.now);
            return;
        case phase::probe_up:
            if (t.a.window_limited && t.s.window.bytes() >= b.inflight_longterm)
                reset_full_bw(b, t.rate);  // the bound is what limits, not the path
            else if (b.full_bw_now) start_down(b, t.a.now);
            return;
        default: return;
    }
}

// BBR 5.3.4.3
void update_min_rtt(const step& t) noexcept {
    bbr_state& b = t.b;
    b.probe_rtt_expired = t.a.now > b.probe_rtt_min_stamp + probe_rtt_interval;
    const duration sample = t.a.newest_round_trip;
    if (sample > duration::zero() && (sample < b.probe_rtt_min_delay || b.probe_rtt_expired)) {
        b.probe_rtt_min_delay = sample;
        b.probe_rtt_min_stamp = t.a.now;
    }
    if (b.probe_rtt_min_delay < b.min_rtt || t.a.now > b.min_rtt_stamp + min_rtt_filter) {
        b.min_rtt = b.probe_rtt_min_delay;
        b.min_rtt_stamp = b.probe_rtt_min_stamp;
    }
}

void check_probe_rtt(const step& t) noexcept {
    bbr_state& b = t.b;
    if (b.phase != phase::probe_rtt && b.probe_rtt_expired && !b.idle_restart) {
        save_window(t.s, b);
        b.phase = phase::probe_rtt;
        b.probe_rtt_done = instant{};
        b.ack_phase = ack_phase::stopping;
        start_round(b);
    }
    if (b.phase == phase::probe_rtt) {
        b.sampler.mark_app_limited(t.a.in_flight_after);  // low rates say nothing of the path
        if (b.probe_rtt_done == instant{}) {
            if (t.a.in_flight_after <= probe_rtt_window(t.s, b)) {
                b.probe_rtt_done = t.a.now + probe_rtt_duration;
                b.probe_rtt_round_done = false;
                start_round(b);
            }
        } else {
            if (b.round_start) b.probe_rtt_round_done = true;
            if (b.probe_rtt_round_done) check_probe_rtt_done(t.s, b, t.a.now);
        }
    }
    if (t.rs.delivered != 0) b.idle_restart = false;
}

// BBR 5.6.4.6 and 5.6.4.7
void size_window(const step& t) noexcept {
    congestion_state& s = t.s;
    const bbr_state& b = t.b;
    const std::uint32_t extra = std::max(b.extra_acked[0], b.extra_acked[1]);
    const std::uint32_t most =
        quantized(s, b, std::min(bdp_multiple(b, b.bw, cwnd_gain(b)) + extra, window_max));
    std::uint64_t window = s.window.bytes();
    if (b.full_bw_reached) window = std::min<std::uint64_t>(window + t.a.delivered, most);
    else if (window < most || b.round_count < 2) window += t.a.delivered;
    window = std::max<std::uint64_t>(window, min_pipe(s));
    std::uint32_t cap = bbr_state::unbounded;
    if (b.phase == phase::probe_rtt) {
        window = std::min<std::uint64_t>(window, probe_rtt_window(s, b));
        cap = with_headroom(s, b);
    } else if (b.phase == phase::probe_cruise) {
        cap = with_headroom(s, b);
    } else if (is_probe_bw(b)) {
        cap = b.inflight_longterm;
    }
    cap = std::max(std::min(cap, b.inflight_shortterm), min_pipe(s));
    s.set_window(std::min<std::uint64_t>(window, cap));
}

}  // namespace

void reset_shortterm(bbr_state& b) noexcept {
    b.bw_shortterm = bbr_state::unbounded_rate;
    b.inflight_shortterm = bbr_state::unbounded;
}

bool is_too_high(std::uint32_t lost, std::uint32_t sent_in_flight) noexcept {
    return lost > percent(sent_in_flight, loss_threshold);
}

// BBR 5.5.10.2
void handle_too_high(const congestion_state& s, bbr_state& b, std::uint32_t sent_in_flight,
                     bool app_limited, instant now) noexcept {
    b.probing_samples = false;  // once per probe
    if (!app_limited) {
        const std::uint32_t target = std::min(bdp_multiple(b, b.bw, 100), s.window.bytes());
        b.inflight_longterm = std::max(sent_in_flight, percent(target, beta));
    }
    if (b.phase == phase::probe_up) start_down(b, now);
}

// BBR 5.6.4.4
void save_window(const congestion_state& s, bbr_state& b) noexcept {
    const std::uint32_t window = s.window.bytes();
    const bool is_good = !b.in_recovery && b.phase != phase::probe_rtt;
    b.prior_window = is_good ? window : std::max(b.prior_window, window);
}

void restore_window(congestion_state& s, const bbr_state& b) noexcept {
    s.set_window(std::max(s.window.bytes(), b.prior_window));
}

// BBR 5.3.4.3, 5.3.4.4
void check_probe_rtt_done(congestion_state& s, bbr_state& b, instant now) noexcept {
    if (b.probe_rtt_done == instant{} || now <= b.probe_rtt_done) return;
    b.probe_rtt_min_stamp = now;  // the next one in five seconds
    restore_window(s, b);
    reset_shortterm(b);
    if (!b.full_bw_reached) {
        b.phase = phase::startup;
        return;
    }
    start_down(b, now);
    b.phase = phase::probe_cruise;
}

// BBR 5.6.2
void set_pacing_rate(bbr_state& b, std::uint32_t gain) noexcept {
    const std::uint64_t rate = b.bw * gain / 100 * pacing_margin / 100;
    if (b.full_bw_reached || rate > b.pacing_rate) b.pacing_rate = std::max<std::uint64_t>(rate, 1);
}

bool is_probe_bw(const bbr_state& b) noexcept {
    return b.phase >= phase::probe_down && b.phase <= phase::probe_up;
}

void update(congestion_state& s, bbr_state& b, const acknowledged& a) noexcept {
    b.delivered = a.rate->delivered_total;
    const step t{s, b, a, *a.rate, rate_of(*a.rate)};
    update_latest_signals(t);
    update_congestion_signals(t);
    update_aggregation(t);
    check_full_bw(t);
    check_startup_and_drain(t);
    update_cycle(t);
    update_min_rtt(t);
    check_probe_rtt(t);
    if (b.loss_round_start) {
        b.bw_latest = t.rate;
        b.inflight_latest = t.rs.delivered;
    }
    b.bw = std::min(max_bw(b), b.bw_shortterm);
    if (b.bw != 0) set_pacing_rate(b, pacing_gain(b));
    size_window(t);
}

}  // namespace coax::stack::tcp::bbr_model
