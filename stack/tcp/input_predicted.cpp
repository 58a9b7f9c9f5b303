// Header prediction (Van Jacobson): what nearly every segment of an established connection is, the
// next data in order or an acknowledgment, handled without the steps it can't fail.
#include "stack/tcp/input.hpp"

namespace coax::stack::tcp {

bool is_predicted(const connection& c, const incoming& in) noexcept {
    if (c.current != state::established) return false;
    if (in.first != c.rcv.nxt || in.length > c.rcv.edge - in.first) return false;
    // On the circle of sequence numbers: SND.UNA =< SEG.ACK =< SND.NXT
    if (in.ack - c.snd.una > c.outstanding()) return false;
    if (c.receiving.has_gaps() || !c.attached) return false;
    if (!c.timestamps) return true;
    const auto& stamps = in.header.options.timestamps;
    return stamps.has_value() && !timestamp_before(stamps->value, c.ts.recent);
}

disposition input_predicted(core& k, connection& c, incoming& in) noexcept {
    if (c.timestamps && in.first <= c.rcv.acked) {  // RFC 7323 4.3 (2)
        c.ts.recent = in.header.options.timestamps->value;
        c.ts_recent_age = timestamp_age(in.now);
    }
    if (c.keep_alive) {
        c.probes_sent = 0;
        k.set_timer(c, timer::keep_alive, in.now + keep_alive_idle(k, c));
    }
    acknowledge(k, c, in);
    if (in.length == 0) {
        c.last_heard = coarse_instant(in.now);
        return disposition::consumed_ack_only;
    }
    return accept_predicted(k, c, in);
}

// --- from the frame

namespace {

[[gnu::noinline]] connection* find_plain(core& k, wire::ipv4_key key) noexcept {
    const reference to = k.find_flow(key);
    if (to.which() != reference::kind::connection) return nullptr;
    k.last_found = k.connections.at(to.index());
    k.last_key = key;
    return k.last_found;
}

// Every question of is_predicted() has its usual answer, and some more: no recovery, no duplicate
// acknowledgment that counts, a peer outside this host (RFC 1122 3.2.1.3: what a host says to
// itself does not come from a device).
bool is_expected(const connection& c, const wire::plain_segment& s) noexcept {
    const seq first(s.sequence);
    if (c.current != state::established || !c.attached) [[unlikely]]
        return false;
    if (first != c.rcv.nxt || s.payload_size > c.rcv.edge - first) [[unlikely]]
        return false;
    // On the circle of sequence numbers: SND.UNA =< SEG.ACK =< SND.NXT
    if (seq(s.acknowledgment) - c.snd.una > c.outstanding()) [[unlikely]]
        return false;
    if (c.timestamps != s.has_timestamps) [[unlikely]]
        return false;
    if (s.has_timestamps && timestamp_before(s.timestamps.value, c.ts.recent)) [[unlikely]]
        return false;
    // Without SACK an acknowledgment that comes again says something (RFC 5681 2).
    if (c.recovery != nullptr || (!c.sack && s.payload_size == 0)) [[unlikely]]
        return false;
    if (c.receiving.has_gaps() || c.route.is_loopback()) [[unlikely]]
        return false;
    return true;
}

}  // namespace

expectation layer::expect_plain(const wire::plain_segment& segment) noexcept {
    core& k = *core_;
    expectation to;
    connection* c = k.last_found;
    if (c == nullptr || k.last_key != segment.key) {
        c = find_plain(k, segment.key);
        if (c == nullptr) return to;
    }
    if (!is_expected(*c, segment)) [[unlikely]]
        return to;
    to.by = c;
    if (segment.payload_size != 0) [[likely]] {
        to.place = c->receiving.place_for(k.blocks, segment.payload_size);
        if (to.place == nullptr)
            to.first = c->receiving.places_for(k.blocks, segment.payload_size, to.place, to.rest);
    }
    return to;
}

disposition layer::take_plain(const expectation& by, const wire::plain_segment& segment,
                              instant now) noexcept {
    core& k = *core_;
    connection& c = *by.by;
    const seq first(segment.sequence);
    // At once: what the acknowledgment releases would be the next place.
    if (by.place != nullptr) c.receiving.fill(k.blocks, segment.payload_size);
    if (segment.has_timestamps && first <= c.rcv.acked) {  // RFC 7323 4.3 (2)
        c.ts.recent = segment.timestamps.value;
        c.ts_recent_age = timestamp_age(now);
    }
    if (c.keep_alive) [[unlikely]] {
        c.probes_sent = 0;
        k.set_timer(c, timer::keep_alive, now + keep_alive_idle(k, c));
    }
    acknowledge_plain(k, c, segment, now);
    const disposition d = accept_plain(k, c, segment, by.place != nullptr, now);
    k.count.add(d);
    return d;
}

}  // namespace coax::stack::tcp
