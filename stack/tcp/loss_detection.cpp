// Loss by time and by counting.
#include "stack/tcp/loss_detection.hpp"

#include <algorithm>

namespace coax::stack::tcp {

namespace {

// RFC 8985 6.2: RACK_sent_after
bool sent_after(instant at, seq end, instant other_at, seq other_end) noexcept {
    return at > other_at || (at == other_at && end > other_end);
}

// RFC 8985 6.2 step 2: of which transmission does a retransmitted segment's arrival tell?
bool is_ambiguous(core& k, const connection& c, const incoming& in, const transmission& t,
                  duration rtt) noexcept {
    if (!t.resent) return false;
    const auto& stamps = in.header.options.timestamps;
    if (c.timestamps && stamps && stamps->echo != 0 &&
        timestamp_before(stamps->echo, k.milliseconds_of(t.sent_at) + c.ts.offset))
        return true;
    return rtt < c.rtt.least();
}

// RFC 8985 6.2 step 5, one block. False: nothing behind it can be lost.
bool detect_in_block(core& k, connection& c, flight_block& b, duration patience,
                     delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    if (b.oldest > r.rack_sent_at) return b.records[b.begin].first < r.resent_to;
    instant oldest = never;
    for (std::uint8_t i = b.begin; i != b.end; ++i) {
        transmission& t = b.records[i];
        if (!t.is_under_way()) continue;
        if (sent_after(r.rack_sent_at, r.rack_end, t.sent_at, t.last)) {
            const duration left = t.sent_at + r.rack_rtt + patience - d.now;
            if (left <= duration::zero()) {
                scoreboard_mark_lost(k, c, t, d);
                continue;
            }
            d.wait = std::max(d.wait, left);
        }
        oldest = std::min(oldest, t.sent_at);
    }
    b.oldest = oldest;
    return true;
}

void detect_by_time(core& k, connection& c, delivery& d) noexcept {
    const recovery_state& r = *c.recovery;
    if (r.rack_sent_at == instant{}) return;  // nothing is known to have arrived
    const duration patience = reordering_window(c);
    for (flight::position p = c.flying.first(); p; p = c.flying.next_block(p))
        if (!detect_in_block(k, c, *p.block, patience, d)) break;
}

// RFC 6675 4 (IsLost): DupThresh discontiguous sequences, or more than (DupThresh - 1) * SMSS bytes
// above it were SACKed. All below the answer are lost.
seq lost_below(const connection& c) noexcept {
    const std::uint32_t enough = (duplicate_threshold - 1U) * c.snd.mss;
    std::uint32_t bytes = 0;
    std::uint32_t runs = 0;
    seq left = c.snd.nxt;
    for (flight::position p = c.flying.last(); p; p = c.flying.previous(p)) {
        if (!p->sacked) continue;
        bytes += p->size();
        if (runs == 0 || p->last != left) ++runs;
        left = p->first;
        if (bytes > enough || runs >= duplicate_threshold) return left;
        if (bytes >= c.recovery->sacked) break;
    }
    return c.snd.una;
}

void detect_by_counting(core& k, connection& c, delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    const seq end = lost_below(c);
    for (flight::position p = c.flying.find(later_of(r.counted_to, c.snd.una)); p && p->last <= end;
         p = c.flying.next(p)) {
        if (!p->sacked && !p->lost && !p->again) scoreboard_mark_lost(k, c, *p, d);
        r.counted_to = p->last;
    }
}

}  // namespace

void rack_on_delivered(core& k, connection& c, const incoming& in, const transmission& t) noexcept {
    recovery_state& r = *c.recovery;
    const duration rtt = in.now - t.sent_at;
    if (is_ambiguous(k, c, in, t, rtt)) return;
    r.rack_advanced = true;
    if (!sent_after(t.sent_at, t.last, r.rack_sent_at, r.rack_end)) return;
    r.rack_rtt = rtt;
    r.rack_sent_at = t.sent_at;
    r.rack_end = t.last;
}

void rack_adapt(connection& c, const delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    rack_memory& m = c.rack;
    if (d.reordered) m.reordering_seen = true;
    if (r.in_dsack_round && c.snd.una >= r.dsack_round) r.in_dsack_round = false;
    if (!d.dsack || r.in_dsack_round) return;
    if (r.probing && r.probe_resent && d.dsack_right == r.probe_end) return;  // 7.4.2: no sign
    r.in_dsack_round = true;
    r.dsack_round = c.snd.nxt;
    if (m.multiplier < 255) ++m.multiplier;
    m.persist = rack_memory::persistence;
}

void rack_on_recovered(connection& c) noexcept {
    rack_memory& m = c.rack;
    if (m.persist != 0) --m.persist;
    if (m.persist == 0) m.multiplier = 1;
}

duration reordering_window(const connection& c) noexcept {
    const recovery_state& r = *c.recovery;
    if (!c.rack.reordering_seen) {
        if (r.in != recovery_state::mode::none) return {};
        if (r.sacked_segments >= duplicate_threshold) return {};
    }
    return std::min(c.rtt.least() / 4 * c.rack.multiplier, c.rtt.smoothed());
}

void detect_losses(core& k, connection& c, delivery& d) noexcept {
    if (!c.sack) return;
    if (k.config.rack) detect_by_time(k, c, d);
    else if (c.recovery->sacked != 0) detect_by_counting(k, c, d);
}

void lose_first(core& k, connection& c, delivery& d) noexcept {
    flight::position p = c.flying.first();
    if (!p || p->is_due()) return;
    (void)scoreboard_cut(k, c, p, p->first + c.snd.mss);
    scoreboard_mark_lost(k, c, *p, d);
}

void lose_expired(core& k, connection& c, delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    const bool timed = k.config.rack && c.sack && r.rack_sent_at != instant{};
    const duration patience = timed ? r.rack_rtt + reordering_window(c) : duration::zero();
    bool first = true;
    for (flight::position p = c.flying.first(); p; p = c.flying.next(p)) {
        if (p->sacked) continue;
        if (!first && timed && p->sent_at + patience > d.now) continue;
        first = false;
        if (!p->is_due()) scoreboard_mark_lost(k, c, *p, d);
    }
    r.resend_from = c.snd.una;
}

}  // namespace coax::stack::tcp
