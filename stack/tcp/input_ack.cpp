// Fifth step of RFC 9293 3.10.7.4 for synchronised states: what an acknowledgment of data does.
#include <algorithm>
#include <type_traits>

#include "stack/tcp/congestion_events.hpp"
#include "stack/tcp/delivery_rate.hpp"
#include "stack/tcp/input.hpp"
#include "stack/tcp/recovery.hpp"
#include "stack/tcp/retransmission_timer.hpp"
#include "stack/tcp/scoreboard.hpp"

namespace coax::stack::tcp {

namespace {

// Room in the send buffer, for one who waits for it: a quarter at once, not every byte.
void offer_room(core& k, connection& c, instant now) noexcept {
    if (!c.has_extras()) [[likely]]
        return;
    if (c.is_held_back && c.sending.size() == 0) end_limit(k, c, now);
    if (!c.wants_write) return;
    if (std::uint64_t{c.congestion.window.bytes()} * 2 > c.snd.capacity) tune_send_buffer(k, c);
    if (c.sending.size() > c.snd.capacity - c.snd.capacity / 4) return;
    c.wants_write = false;
    if (c.is_held_back) end_limit(k, c, now);
    k.notify(c, &readiness::writable);
}

// SND.UNA moves: the bytes below it are not needed any more, and there is progress.
void advance(core& k, connection& c, seq ack, instant now) noexcept {
    const std::uint32_t acked = ack - c.snd.una;
    c.sending.release(k.blocks, std::min(acked, c.sending.size()), now);  // the rest is our FIN
    c.snd.una = ack;
    if (c.snd.small_end < ack) c.snd.small_end = ack;
    c.retries = 0;
    c.stalled_since = 0;
}

// What every congestion control may want to know.
acknowledged facts_of(const connection& c, std::uint32_t bytes, std::uint32_t flying,
                      duration round_trip, instant now) noexcept {
    acknowledged a;
    a.now = now;
    a.bytes = a.delivered = bytes;
    a.in_flight = flying;
    a.round_trip = c.rtt.smoothed();
    a.newest_round_trip = round_trip;
    a.una = c.snd.una;
    a.nxt = c.snd.nxt;
    a.in_flight_after = c.outstanding();
    return a;
}

// The congestion control hears of it, with all that it may want to know. `flying`: bytes in flight
// before it; `round_trip`: measured by it, zero if it could not be.
[[gnu::noinline]] void tell_congestion(core& k, connection& c, std::uint32_t bytes,
                                       std::uint32_t flying, duration round_trip,
                                       instant now) noexcept {
    congestion_note_flight(c, c.snd.una - bytes, flying);
    acknowledged a = facts_of(c, bytes, flying, round_trip, now);
    a.window_limited = is_window_limited(c.congestion);
    congestion_on_acknowledged(k, c, a);
}

// The same with a delivery-rate sample; `newest`: the record sent last of those acknowledged.
[[gnu::noinline]] void tell_sampling(core& k, connection& c, std::uint32_t bytes,
                                     std::uint32_t flying, duration round_trip,
                                     const transmission& newest, instant now) noexcept {
    congestion_note_flight(c, c.snd.una - bytes, flying);
    rate_on_delivered(k, c, bytes, now);
    acknowledged a = facts_of(c, bytes, flying, round_trip, now);
    rate_on_acknowledged(k, c, a, newest);
}

// Whose acknowledgment it is: nobody pays for what another congestion control asks.
enum class sender_sort : std::uint8_t { cubic, sampling, other };

// The usual case: nothing is missing, nothing was sent again.
template <sender_sort Sort>
void take_acknowledgment_of(core& k, connection& c, seq ack, instant now) noexcept {
    const seq una = c.snd.una;
    const std::uint32_t bytes = ack - una;
    const std::uint32_t flying = c.outstanding();
    // Of the newest segment acknowledged; none if it was sent again (RFC 6298 (3), Karn): a window
    // probe is, without a recovery.
    instant sent_at{};
    struct nothing {};
    [[maybe_unused]] std::conditional_t<Sort == sender_sort::sampling, transmission, nothing>
        newest;
    const auto note = [&](const transmission& t, std::uint32_t) {
        sent_at = t.resent ? instant{} : t.sent_at;
        if constexpr (Sort == sender_sort::sampling) newest = t;
    };
    if (c.flying.is_lone()) {
        sent_at = c.flying.lone_sent_at();
        if (bytes == flying) [[likely]]
            c.flying.end_lone();
    } else if (bytes == flying && !c.flying.empty()) {  // all of it: nobody looks at each record
        note(c.flying.newest(), 0);
        c.flying.clear(k.flights);
    } else {
        c.flying.acknowledge(k.flights, ack, note);
    }
    duration round_trip{};
    std::uint32_t microseconds = 0;
    if (sent_at != instant{}) [[likely]] {
        round_trip = now - sent_at;
        microseconds = c.rtt.sample(round_trip, k.timeouts);
    }
    advance(k, c, ack, now);
    if constexpr (Sort == sender_sort::cubic) {
        if (!is_small_flight(c.congestion, una, flying) || round_trip <= duration::zero() ||
            !cubic::on_unused(c.congestion, c.snd.una, c.snd.nxt, microseconds)) [[unlikely]]
            tell_congestion(k, c, bytes, flying, round_trip, now);
    } else if constexpr (Sort == sender_sort::sampling) {
        tell_sampling(k, c, bytes, flying, round_trip, newest, now);
    } else {
        tell_congestion(k, c, bytes, flying, round_trip, now);
    }
    if (c.snd.una == c.snd.nxt) core::clear_timer(c, timer::retransmission);  // RFC 6298 (5.2)
    else arm_after_progress(k, c, now);
    offer_room(k, c, now);
}

[[gnu::noinline]] void take_acknowledgment_of_others(core& k, connection& c, seq ack,
                                                     instant now) noexcept {
    if (c.congestion.samples_rate) take_acknowledgment_of<sender_sort::sampling>(k, c, ack, now);
    else take_acknowledgment_of<sender_sort::other>(k, c, ack, now);
}

void take_acknowledgment(core& k, connection& c, seq ack, instant now) noexcept {
    if (c.congestion.algorithm == congestion_algorithm::cubic) [[likely]]
        take_acknowledgment_of<sender_sort::cubic>(k, c, ack, now);
    else take_acknowledgment_of_others(k, c, ack, now);
}

// Something is missing, or was sent again, or the segment says so.
[[gnu::noinline]] void take_carefully(core& k, connection& c, const incoming& in,
                                      bool duplicate) noexcept {
    const seq ack = later_of(in.ack, c.snd.una);
    if (recovery_open(k, c) == nullptr) {
        if (ack != c.snd.una) take_acknowledgment(k, c, ack, in.now);
        return;
    }
    delivery d = scoreboard_take(k, c, in, ack);
    d.duplicate = duplicate;
    if (d.acked != 0) advance(k, c, ack, in.now);
    recovery_on_acknowledged(k, c, in, d);
    if (d.acked != 0) offer_room(k, c, in.now);
}

// The peer's window opened after a probe or two: what the probe carried may have been refused.
[[gnu::noinline]] void leave_probing(core& k, connection& c, instant now) noexcept {
    c.probing = c.probe_pending = false;
    c.retries = 0;
    c.stalled_since = 0;
    core::clear_timer(c, timer::persist);
    if (c.snd.una == c.snd.nxt || !c.flying.settle(k.flights, c.snd.una, c.snd.nxt)) return;
    // It goes again as a part of the first full segment.
    if (!c.fin_sent) {
        c.snd.nxt =
            later_of(c.snd.nxt,
                     c.snd.una + std::min({c.sending.size(), c.snd.wnd, std::uint32_t{c.snd.mss}}));
        c.flying.newest().last = c.snd.nxt;
    }
    recovery_resend_all(k, c);
    set_retransmission_timer(k, c, retransmission_cause::timeout, now + c.rtt.timeout().value());
}

}  // namespace

void update_send_window(core& k, connection& c, seq first, seq ack, std::uint32_t window,
                        instant now) noexcept {
    // RFC 9293 3.10.7.4 would also leave the window of a new acknowledgment whose sequence number
    // is old (a retransmission), and with it an edge that moves right by what was acknowledged.
    // What acknowledges more was sent later.
    if (first < c.snd.wl1 && ack <= c.snd.wl2) return;
    c.snd.wl1 = first;
    c.snd.wl2 = ack;
    c.snd.wnd = window;
    if (window > c.snd.wnd_max) c.snd.wnd_max = window;
    if (!c.probing) [[likely]] {
        // RFC 9293 3.8.6 (SHLD-17): it closed over what is under way, and answers (MUST-37).
        if (window == 0 && c.stalled_since != 0) [[unlikely]]
            c.stalled_since = k.milliseconds(now);
        return;
    }
    // RFC 9293 3.8.6.1 (MUST-37): it answers, so it lives
    if (window == 0) c.stalled_since = k.milliseconds(now);
    else leave_probing(k, c, now);
}

void acknowledge(core& k, connection& c, const incoming& in) noexcept {
    const bool told = c.sack && in.header.options.sack_count != 0;
    if (in.ack < c.snd.una) {  // old: nothing is news, but perhaps its SACK blocks
        if (told) take_carefully(k, c, in, false);
        return;
    }
    const std::uint32_t window = std::uint32_t{in.header.window} << c.snd.scale;
    if (in.ack != c.snd.una && c.recovery == nullptr && !told) [[likely]] {
        take_acknowledgment(k, c, in.ack, in.now);
    } else {
        // RFC 5681 2: all five conditions
        const bool duplicate = in.ack == c.snd.una && in.length == 0 && window == c.snd.wnd &&
                               c.snd.una != c.snd.nxt && !c.probing;
        if (told || (c.recovery != nullptr && in.ack != c.snd.una) ||
            (duplicate && (!c.sack || c.recovery != nullptr))) [[unlikely]]
            take_carefully(k, c, in, duplicate);
    }
    update_send_window(k, c, in.first, in.ack, window, in.now);
    if (c.sending.size() > c.outstanding() || (c.fin_queued && !c.fin_sent) ||
        has_retransmission(c))
        k.make_ready(c);
}

void acknowledge_plain(core& k, connection& c, const wire::plain_segment& s, instant now) noexcept {
    const seq ack(s.acknowledgment);
    if (ack != c.snd.una) take_acknowledgment(k, c, ack, now);
    update_send_window(k, c, seq(s.sequence), ack, std::uint32_t{s.window} << c.snd.scale, now);
    // If anything is to go again now, the window's update has made it ready.
    if (c.sending.size() > c.outstanding() || (c.fin_queued && !c.fin_sent)) [[unlikely]]
        k.make_ready(c);
}

}  // namespace coax::stack::tcp
