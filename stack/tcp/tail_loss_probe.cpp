// Sending and judging the tail loss probe.
#include "stack/tcp/tail_loss_probe.hpp"

#include "stack/tcp/congestion_events.hpp"
#include "stack/tcp/recovery.hpp"
#include "stack/tcp/retransmission_timer.hpp"
#include "stack/tcp/validation.hpp"

namespace coax::stack::tcp {

// RFC 8985 7.3: new data if there is some and the peer's window takes it, else the last segment.
void recovery_on_probe_timeout(core& k, connection& c, instant now) noexcept {
    recovery_state* const r = recovery_open(k, c);
    set_retransmission_timer(k, c, retransmission_cause::timeout,
                             now + retransmission_wait(k, c, now));
    if (r == nullptr || !r->is_undisturbed()) return;
    const bool fresh =
        !c.fin_sent && c.sending.size() > c.outstanding() && c.snd.wnd > c.outstanding();
    r->probe_new = fresh;
    r->probe_tail = !fresh;
    k.make_ready(c);
}

void probe_sent(core& k, connection& c, bool again) noexcept {
    k.count.add(counted::tail_loss_probes);
    recovery_state& r = *c.recovery;
    r.probe_new = r.probe_tail = false;
    r.probing = true;
    r.probe_resent = again;
    r.probe_end = c.snd.nxt;
}

void take_probe_answer(core& k, connection& c, const incoming& in, const delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    // RFC 8985 7.2: the timer starts again with it. A probe that could not leave yet, for want of
    // room below or held by pacing, would now go beyond a window that perhaps was just reduced.
    if (d.acked != 0 || d.sacked != 0) r.probe_new = r.probe_tail = false;
    if (!r.probing || in.ack < r.probe_end) return;
    if (!r.probe_resent) {  // new data: whatever was lost, the scoreboard knows
        r.probing = false;
    } else if (d.dsack && d.dsack_right == r.probe_end) {  // case 1: both arrived
        r.probing = false;
    } else if (in.ack > r.probe_end) {  // case 2: the probe repaired a loss, unseen otherwise
        r.probing = false;
        if (r.in != recovery_state::mode::none) return;
        k.count.add(counted::tail_losses);
        // Of a window that is not validated, what was used of it counts (RFC 7661 4.4.1).
        const bool trusted = !is_validating(c) || is_window_validated(k, c);
        congestion_on_loss(k, c, trusted ? c.congestion.window.bytes() : d.in_flight_before, d.now);
        congestion_on_recovered(k, c, true, d.now);
    } else if (d.acked == 0 && d.sacked == 0 && d.duplicate) {  // the same without D-SACK
        r.probing = false;
    }
}

flight::position probe_tail(core& k, connection& c) noexcept {
    flight::position p = c.flying.last();
    if (!p || p->sacked) return {};
    const std::uint32_t size = p->size();
    const std::uint32_t tail = (size - 1) % p->segment + 1;
    if (tail == size) return p;
    if (!scoreboard_cut(k, c, p, p->last - tail)) return {};
    return c.flying.next(p);
}

}  // namespace coax::stack::tcp
