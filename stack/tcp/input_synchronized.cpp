// RFC 9293 3.10.7.4: the steps for SYN-RECEIVED and every later state, in their order.
#include <optional>

#include "stack/tcp/ecn.hpp"
#include "stack/tcp/input.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/urgent.hpp"

namespace coax::stack::tcp {

namespace {

using verdict = std::optional<disposition>;  // nullopt: go on with the next step

void challenge(core& k, connection& c, instant now) noexcept {
    if (!may_challenge(k, c.challenged_at, now)) return;
    c.ack_now = true;
    k.make_ready(c);
}

// RFC 7323 5.3 R1: an old duplicate, by its timestamp.
verdict check_timestamp(core& k, connection& c, const incoming& in) noexcept {
    if (!c.timestamps || in.header.flags.rst) return std::nullopt;
    const auto& stamps = in.header.options.timestamps;
    if (!stamps) return disposition::paws;  // RFC 7323 3.2: dropped silently
    if (!timestamp_before(stamps->value, c.ts.recent)) return std::nullopt;
    if (c.ts_recent_age.is_outdated(in.now)) return std::nullopt;  // RFC 7323 5.5
    if (in.length != 0) {
        c.ack_now = true;
        k.make_ready(c);
    } else {
        challenge(k, c, in.now);
    }
    return disposition::paws;
}

bool is_acceptable(const connection& c, const incoming& in) noexcept {
    const bool open = c.rcv.edge > c.rcv.nxt;
    // A bare acknowledgment may have been overtaken by data, or follow data that fills the window:
    // its sequence number is one the peer did send, or behind the octet of its window probe.
    if (in.length == 0)
        return in.first >= c.rcv.acked && in.first <= (open ? c.rcv.edge : c.rcv.edge + 1);
    if (!open) return in.first == c.rcv.nxt;  // MUST-66: its ACK and RST count, its text does not
    const seq last = in.first + in.length - 1;
    return last >= c.rcv.nxt && in.first < c.rcv.edge;
}

// First step.
verdict check_sequence(core& k, connection& c, const incoming& in) noexcept {
    if (is_acceptable(c, in)) {
        if (in.length != 0 && c.rcv.edge <= c.rcv.nxt) {  // a probe of a closed window
            c.ack_now = true;
            k.make_ready(c);
        }
        return std::nullopt;
    }
    if (in.header.flags.rst) return disposition::out_of_window;
    if (in.payload.empty() && !in.fin) {
        challenge(k, c, in.now);
    } else {  // our acknowledgment was lost: never kept back
        k.count.add(counted::duplicate_data);
        if (c.sack && in.first < c.rcv.nxt && !in.payload.empty()) {
            const auto size = static_cast<std::uint32_t>(in.payload.size());
            note_duplicate(k, c, {in.first, earlier_of(in.first + size, c.rcv.nxt)});
        }
        c.ack_now = true;
        k.make_ready(c);
    }
    return disposition::out_of_window;
}

// RFC 7323 4.3 (2). Not before the acknowledgment was found good (RFC 5961 5.2): whoever guesses a
// sequence number alone could set it so that PAWS drops all that the peer sends.
void take_timestamp(connection& c, const incoming& in) noexcept {
    const auto& stamps = in.header.options.timestamps;
    if (!c.timestamps || !stamps || in.first > c.rcv.acked) return;
    c.ts.recent = stamps->value;
    c.ts_recent_age = timestamp_age(in.now);
}

// Second step, RFC 5961 3.2. What data it has is not looked at (RFC 9293 3.5.3, SHLD-2).
verdict check_reset(core& k, connection& c, const incoming& in) noexcept {
    if (!in.header.flags.rst) return std::nullopt;
    if (in.first != c.rcv.nxt) {
        challenge(k, c, in.now);
        return disposition::blind_reset;
    }
    k.count.add(counted::resets_received);
    switch (c.current) {
        case state::syn_received: end(k, c, error::connection_refused); break;
        case state::closing:
        case state::last_ack:
            // In order, as RFC 9293 has it, if only our FIN was left. What the peer did not take is
            // lost, and the user must know (MUST-12).
            end(k, c, c.sending.size() == 0 ? error::none : error::connection_reset);
            break;
        default: end(k, c, error::connection_reset); break;
    }
    return disposition::consumed;
}

// SYN-RECEIVED of a simultaneous open: the peer's SYN,ACK repeats the SYN we have.
void strip_known_syn(const connection& c, incoming& in, bool& syn) noexcept {
    if (!syn || c.current != state::syn_received || !in.header.flags.ack) return;
    if (in.first + 1 != c.rcv.nxt) return;
    syn = false;
    in.first += 1;
    in.length -= 1;
}

// Fifth step up to the rules of each state.
verdict check_acknowledgment(core& k, connection& c, const incoming& in) noexcept {
    if (!in.header.flags.ack) return disposition::invalid;
    if (c.current == state::syn_received) {
        if (in.ack != c.snd.nxt || c.snd.nxt == c.snd.una) {
            reset_in_answer(k, c.ends_, c.route, in);
            return disposition::bad_ack;
        }
        // 3.5 figure 7, in one burst: our SYN,ACK has not left, and nothing has told the peer
        // that its SYN came.
        if (c.syn_pending) {
            c.ack_now = true;
            k.make_ready(c);
        }
        c.snd.una = in.ack;
        if (c.retries != 0) c.rtt.distrust(k.config);  // RFC 6298 (5.7)
        establish(k, c, in.now);
        c.snd.wnd = c.snd.wnd_max = std::uint32_t{in.header.window}
                                    << (in.header.flags.syn ? 0 : c.snd.scale);
        c.snd.wl1 = in.first;
        c.snd.wl2 = in.ack;
        k.notify(c, &readiness::connected);
        k.notify(c, &readiness::writable);
        if (c.sending.size() != 0 || c.fin_queued) k.make_ready(c);
        return std::nullopt;
    }
    // RFC 5961 5.2 in place of RFC 793's rule (RFC 9293 3.10.7.4, MAY-12)
    if (in.ack > c.snd.nxt || in.ack < c.snd.una - c.snd.wnd_max) {
        challenge(k, c, in.now);
        return disposition::bad_ack;
    }
    return std::nullopt;
}

// Fifth step, what our FIN's acknowledgment does. May free.
verdict after_own_fin(core& k, connection& c, instant now) noexcept {
    if (!c.fin_sent || c.snd.una != c.snd.nxt) return std::nullopt;
    switch (c.current) {
        case state::fin_wait_1:
            c.current = state::fin_wait_2;
            k.notify(c, &readiness::closed);
            if (c.is_orphan()) k.set_timer(c, timer::lifetime, now + k.config.fin_wait_2);
            return std::nullopt;
        case state::closing: enter_time_wait(k, c, now); return disposition::consumed;
        case state::last_ack: end(k, c, error::none); return disposition::consumed;
        default: return std::nullopt;
    }
}

}  // namespace

disposition input_synchronized(core& k, connection& c, incoming& in) noexcept {
    bool syn = in.header.flags.syn;
    strip_known_syn(c, in, syn);
    if (verdict v = check_timestamp(k, c, in)) return *v;
    if (verdict v = check_sequence(k, c, in)) return *v;
    if (verdict v = check_reset(k, c, in)) return *v;
    if (syn) {  // fourth, RFC 5961 4.2
        challenge(k, c, in.now);
        return disposition::blind_syn;
    }
    const bool opening = c.current == state::syn_received;
    if (verdict v = check_acknowledgment(k, c, in)) return *v;
    c.last_heard = coarse_instant(in.now);
    take_timestamp(c, in);
    if (c.keep_alive) {
        c.probes_sent = 0;
        k.set_timer(c, timer::keep_alive, in.now + keep_alive_idle(k, c));
    }
    if (c.congestion.ecn) ecn_on_segment(k, c, in);
    if (!opening) acknowledge(k, c, in);
    if (verdict v = after_own_fin(k, c, in.now)) return *v;
    if (in.header.flags.urg) [[unlikely]]
        on_urgent(k, c, in);  // sixth; a closed window is no matter (MUST-66)
    if (in.length == 0) return disposition::consumed_ack_only;
    return input_text(k, c, in);
}

}  // namespace coax::stack::tcp
