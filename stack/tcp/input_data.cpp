// Sixth to eighth step of RFC 9293 3.10.7.4: segment text and FIN, and when to acknowledge them.
#include <algorithm>

#include "stack/tcp/input.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/ports.hpp"

namespace coax::stack::tcp {

namespace {

void ack_at_once(core& k, connection& c) noexcept {
    c.ack_now = true;
    k.make_ready(c);
}

// Cuts what lies outside the window: it was acceptable by a part of it.
void trim(core& k, connection& c, incoming& in) noexcept {
    auto size = static_cast<std::uint32_t>(in.payload.size());
    if (in.first < c.rcv.nxt) {
        const std::uint32_t known = c.rcv.nxt - in.first;
        const std::uint32_t cut = std::min(known, size);
        if (c.sack && cut != 0) note_duplicate(k, c, {in.first, in.first + cut});
        in.payload.trim_front(cut);
        size -= cut;
        if (known > cut) in.fin = false;
        in.first = c.rcv.nxt;
    }
    const std::uint32_t room = c.rcv.edge > in.first ? c.rcv.edge - in.first : 0;
    if (size > room) {
        in.payload.trim_back(size - room);
        in.fin = false;
    }
}

// Eighth: FIN reached. May free.
disposition take_fin(core& k, connection& c, instant now) noexcept {
    c.fin_received = true;
    c.rcv.nxt += 1;
    c.rcv.edge = later_of(c.rcv.edge, c.rcv.nxt);
    ack_at_once(k, c);
    k.notify(c, &readiness::readable);
    switch (c.current) {
        case state::syn_received:
        case state::established: c.current = state::close_wait; break;
        case state::fin_wait_1: c.current = state::closing; break;  // our FIN is not acknowledged
        case state::fin_wait_2: enter_time_wait(k, c, now); break;
        default: break;
    }
    return disposition::consumed;
}

const wire::tcp_timestamps* stamps_of(const incoming& in) noexcept {
    const auto& stamps = in.header.options.timestamps;
    return stamps ? &*stamps : nullptr;
}

bool takes_text(state s) noexcept {
    return s == state::established || s == state::fin_wait_1 || s == state::fin_wait_2;
}

// Without memory, what is in order goes before what is not: it would only come again.
[[gnu::noinline]] bool append_by_pruning(core& k, connection& c,
                                         const payload_view& data) noexcept {
    if (!c.receiving.prune(k.blocks)) return false;
    k.count.add(counted::reassembly_pruned);
    return c.receiving.append(k.blocks, data);
}

}  // namespace

[[gnu::noinline]] void note_duplicate(core& k, connection& c, range again) noexcept {
    c.receiving.note_duplicate(k.blocks, again);
}

void schedule_ack(core& k, connection& c, std::uint32_t bytes, instant now) noexcept {
    if (bytes > c.rcv.mss) [[unlikely]] {  // or more than was announced, in one: merged segments
        const std::uint32_t seen = std::min<std::uint32_t>(bytes, c.rcv.announced_mss);
        if (seen > c.rcv.mss) c.rcv.mss = static_cast<std::uint16_t>(seen);
    }
    if (c.rcv.quick_acks != 0) [[unlikely]] {
        --c.rcv.quick_acks;
        ack_at_once(k, c);
        return;
    }
    // RFC 9293 3.8.6.3 (SHLD-19): at least every second full-sized segment
    if (c.rcv.nxt - c.rcv.acked >= 2U * c.rcv.mss) {
        ack_at_once(k, c);
        return;
    }
    if (c.deadline(timer::delayed_ack) == never)  // SHLD-18
        k.set_timer(c, timer::delayed_ack, now + k.config.delayed_ack);
}

// Nobody has accepted it: what all of its listener hold together is bounded. Counted is what came
// in order; beside it only what fills the gaps of a window.
[[gnu::noinline]] bool is_listener_full(core& k, const connection& c, std::uint32_t size) noexcept {
    if (c.bound_to->held_bytes + size <= k.config.listener_bytes_max) return false;
    k.count.add(counted::listener_full);
    return true;
}

disposition accept_data(core& k, connection& c, incoming& in) noexcept {
    const auto size = static_cast<std::uint32_t>(in.payload.size());
    if (c.in_accept_queue && is_listener_full(k, c, size)) return disposition::limit;
    if (c.sack && c.receiving.has_gaps()) [[unlikely]] {
        if (const auto again = c.receiving.held(in.first, in.first + size))
            note_duplicate(k, c, *again);
    }
    if (in.first != c.rcv.nxt) {  // SHLD-31: kept; MAY-13, RFC 5681 4.2: acknowledged at once
        k.count.add(counted::out_of_order);
        ack_at_once(k, c);
        const bool stored = !k.blocks.scarce() && c.receiving.store(k.blocks, in.first, in.payload,
                                                                    k.config.reassembly_ranges_max);
        return stored ? disposition::consumed : disposition::limit;
    }
    c.last_received = coarse_instant(in.now);
    const bool had_gaps = c.receiving.has_gaps();
    if (!c.receiving.append(k.blocks, in.payload) && !append_by_pruning(k, c, in.payload)) {
        k.count.add(counted::no_memory);
        return disposition::limit;
    }
    const std::uint32_t arrived = c.receiving.end() - c.rcv.nxt;
    if (c.in_accept_queue) c.bound_to->held_bytes += arrived;
    c.rcv.nxt = c.receiving.end();
    if (c.tuning != 0) measure_receiver(k, c, in.length, stamps_of(in), in.now);
    k.notify(c, &readiness::readable);
    schedule_ack(k, c, size, in.now);
    if (had_gaps) ack_at_once(k, c);  // RFC 5681 4.2: a gap was filled, wholly or partly
    return disposition::consumed;
}

disposition accept_predicted(core& k, connection& c, incoming& in) noexcept {
    if (!c.receiving.append(k.blocks, in.payload)) [[unlikely]] {
        k.count.add(counted::no_memory);  // nothing is held behind a gap that could give way
        return disposition::limit;
    }
    c.last_received = coarse_instant(in.now);
    c.rcv.nxt = c.receiving.end();
    if (c.tuning != 0) measure_receiver(k, c, in.length, stamps_of(in), in.now);
    k.notify(c, &readiness::readable);
    schedule_ack(k, c, in.length, in.now);
    return disposition::consumed;
}

disposition accept_plain(core& k, connection& c, const wire::plain_segment& s, bool in_place,
                         instant now) noexcept {
    const std::uint32_t size = s.payload_size;
    if (!in_place) {
        if (size == 0) {
            c.last_heard = coarse_instant(now);
            return disposition::consumed_ack_only;
        }
        if (!c.receiving.append(k.blocks, s.payload())) [[unlikely]] {
            k.count.add(counted::no_memory);
            return disposition::limit;
        }
    }
    c.last_received = coarse_instant(now);
    c.rcv.nxt = c.receiving.end();
    // As measure_receiver() would find, too: by timestamps only a full segment tells something, and
    // only the first that echoes a moment, as those of a burst all do.
    if (c.tuning != 0 &&
        (!c.timestamps || (size >= c.rcv.mss && s.timestamps.echo != tuning_of(k, c).last_echo))) {
        const wire::tcp_timestamps stamps = s.timestamps;  // or `s` would have to lie in memory
        measure_receiver(k, c, size, s.has_timestamps ? &stamps : nullptr, now);
    }
    k.notify(c, &readiness::readable);
    schedule_ack(k, c, size, now);
    return disposition::consumed;
}

disposition input_text(core& k, connection& c, incoming& in) noexcept {
    trim(k, c, in);
    disposition d = disposition::consumed;
    const seq last = in.first + static_cast<std::uint32_t>(in.payload.size());
    if (!in.payload.empty() && takes_text(c.current)) {
        if (c.is_orphan()) {
            // RFC 9293 3.6.1 (SHLD-3): nobody will read it, and the peer must know.
            reset_connection_in_answer(k, c, in);
            destroy(k, c);
            return disposition::after_close;
        }
        d = accept_data(k, c, in);
    }
    if (in.fin && !c.fin_seen && d != disposition::limit) {
        c.fin_seen = true;
        c.fin_at = last;
        ack_at_once(k, c);
    }
    if (c.fin_seen && !c.fin_received && c.rcv.nxt == c.fin_at) return take_fin(k, c, in.now);
    return d;
}

}  // namespace coax::stack::tcp
