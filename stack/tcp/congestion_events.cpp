// What happens to a connection that its congestion control must hear.
#include "stack/tcp/congestion_events.hpp"

namespace coax::stack::tcp {

void congestion_start(core& k, connection& c, instant now) noexcept {
    congestion_state& s = c.congestion;
    s.window = congestion_window::clamped(
        initial_window(c.snd.mss, k.config.congestion_window_initial), c.snd.mss);
    (void)control_of(k, c).start(s, c.rtt.smoothed(), now);
}

void congestion_stop(core& k, connection& c) noexcept { control_of(k, c).stop(c.congestion); }

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
