// What the one retransmission timer stands for, and when it is due: the timeout (RFC 6298 5), the
// tail loss probe or the end of the reordering window, whichever is to come first (RFC 8985 7.2,
// 6.3). Setting it on the fast path is a few instructions.
#pragma once

#include <algorithm>

#include "stack/tcp/core.hpp"
#include "stack/tcp/timers.hpp"

namespace coax::stack::tcp {

inline void set_retransmission_timer(core& k, connection& c, retransmission_cause cause,
                                     instant due) noexcept {
    c.timer_cause = cause;
    k.set_timer(c, timer::retransmission, due);
}

// RFC 6298 (5.5), and no longer than the user waits (RFC 9293 3.8.3, MUST-21).
inline duration retransmission_wait(core& k, const connection& c, instant now) noexcept {
    duration wait = c.rtt.timeout().value();
    if (c.retries != 0) [[unlikely]]
        wait = c.rtt.timeout().backed_off(c.retries, k.config);
    if (c.rare != nullptr) [[unlikely]]
        wait = before_user_timeout(k, c, wait, now);
    return wait;
}

// RFC 8985 7.2: only with SACK, a measured round trip, and nothing known to be wrong.
inline bool may_probe(const core& k, const connection& c) noexcept {
    return c.sack && k.config.tail_loss_probe && c.retries == 0 && c.rtt.measured() &&
           (c.recovery == nullptr || c.recovery->is_undisturbed());
}

// RFC 8985 7.2 (TLP_calc_PTO); the margin as Linux.
inline duration probe_wait(const core& k, const connection& c) noexcept {
    const bool single = c.outstanding() <= c.snd.mss;
    return c.rtt.smoothed() * 2 +
           (single ? k.config.tail_probe_ack_delay : k.config.tail_probe_margin);
}

// New data left: RFC 6298 (5.1), RFC 8985 7.2 (step 1). `oldest`: when the oldest segment in flight
// was sent.
inline void arm_after_sending(core& k, connection& c, instant oldest, instant now) noexcept {
    if (may_probe(k, c)) {
        const instant timeout = oldest + c.rtt.timeout().value();
        instant due = now + probe_wait(k, c);
        if (timeout > now) due = std::min(due, timeout);
        set_retransmission_timer(k, c, retransmission_cause::probe, due);
        return;
    }
    if (c.deadline(timer::retransmission) != never) return;
    set_retransmission_timer(k, c, retransmission_cause::timeout,
                             now + retransmission_wait(k, c, now));
}

// The same for one segment with nothing else in flight, and no recovery.
inline void arm_after_lone_segment(core& k, connection& c, instant now) noexcept {
    if (c.sack && k.config.tail_loss_probe && c.retries == 0 && c.rtt.measured()) {
        const duration probe = c.rtt.smoothed() * 2 + k.config.tail_probe_ack_delay;
        set_retransmission_timer(k, c, retransmission_cause::probe,
                                 now + std::min(probe, c.rtt.timeout().value()));
        return;
    }
    if (c.deadline(timer::retransmission) != never) return;
    set_retransmission_timer(k, c, retransmission_cause::timeout,
                             now + retransmission_wait(k, c, now));
}

// SND.UNA moved and more is outstanding: RFC 6298 (5.3).
inline void arm_after_progress(core& k, connection& c, instant now) noexcept {
    const duration timeout = retransmission_wait(k, c, now);
    if (may_probe(k, c))
        set_retransmission_timer(k, c, retransmission_cause::probe,
                                 now + std::min(probe_wait(k, c), timeout));
    else set_retransmission_timer(k, c, retransmission_cause::timeout, now + timeout);
}

// The timer stood for something else: the timeout, counted from when the oldest was sent.
inline void arm_timeout_from_oldest(core& k, connection& c, instant now) noexcept {
    using namespace std::chrono_literals;
    const instant due = c.flying.oldest_sent_at() + retransmission_wait(k, c, now);
    set_retransmission_timer(k, c, retransmission_cause::timeout, std::max(due, now + 1ms));
}

}  // namespace coax::stack::tcp
