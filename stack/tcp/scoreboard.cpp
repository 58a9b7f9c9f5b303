// Taking an acknowledgment into the scoreboard, with the checks of RFC 2018, RFC 2883 and RFC 6675.
#include "stack/tcp/scoreboard.hpp"

#include <algorithm>

#include "stack/tcp/delivery_rate.hpp"
#include "stack/tcp/loss_detection.hpp"
#include "stack/tcp/mtu_search.hpp"
#include "stack/tcp/recovery.hpp"

namespace coax::stack::tcp {

namespace {

// `bytes` of `t` arrived, as this acknowledgment is the first to tell.
void on_delivered(core& k, connection& c, const incoming& in, const transmission& t,
                  std::uint32_t bytes, delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    d.delivered += bytes;
    if (!t.resent) {
        d.sent_at = std::max(d.sent_at, t.sent_at);
        if (t.last <= r.recover) d.original = true;
        // RFC 8985 6.2 step 3
        if (t.last < d.fack_before) d.reordered = true;
    }
    r.fack = later_of(r.fack, t.last);
    if (c.congestion.samples_rate && (d.newest.in_flight == 0 || is_sent_after(t, d.newest)))
        d.newest = t;
    rack_on_delivered(k, c, in, t);
}

// RFC 2883 4: the first block is a duplicate when it lies below the acknowledgment or within the
// second block.
bool is_dsack(const wire::tcp_options& o, seq ack) noexcept {
    const seq left(o.sack[0].left);
    const seq right(o.sack[0].right);
    if (left < ack && right <= ack) return true;
    return o.sack_count > 1 && left >= seq(o.sack[1].left) && right <= seq(o.sack[1].right);
}

void take_dsack(core& k, connection& c, const incoming& in, delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    const seq left(in.header.options.sack[0].left);
    const seq right(in.header.options.sack[0].right);
    // RFC 2883 5: of the last window, or it is an old one or made up
    if (left >= right || right > c.snd.nxt || right - left > c.snd.wnd_max ||
        left < d.una_before - c.snd.wnd_max)
        return;
    k.count.add(counted::dsacks_received);
    d.dsack = true;
    d.dsack_left = left;
    d.dsack_right = right;
    if (r.undoable && right > r.undo_marker) {
        const std::uint32_t n = right - later_of(left, r.undo_marker);
        r.resent_bytes -= std::min(r.resent_bytes, n);
    }
}

// Whole segments only: a record of several is cut between them, so that odd blocks make neither
// small segments nor many records.
std::uint32_t rounded_up(std::uint32_t n, std::uint32_t step) noexcept {
    return (n + step - 1) / step * step;
}

void join_sacked(connection& c, flight::position& p) noexcept {
    flight& f = c.flying;
    if (f.has_next_in_block(p) && f.next(p)->sacked) f.merge_next(p);
    const flight::position before = f.previous(p);
    if (before && before.block == p.block && before->sacked) {
        p = before;
        f.merge_next(p);
    }
}

// RFC 6675 4 (Update): [left, right) is held by the receiver.
void mark_sacked(core& k, connection& c, const incoming& in, seq left, seq right,
                 delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    flight& f = c.flying;
    for (flight::position p = f.find(left); p && p->first < right; p = f.next(p)) {
        if (p->sacked) continue;
        const std::uint32_t size = p->size();
        const std::uint32_t from =
            left > p->first ? std::min(rounded_up(left - p->first, p->segment), size) : 0;
        std::uint32_t to = size;
        if (right < p->last) to = (right - p->first) / p->segment * p->segment;
        if (from >= to) continue;
        const seq end = p->first + to;
        if (from != 0) {
            p = f.split(k.flights, p, p->first + from, k.flight_blocks_max());
            if (!p) return;
            p = f.next(p);
        }
        if (end < p->last) {
            p = f.split(k.flights, p, end, k.flight_blocks_max());
            if (!p) return;
        }
        const std::uint32_t bytes = p->size();
        on_delivered(k, c, in, *p, bytes, d);
        {
            const remark change(r, *p);
            p->sacked = true;
        }
        d.sacked += bytes;
        r.sacked_segments += (bytes + p->segment - 1U) / p->segment;
        join_sacked(c, p);
    }
}

void take_blocks(core& k, connection& c, const incoming& in, seq ack, delivery& d) noexcept {
    const wire::tcp_options& o = in.header.options;
    std::uint8_t i = 0;
    if (is_dsack(o, in.ack)) {
        take_dsack(k, c, in, d);
        i = 1;
    }
    for (; i < o.sack_count; ++i) {
        const seq left = later_of(seq(o.sack[i].left), ack);
        const seq right(o.sack[i].right);
        // Nothing that was never sent, nothing upside down, nothing old
        if (right > c.snd.nxt || left >= right) continue;
        mark_sacked(k, c, in, left, right, d);
    }
}

}  // namespace

delivery scoreboard_take(core& k, connection& c, const incoming& in, seq ack) noexcept {
    recovery_state& r = *c.recovery;
    delivery d;
    d.now = in.now;
    d.una_before = c.snd.una;
    d.in_flight_before = in_flight(c);
    d.fack_before = r.fack;
    d.acked = ack - c.snd.una;
    r.rack_advanced = false;
    if (c.sack && in.header.options.sack_count != 0) take_blocks(k, c, in, ack, d);
    if (d.acked == 0) return d;
    c.flying.acknowledge(k.flights, ack, [&](const transmission& t, std::uint32_t bytes) {
        remark::weigh(r, t, bytes, -1);
        d.resent_acked = d.resent_acked || t.resent;
        if (t.sacked) r.sacked_segments -= std::min(r.sacked_segments, bytes / t.segment);
        else on_delivered(k, c, in, t, bytes, d);
    });
    if (r.sacked == 0) r.sacked_segments = 0;
    r.fack = later_of(r.fack, ack);
    r.resend_from = later_of(r.resend_from, ack);
    r.resent_to = later_of(r.resent_to, ack);
    return d;
}

void scoreboard_mark_lost(core& k, connection& c, transmission& t, delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    const remark change(r, t);
    d.lost += t.size();
    t.lost = true;
    t.again = false;
    r.resend_from = earlier_of(r.resend_from, t.first);
    if (c.congestion.samples_rate && !is_path_probe(c, t)) rate_on_lost(k, c, t, d.now);
}

void scoreboard_lose_all(connection& c) noexcept {
    recovery_state& r = *c.recovery;
    r.counted = 0;
    r.resend_from = c.snd.una;
    for (flight::position p = c.flying.first(); p; p = c.flying.next(p)) {
        if (p->sacked) continue;
        const remark change(r, *p);
        p->lost = true;
        p->again = false;
    }
}

void scoreboard_forgive(connection& c) noexcept {
    recovery_state& r = *c.recovery;
    for (flight::position p = c.flying.first(); p; p = c.flying.next(p)) {
        if (!p->lost) continue;
        const remark change(r, *p);
        p->lost = false;
        p.block->oldest = std::min(p.block->oldest, p->sent_at);
    }
}

void scoreboard_forget_sacks(connection& c) noexcept {
    recovery_state& r = *c.recovery;
    for (flight::position p = c.flying.first(); p; p = c.flying.next(p)) {
        if (!p->sacked) continue;
        const remark change(r, *p);
        p->sacked = p->lost = p->again = false;
        p.block->oldest = std::min(p.block->oldest, p->sent_at);
    }
    r.sacked_segments = 0;
}

bool scoreboard_cut(core& k, connection& c, flight::position& p, seq at) noexcept {
    if (at >= p->last) return true;
    const flight::position cut = c.flying.split(k.flights, p, at, k.flight_blocks_max());
    if (!cut) return false;
    p = cut;
    return true;
}

void scoreboard_join_due(connection& c, flight::position p, std::uint32_t size) noexcept {
    while (p->size() < size && c.flying.has_next_in_block(p)) {
        const transmission& next = *c.flying.next(p);
        if (!next.is_due() || p->ends_record) return;
        p->resent = p->resent || next.resent;
        c.flying.merge_next(p);
    }
}

void scoreboard_mark_resent(connection& c, flight::position p, instant now) noexcept {
    recovery_state& r = *c.recovery;
    const remark change(r, *p);
    p->again = p->resent = true;
    p->sent_at = now;
    p->segment = static_cast<std::uint16_t>(std::min(p->size(), 0xffffU));
    p.block->oldest = std::min(p.block->oldest, now);
    r.resent_to = later_of(r.resent_to, p->last);
}

flight::position scoreboard_first_doubtful(connection& c) noexcept {
    recovery_state& r = *c.recovery;
    std::uint32_t above = r.sacked;
    for (flight::position p = c.flying.find(later_of(r.resent_to, c.snd.una)); p && above != 0;
         p = c.flying.next(p)) {
        if (p->sacked) above -= p->size();
        else if (!p->lost && !p->again && p->last <= r.fack) return p;
    }
    return {};
}

flight::position scoreboard_first_due(connection& c) noexcept {
    recovery_state& r = *c.recovery;
    if (r.due == 0) return {};
    for (flight::position p = c.flying.find(later_of(r.resend_from, c.snd.una)); p;
         p = c.flying.next(p)) {
        if (!p->is_due()) continue;
        r.resend_from = p->first;
        return p;
    }
    return {};
}

}  // namespace coax::stack::tcp
