// Expiry of the timers of connections, half-open connections and TIME-WAIT.
#include "stack/tcp/timers.hpp"

#include <algorithm>

#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/mtu_search.hpp"
#include "stack/tcp/pacing.hpp"
#include "stack/tcp/recovery.hpp"

namespace coax::stack::tcp {

namespace {

constexpr std::uint8_t first_threshold = 3;  // R1, RFC 9293 3.8.3 (SHLD-10): retransmissions
constexpr std::uint8_t orphan_probes_max = 8;

void give_up(core& k, connection& c) noexcept {
    k.count.add(counted::user_timeouts);
    end(k, c, c.soft_error != error::none ? c.soft_error : error::timed_out);
}

std::uint32_t own_timeout(const connection& c) noexcept {
    return c.rare != nullptr ? c.rare->user_timeout : 0;
}

// RFC 5482 1: the time counts from the transmission, one timeout before the first retransmission.
std::uint32_t since_armed(const connection& c, std::uint32_t now) noexcept {
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(c.rtt.timeout().value());
    if (const std::uint32_t own = own_timeout(c); own != 0)
        ms = std::min(ms, std::chrono::milliseconds(own));
    const std::uint32_t since = now - static_cast<std::uint32_t>(ms.count());
    return since != 0 ? since : 1;
}

// R2 (RFC 9293 3.8.3, MUST-20, MUST-21): no progress for the user timeout. For one that nobody
// owns any more, a shorter one.
bool is_hopeless(core& k, connection& c, instant now) noexcept {
    const std::uint32_t ms = k.milliseconds(now);
    if (c.stalled_since == 0) c.stalled_since = since_armed(c, ms);
    duration limit = k.config.user_timeout;
    if (own_timeout(c) != 0) limit = std::chrono::milliseconds(own_timeout(c));  // MUST-21
    if (c.is_orphan()) limit = std::min(k.config.orphan_timeout, limit);
    return std::chrono::milliseconds(ms - c.stalled_since) >= limit;
}

// RFC 6298 (5.4) to (5.7)
void on_syn_timeout(core& k, connection& c, instant now) noexcept {
    k.count.add(counted::timeouts);
    // Without a timeout of its own the number of SYNs decides.
    const bool hopeless = own_timeout(c) != 0 && is_hopeless(k, c, now);
    if (hopeless || c.retries >= k.config.syn_retries) {  // MUST-23
        k.count.add(counted::failed_opens);
        give_up(k, c);
        return;
    }
    ++c.retries;
    if (c.retries == first_threshold) c.route.epoch = 0;  // RFC 9293 3.8.3 (MUST-22)
    c.syn_pending = true;
    k.make_ready(c);
}

void on_retransmission(core& k, connection& c, instant now) noexcept {
    if (c.current == state::syn_sent || c.current == state::syn_received) {
        on_syn_timeout(k, c, now);
        return;
    }
    if (c.snd.una == c.snd.nxt) {  // nothing was sent: the way out, or a record, was missing
        recovery_clear(k, c);      // or a last word on what had been sent again has not come
        const bool waits = c.sending.size() != 0 || (c.fin_queued && !c.fin_sent);
        if (waits && is_hopeless(k, c, now)) give_up(k, c);
        else k.make_ready(c);
        return;
    }
    if (c.timer_cause == retransmission_cause::probe) {
        recovery_on_probe_timeout(k, c, now);
        return;
    }
    if (c.timer_cause == retransmission_cause::reordering) {
        recovery_on_reordering_timeout(k, c, now);
        return;
    }
    k.count.add(counted::timeouts);
    if (is_hopeless(k, c, now)) {
        give_up(k, c);
        return;
    }
    recovery_on_timeout(k, c,
                        now);  // RFC 6675 5.1: what SACK told is kept, what is not told is lost
    if (c.retries < 255) ++c.retries;
    // MUST-20 (a): at R1 the IP layer is told to look for another way
    if (c.retries == first_threshold) c.route.epoch = 0;
    if (c.retries >= first_threshold) suspect_black_hole(k, c, now);
}

// What a cork held back goes now.
void on_cork_timeout(core& k, connection& c) noexcept {
    if (c.rare == nullptr) return;
    c.rare->push_due = c.rare->expired = true;
    k.make_ready(c);
}

// Nobody owns it, and the peer answers probes but takes nothing: after enough of them, of which the
// last one waited for half of the time that an orphan has. At a short round trip the first ones are
// gone in seconds, while a reader may be slow.
bool is_abandoned(const core& k, const connection& c) noexcept {
    return c.is_orphan() && c.retries >= orphan_probes_max &&
           c.rtt.timeout().backed_off(c.retries, k.config) >=
               std::min(k.config.orphan_timeout / 2, k.config.rto_max);
}

void on_persist(core& k, connection& c, instant now) noexcept {
    if (!c.probing) {
        on_cork_timeout(k, c);
        return;
    }
    if (c.sending.size() == 0 && !(c.fin_queued && (!c.fin_sent || c.snd.una != c.snd.nxt))) {
        c.probing = false;
        return;
    }
    if (is_abandoned(k, c)) {
        k.count.add(counted::orphans_killed);
        abort(k, c, now);
        return;
    }
    if (is_hopeless(k, c, now)) {
        give_up(k, c);
        return;
    }
    if (c.retries < 255) ++c.retries;
    c.probe_pending = true;
    k.make_ready(c);
    k.set_timer(c, timer::persist, now + c.rtt.timeout().backed_off(c.retries, k.config));
}

// RFC 9293 3.8.4 (MUST-29): dead after several probes without an answer, not after a single one;
// or, with a timeout of its own, after that much silence.
bool is_silent_for_good(const core& k, const connection& c, duration interval) noexcept {
    if (c.probes_sent == 0) return false;
    if (own_timeout(c) != 0)
        return keep_alive_idle(k, c) + c.probes_sent * interval >=
               std::chrono::milliseconds(own_timeout(c));
    const bool own = c.rare != nullptr && c.rare->keep_alive_probes != 0;
    return c.probes_sent >= (own ? c.rare->keep_alive_probes : k.config.keep_alive_probes);
}

void on_keep_alive(core& k, connection& c, instant now) noexcept {
    if (!c.keep_alive) return;
    if (c.sending.size() != 0 || c.snd.una != c.snd.nxt) {
        // MUST-26: not while data is outstanding; its retransmission finds out.
        c.probes_sent = 0;
        k.set_timer(c, timer::keep_alive, now + keep_alive_idle(k, c));
        return;
    }
    const bool own = c.rare != nullptr && c.rare->keep_alive_interval != duration::zero();
    const duration interval = own ? c.rare->keep_alive_interval : k.config.keep_alive_interval;
    if (is_silent_for_good(k, c, interval)) {
        give_up(k, c);
        return;
    }
    if (c.probes_sent < 255) ++c.probes_sent;
    c.keep_alive_pending = true;
    k.make_ready(c);
    k.set_timer(c, timer::keep_alive, now + interval);
}

// May free `c`; the timer's deadline is already cleared.
void fire(core& k, connection& c, timer t, instant now) noexcept {
    switch (t) {
        case timer::retransmission: on_retransmission(k, c, now); break;
        case timer::persist: on_persist(k, c, now); break;
        case timer::delayed_ack:
            c.ack_now = true;
            k.make_ready(c);
            break;
        case timer::keep_alive:  // or lifetime
            if (!c.is_orphan()) {
                on_keep_alive(k, c, now);
                break;
            }
            k.count.add(counted::orphans_killed);
            if (c.current == state::fin_wait_2) destroy(k, c);
            else abort(k, c, now);  // it lingered as long as it was allowed to
            break;
    }
}

void fire_connection(core& k, connection& c, instant now) noexcept {
    const socket_id self = k.id_of(c);
    c.due = never;
    for (std::size_t i = 0; i < timer_count; ++i) {
        if (c.deadlines[i] > now) continue;
        c.deadlines[i] = never;
        fire(k, c, static_cast<timer>(i), now);
        // Freed, or over: then no timer runs.
        if (k.connections.find(self.index, self.generation) == nullptr || !c.in_table) return;
    }
    const instant next = *std::min_element(c.deadlines.begin(), c.deadlines.end());
    if (next < c.due) k.timers.arm(c, next);
}

void fire_half_open(core& k, half_open& h, instant now) noexcept {
    // While the queue overflows each has one more chance only: a flood's answers would go to those
    // whose addresses it forged, six times each.
    const bool flooded = now < h.listener->cookies_until;
    if (h.retries >= k.config.syn_ack_retries || (flooded && h.retries != 0)) {
        k.count.add(counted::failed_opens);
        destroy(k, h);
        return;
    }
    ++h.retries;
    h.syn_ack_pending = true;
    k.make_ready(h);
    const duration wait =
        std::min(k.config.rto_initial * (1 << std::min<int>(h.retries, 16)), k.config.rto_max);
    k.timers.arm(h, now + wait);
}

}  // namespace

duration before_user_timeout(core& k, const connection& c, duration wait, instant now) noexcept {
    const std::uint32_t limit = own_timeout(c);
    if (limit == 0) return wait;
    const std::uint32_t stalled = c.stalled_since != 0 ? k.milliseconds(now) - c.stalled_since : 0;
    const std::uint32_t left = limit > stalled ? limit - stalled : 0;
    return std::min(wait, duration(std::chrono::milliseconds(std::max(left, 1U))));
}

void fire_timers(core& k, instant now) noexcept {
    while (timer_node* node = k.timers.take_expired(now)) {
        switch (node->owned_by) {
            case timer_node::owner::connection:
                fire_connection(k, *static_cast<connection*>(node), now);
                break;
            case timer_node::owner::half_open:
                fire_half_open(k, *static_cast<half_open*>(node), now);
                break;
            case timer_node::owner::time_wait: destroy(k, *static_cast<time_wait*>(node)); break;
            case timer_node::owner::pacing:
                pacing_on_timer(k, *static_cast<pacing_state*>(node));
                break;
        }
    }
}

}  // namespace coax::stack::tcp
