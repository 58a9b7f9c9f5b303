// NewReno's fast retransmit and fast recovery, and go-back-N after a timeout.
#include "stack/tcp/recovery.hpp"

#include <algorithm>

#include "stack/tcp/congestion_events.hpp"

namespace coax::stack::tcp {

namespace {

using mode = recovery_state::mode;

constexpr std::uint8_t duplicate_threshold = 3;  // RFC 5681 3.2

// The first segment not acknowledged goes again.
void resend_first(core& k, connection& c) noexcept {
    recovery_state& r = c.recovery;
    r.next = c.snd.una;
    r.end = earlier_of(c.snd.una + c.snd.mss, c.snd.nxt);
    k.make_ready(c);
}

void leave(connection& c) noexcept {
    recovery_state& r = c.recovery;
    r.in = mode::none;
    r.duplicates = 0;
    r.inflation = 0;
    r.next = r.end = c.snd.una;
}

bool was_limited(const connection& c, std::uint32_t in_flight) noexcept {
    const std::uint64_t window = c.congestion.window.bytes();
    if (c.congestion.in_slow_start()) return std::uint64_t{in_flight} * 2 >= window;
    return std::uint64_t{in_flight} + std::uint64_t{2} * c.snd.mss > window;
}

}  // namespace

void recovery_on_acknowledged(core& k, connection& c, std::uint32_t acked, std::uint32_t in_flight,
                              instant now) noexcept {
    recovery_state& r = c.recovery;
    if (r.in == mode::fast) {
        if (c.snd.una >= r.recover) {  // RFC 6582 3.2 step 3: full acknowledgment
            leave(c);
            congestion_on_recovered(k, c, false, now);
        } else {  // partial: the next hole is lost too; deflate by what left, add one segment
            r.inflation -= std::min(r.inflation, acked);
            if (acked >= c.snd.mss) r.inflation += c.snd.mss;
            resend_first(k, c);
        }
        return;
    }
    if (r.in == mode::timeout) {
        if (c.snd.una >= r.recover) leave(c);
        else r.next = later_of(r.next, c.snd.una);
    } else if (r.duplicates != 0) {
        r.duplicates = 0;
        r.inflation = 0;
    }
    // RFC 6582 3.2 step 1: what was sent before the last recovery starts no new one.
    if (r.guarded && c.snd.una > r.recover) r.guarded = false;
    congestion_on_acknowledged(k, c,
                               {now,
                                acked,
                                in_flight,
                                c.rtt.smoothed(),
                                was_limited(c, in_flight),
                                {},
                                c.snd.una,
                                c.snd.nxt});
}

void recovery_on_duplicate(core& k, connection& c, instant now) noexcept {
    recovery_state& r = c.recovery;
    if (r.in == mode::timeout) return;
    if (r.in == mode::fast) {  // RFC 6582 3.2: each tells of one segment that left
        r.inflation += c.snd.mss;
        k.make_ready(c);
        return;
    }
    if (r.duplicates < duplicate_threshold) ++r.duplicates;
    if (r.duplicates < duplicate_threshold) {
        // RFC 3042: one new segment for each of the first two, the window stays as it is.
        r.inflation = r.duplicates * std::uint32_t{c.snd.mss};
        k.make_ready(c);
        return;
    }
    if (r.guarded) return;
    // RFC 6582 3.2 step 2; FlightSize without what limited transmit sent (RFC 5681 3.2 step 2)
    const std::uint32_t limited = std::min<std::uint32_t>(r.inflation, c.outstanding());
    congestion_on_loss(k, c, c.outstanding() - limited, now);
    k.count.add(counted::fast_recoveries);
    r.in = mode::fast;
    r.guarded = true;
    r.timer_reset = false;
    r.recover = c.snd.nxt;
    r.inflation = std::uint32_t{duplicate_threshold} * c.snd.mss;
    resend_first(k, c);
}

void recovery_on_timeout(core& k, connection& c, instant now) noexcept {
    recovery_state& r = c.recovery;
    const bool again = c.retries != 0;
    congestion_on_timeout(k, c, in_flight(c), again, now);
    r.in = mode::timeout;
    r.guarded = true;
    r.duplicates = 0;
    r.inflation = 0;
    r.recover = c.snd.nxt;
    r.next = c.snd.una;
    r.end = c.snd.nxt;
    k.make_ready(c);
}

void recovery_resend_all(core& k, connection& c) noexcept {
    recovery_state& r = c.recovery;
    if (c.snd.una == c.snd.nxt) return;
    if (r.in != mode::timeout) {
        r.in = mode::timeout;
        r.guarded = true;
        r.inflation = 0;
        r.duplicates = 0;
        r.recover = c.snd.nxt;
    }
    r.next = c.snd.una;
    r.end = c.snd.nxt;
    c.timing = false;
    k.make_ready(c);
}

}  // namespace coax::stack::tcp
