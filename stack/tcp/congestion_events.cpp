// What happens to a connection that its congestion control must hear.
#include "stack/tcp/congestion_events.hpp"

#include <algorithm>

#include "stack/tcp/delivery_rate.hpp"
#include "stack/tcp/ecn.hpp"
#include "stack/tcp/pacing.hpp"
#include "stack/tcp/validation.hpp"

namespace coax::stack::tcp {

namespace {

// The algorithm has a connection to work on.
bool is_under_way(const connection& c) noexcept {
    switch (c.current) {
        case state::closed:
        case state::listen:
        case state::syn_sent:
        case state::syn_received: return false;
        default: return c.in_table;
    }
}

// RFC 5681 4.1, RFC 2861 3.1
void cut_after_idle(core& k, connection& c, duration idle) noexcept {
    congestion_state& s = c.congestion;
    std::uint32_t window = s.window.bytes();
    // RFC 5681 4.1: RW = min(IW, cwnd)
    const std::uint32_t restart =
        std::min(initial_window(c.snd.mss, k.config.congestion_window_initial), window);
    // RFC 2861 3.1: what is left of the path's memory is in ssthresh, for slow start to find.
    s.slow_start_threshold = std::max(s.slow_start_threshold, window / 4 * 3);
    if (s.idle != idle_window::decay) window = restart;
    const duration timeout = c.rtt.timeout().value();
    for (duration left = idle; left > timeout && window > restart; left -= timeout) window /= 2;
    s.set_window(std::max(window, restart));
}

// Loss or ECE; to a window that is not validated the answer is RFC 7661 4.4.1's.
void reduce(core& k, connection& c, const congestion_event& e) noexcept {
    k.count.add(counted::window_reductions);
    const std::uint32_t used =
        is_validating(c) ? validation_on_congestion(k, c, e.in_flight, e.sign, e.now) : 0;
    control_of(k, c).on_congestion(c.congestion, e);
    if (used != 0) validation_reduce(c, used);
    ecn_on_reduction(c);
}

// `to` takes the connection over, as `s` will say; with pacing, if it depends on that. False: no
// memory for one of both, nothing changed.
bool start_control(core& k, connection& c, const congestion_control& to, congestion_state& s,
                   instant now) noexcept {
    if (!to.start(s, c.rtt.smoothed(), now)) {
        k.count.add(counted::no_memory);
        return false;
    }
    if (!s.samples_rate) [[likely]]
        return true;
    if (!pacing_start(k, c)) {
        to.stop(s);
        return false;
    }
    s.pacing = c.congestion.pacing;
    rate_begin(c);
    return true;
}

}  // namespace

void congestion_start(core& k, connection& c, instant now) noexcept {
    congestion_state& s = c.congestion;
    s.window = congestion_window::clamped(
        initial_window(c.snd.mss, k.config.congestion_window_initial), c.snd.mss);
    if (!start_control(k, c, control_of(k, c), s, now)) {
        k.count.add(counted::congestion_fallbacks);
        s.algorithm = congestion_algorithm::newreno;  // which needs none
        (void)control_of(k, c).start(s, c.rtt.smoothed(), now);
    }
    if (s.ecn) k.count.add(counted::ecn_negotiated);
    s.ecn_guard = s.flight_end = c.snd.una;
    (void)congestion_set_pacing(k, c);  // without memory for it: not paced
}

bool congestion_choose(core& k, connection& c, congestion_algorithm wanted, instant now) noexcept {
    congestion_state& s = c.congestion;
    if (!is_under_way(c)) {
        s.algorithm = wanted;
        s.own = {};  // nothing of another's that had the connection while it lived
        return true;
    }
    if (s.algorithm == wanted) return true;
    congestion_state next = s;
    next.algorithm = wanted;
    // Whose window does not follow a threshold leaves none to the one that comes after it.
    if (control_of(k, c).owns_recovery())
        next.slow_start_threshold = std::min(next.slow_start_threshold, next.window.bytes());
    if (!start_control(k, c, *k.controls[static_cast<std::size_t>(wanted)], next, now))
        return false;
    control_of(k, c).stop(s);
    s = next;
    if (c.recovery != nullptr) c.recovery->undoable = false;  // `before` is the other algorithm's
    (void)congestion_set_pacing(k, c);
    if (is_paced(c)) pacing_update(k, c);
    return true;
}

bool congestion_set_pacing(core& k, connection& c) noexcept {
    if (!is_under_way(c)) return true;
    const congestion_state& s = c.congestion;
    // Nearly all: nothing is paced, and nothing is to be. Who has a rate of its own samples.
    if (!s.wants_pacing && !s.samples_rate && s.pacing == 0 && s.idle != idle_window::validate)
        return true;
    const congestion_control& control = control_of(k, c);
    // An algorithm that has a rate of its own depends on it; and it judges its window itself.
    const bool paces = s.wants_pacing || control.pacing_rate(s) != 0;
    const bool validates = s.idle == idle_window::validate && !control.owns_recovery();
    if (!validates) validation_stop(k, c);
    bool done = true;
    if (paces || validates) done = pacing_start(k, c) && (!validates || validation_start(k, c));
    if (!is_paced(c)) return done;
    if (paces || is_validating(c)) pacing_update(k, c);
    else pacing_stop(k, c);
    return done;
}

void congestion_stop(core& k, connection& c) noexcept {
    validation_stop(k, c);
    if (is_paced(c)) pacing_stop(k, c);
    control_of(k, c).stop(c.congestion);
}

void congestion_on_acknowledged(core& k, connection& c, const acknowledged& a) noexcept {
    congestion_state& s = c.congestion;
    const bool unlimited = s.slow_start_threshold == unlimited_threshold;
    if (is_validating(c)) [[unlikely]] {
        const acknowledged told = validation_on_acknowledged(k, c, a);
        if (ecn_may_grow(c, a.una)) control_of(k, c).on_acknowledged(s, told);
    } else if (ecn_may_grow(c, a.una) || control_of(k, c).owns_recovery()) {
        control_of(k, c).on_acknowledged(s, a);
    }
    if (unlimited && s.slow_start_threshold != unlimited_threshold)
        k.count.add(counted::hystart_exits);
    if (is_paced(c)) [[unlikely]]
        pacing_update(k, c);
}

void congestion_on_idle(core& k, connection& c, duration idle, instant now) noexcept {
    congestion_state& s = c.congestion;
    const congestion_control& control = control_of(k, c);
    if (is_validating(c)) {
        validation_on_idle(k, c, now);
        pacing_update(k, c);
    } else if (!control.owns_recovery() && s.idle != idle_window::keep) {
        cut_after_idle(k, c, idle);
    }
    control.on_idle(s, idle);
}

void congestion_on_loss(core& k, connection& c, std::uint32_t in_flight, instant now) noexcept {
    reduce(k, c, {now, congestion_sign::loss, in_flight});
}

void congestion_on_echo(core& k, connection& c, instant now) noexcept {
    reduce(k, c, {now, congestion_sign::ecn, c.outstanding()});
}

void congestion_on_recovered(core& k, connection& c, bool proportional, instant now) noexcept {
    control_of(k, c).on_recovered(c.congestion, {now, c.outstanding(), proportional});
    if (is_validating(c)) validation_on_recovered(k, c, now);
}

void congestion_on_timeout(core& k, connection& c, std::uint32_t in_flight, bool again,
                           instant now) noexcept {
    k.count.add(counted::window_reductions);
    control_of(k, c).on_timeout(c.congestion, in_flight, again, now);
    if (is_validating(c)) validation_on_timeout(k, c, now);
    ecn_on_reduction(c);
}

void congestion_on_undo(core& k, connection& c, const congestion_state& before,
                        instant now) noexcept {
    k.count.add(counted::window_restorations);
    control_of(k, c).on_undo(c.congestion, before, now);
    if (is_validating(c)) validation_on_undo(k, c);
}

}  // namespace coax::stack::tcp
