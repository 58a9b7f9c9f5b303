// Taking notes when segments leave, and samples when they arrive.
#include "stack/tcp/delivery_rate.hpp"

#include <algorithm>

#include "stack/tcp/congestion_events.hpp"
#include "stack/tcp/pacing.hpp"
#include "stack/tcp/recovery.hpp"

namespace coax::stack::tcp {

namespace {

rate_sampler& sampler_of(const core& k, const connection& c) noexcept {
    return *control_of(k, c).sampler_of(c.congestion);
}

std::uint32_t microseconds_of(instant at) noexcept {
    return static_cast<std::uint32_t>(at.time_since_epoch().count() / 1000);
}

// On the circle of totals.
bool is_beyond(std::uint32_t a, std::uint32_t b) noexcept {
    return static_cast<std::int32_t>(a - b) > 0;
}

void note(transmission& t, const rate_sampler& m, std::uint32_t in_flight) noexcept {
    t.delivered = m.delivered;
    t.delivered_at = m.delivered_at;
    t.first_sent_at = m.first_sent_at;
    t.in_flight = in_flight;
    t.lost_before = m.lost;
    t.app_limited = m.app_limited;
}

// CheckIfApplicationLimited (BBR 4.1.2.4): less than a segment waits, and the window has room for
// more than is in flight.
bool is_dry(const connection& c, std::uint32_t sent, std::uint32_t in_flight) noexcept {
    const std::uint32_t size = c.sending.size();
    const std::uint32_t unsent = size - std::min(size, sent);
    return unsent < c.snd.mss && in_flight < c.congestion.window.bytes() && !has_retransmission(c);
}

// GenerateRateSample (BBR 4.1.2.3).
rate_sample sample_of(rate_sampler& m, const connection& c, const transmission& newest) noexcept {
    if (m.app_limited && is_beyond(m.delivered, m.app_limited_until)) m.app_limited = false;
    rate_sample rs;
    rs.delivered = m.delivered - newest.delivered;
    rs.delivered_total = m.delivered;
    rs.prior_delivered = newest.delivered;
    rs.sent_in_flight = newest.in_flight;
    rs.lost = m.lost - newest.lost_before;
    rs.app_limited = newest.app_limited;
    const std::uint32_t sent_at = microseconds_of(newest.sent_at);
    const std::uint32_t us = std::max(sent_at - newest.first_sent_at,       // RS.send_elapsed
                                      m.delivered_at - newest.delivered_at  // RS.ack_elapsed
    );
    m.first_sent_at = sent_at;
    // Less than a round trip: acknowledgments that came late and together, or for a segment that
    // was sent again and whose first transmission arrived. Each clock is cut to a microsecond.
    if (us == 0 || std::chrono::microseconds(std::uint64_t{us} + 1) < c.rtt.least()) return rs;
    rs.interval = std::chrono::microseconds(us);
    const std::uint64_t rate = std::uint64_t{rs.delivered} * 1'000'000 / us;
    if (!rs.app_limited || rate > m.rate) m.rate = rate;
    return rs;
}

}  // namespace

void rate_on_sent(core& k, connection& c, std::uint32_t bytes, instant now) noexcept {
    rate_sampler& m = sampler_of(k, c);
    const std::uint32_t flying = in_flight(c);
    if (m.ran_dry) m.mark_app_limited(flying);
    if (c.outstanding() == 0) {
        // Whatever arrives from now on arrived between now and then. By what was sent and not
        // acknowledged, not by what is thought to be in flight: that is a guess, and a wrong one
        // would make the interval short and the rate too high.
        m.first_sent_at = m.delivered_at = microseconds_of(now);
        control_of(k, c).on_restart(c.congestion, m.app_limited, now);
        pacing_update(k, c);
    }
    transmission& t = c.flying.newest();
    // One that grew for want of memory keeps what was noted for its beginning.
    if (t.first == c.snd.nxt) note(t, m, flying + bytes);
    m.ran_dry = is_dry(c, c.outstanding() + bytes, flying + bytes);
}

void rate_on_resent(core& k, connection& c, transmission& t) noexcept {
    note(t, sampler_of(k, c), in_flight(c) + t.size());
}

void rate_on_held(core& k, connection& c) noexcept { sampler_of(k, c).ran_dry = false; }

void rate_on_delivered(core& k, connection& c, std::uint32_t bytes, instant now) noexcept {
    if (bytes == 0) return;
    rate_sampler& m = sampler_of(k, c);
    m.delivered += bytes;
    m.delivered_at = microseconds_of(now);
}

void rate_on_lost(core& k, connection& c, const transmission& t, instant now) noexcept {
    rate_sampler& m = sampler_of(k, c);
    m.lost += t.size();
    if (t.in_flight == 0) return;  // sent before anybody took notes
    lost_segment l;
    l.bytes = t.size();
    l.sent_in_flight = t.in_flight;
    l.lost = m.lost - t.lost_before;
    l.delivered_total = m.delivered;
    l.app_limited = t.app_limited;
    control_of(k, c).on_lost(c.congestion, l, now);
}

void rate_on_acknowledged(core& k, connection& c, acknowledged& a,
                          const transmission& newest) noexcept {
    rate_sampler& m = sampler_of(k, c);
    a.window_limited = c.congestion.flight_filled;
    rate_sample rs;
    if (newest.in_flight != 0) {
        rs = sample_of(m, c, newest);
        a.rate = &rs;
    }
    congestion_on_acknowledged(k, c, a);
    m.ran_dry = m.ran_dry || is_dry(c, c.outstanding(), a.in_flight_after);
}

void rate_begin(connection& c) noexcept {
    if (c.flying.is_lone()) return;  // its record will begin so
    for (flight::position p = c.flying.first(); p; p = c.flying.next(p)) p->in_flight = 0;
}

std::uint64_t delivery_rate_of(const core& k, const connection& c) noexcept {
    const rate_sampler* const m = control_of(k, c).sampler_of(c.congestion);
    return m != nullptr ? m->rate : 0;
}

}  // namespace coax::stack::tcp
