// What happens to a connection that its congestion control must hear.
#include "stack/tcp/congestion_events.hpp"

namespace coax::stack::tcp {

void congestion_start(core& k, connection& c, instant now) noexcept {
    congestion_state& s = c.congestion;
    s.window = congestion_window::clamped(
        initial_window(c.snd.mss, k.config.congestion_window_initial), c.snd.mss);
    if (control_of(k, c).start(s, c.rtt.smoothed(), now)) return;
    k.count.add(counted::no_memory);
    s.algorithm = congestion_algorithm::newreno;  // which needs none
    (void)control_of(k, c).start(s, c.rtt.smoothed(), now);
}

bool congestion_choose(core& k, connection& c, congestion_algorithm wanted, instant now) noexcept {
    congestion_state& s = c.congestion;
    const bool started = c.current != state::closed && c.current != state::listen &&
                         c.current != state::syn_sent && c.current != state::syn_received;
    if (!started) {
        s.algorithm = wanted;
        return true;
    }
    if (s.algorithm == wanted) return true;
    congestion_state next = s;
    next.algorithm = wanted;
    if (!k.controls[static_cast<std::size_t>(wanted)]->start(next, c.rtt.smoothed(), now))
        return false;
    control_of(k, c).stop(s);
    s = next;
    return true;
}

void congestion_stop(core& k, connection& c) noexcept { control_of(k, c).stop(c.congestion); }

void congestion_on_idle(core& k, connection& c, duration idle) noexcept {
    congestion_state& s = c.congestion;
    const congestion_control& control = control_of(k, c);
    if (!control.owns_recovery() && k.config.after_idle != idle_window::keep) {
        // RFC 5681 4.1: RW = min(IW, cwnd)
        const std::uint32_t restart = std::min(
            initial_window(c.snd.mss, k.config.congestion_window_initial), s.window.bytes());
        std::uint32_t window = s.window.bytes();
        // RFC 2861 3.1: what is left of the path's memory is in ssthresh, for slow start to find.
        s.slow_start_threshold = std::max(s.slow_start_threshold, window / 4 * 3);
        if (k.config.after_idle == idle_window::restart) window = restart;
        const duration timeout = c.rtt.timeout().value();
        for (duration left = idle; left > timeout && window > restart; left -= timeout) window /= 2;
        s.set_window(std::max(window, restart));
    }
    control.on_idle(s, idle);
}

void congestion_on_loss(core& k, connection& c, std::uint32_t in_flight, instant now) noexcept {
    k.count.add(counted::window_reductions);
    control_of(k, c).on_congestion(c.congestion, {now, congestion_sign::loss, in_flight});
}

void congestion_on_recovered(core& k, connection& c, bool proportional, instant now) noexcept {
    control_of(k, c).on_recovered(c.congestion, {now, c.outstanding(), proportional});
}

void congestion_on_timeout(core& k, connection& c, std::uint32_t in_flight, bool again,
                           instant now) noexcept {
    k.count.add(counted::window_reductions);
    control_of(k, c).on_timeout(c.congestion, in_flight, again, now);
}

void congestion_on_undo(core& k, connection& c, const congestion_state& before,
                        instant now) noexcept {
    k.count.add(counted::window_restorations);
    control_of(k, c).on_undo(c.congestion, before, now);
}

}  // namespace coax::stack::tcp
