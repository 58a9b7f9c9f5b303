// SYN-RECEIVED after a passive open: RFC 9293 3.10.7.4 for the small block, up to the
// acknowledgment that makes it a connection in the listener's accept queue.
#include <algorithm>

#include "stack/tcp/input.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/user_timeout.hpp"

namespace coax::stack::tcp {

namespace {

bool is_acceptable(const half_open& h, const incoming& in) noexcept {
    const seq edge = h.rcv_nxt + h.window;
    const seq last = in.first + (in.length == 0 ? 0 : in.length - 1);
    return last >= h.rcv_nxt && in.first < edge;
}

void challenge(core& k, half_open& h, instant now) noexcept {
    if (!may_challenge(k, h.challenged_at, now)) return;
    h.ack_pending = true;
    k.make_ready(h);
}

void copy_negotiated(core& k, connection& c, const half_open& h, instant now) noexcept {
    const connection& owner = *h.listener->owner;
    c.current = state::syn_received;
    c.no_delay = owner.no_delay;
    c.rcv.traffic_class = owner.rcv.traffic_class;
    c.keep_alive = owner.keep_alive;
    c.congestion.algorithm = owner.congestion.algorithm;
    inherit_options(k, c, owner);
    c.congestion.wants_pacing = owner.congestion.wants_pacing;
    c.congestion.idle = owner.congestion.idle;
    c.congestion.ecn_choice = owner.congestion.ecn_choice;
    c.congestion.ecn = h.ecn;
    take_user_timeout(k, c, h.user_timeout);
    c.timestamps = h.timestamps;
    c.ts = {h.ts_recent, h.ts_offset};
    c.ts_recent_age = timestamp_age(now);
    c.window_scaling = h.window_scaling;
    c.sack = h.sack;
    c.snd.una = h.iss;
    c.snd.nxt = h.iss + 1;
    c.snd.wl1 = h.rcv_nxt;
    c.snd.wl2 = h.iss;
    c.snd.capacity = owner.snd.capacity;
    c.snd.fixed = owner.snd.fixed;
    c.snd.scale = h.peer_scale;
    c.snd.peer_mss = h.peer_mss;
    c.rcv.fixed = owner.rcv.fixed;
    c.rcv.capacity = std::min(owner.rcv.capacity, k.config.unaccepted_bytes_max);
    c.rcv.nxt = c.rcv.acked = h.rcv_nxt;
    c.rcv.edge = h.rcv_nxt + h.window;
    c.rcv.scale = h.scale;
    c.rcv.announced_mss = h.announced_mss;
    c.receiving.start(h.rcv_nxt);
    if (h.sent_at == instant{}) return;  // a cookie does not tell
    if (h.retries == 0) c.rtt.sample(now - h.sent_at, k.timeouts);
    else c.rtt.distrust(k.config);
}

}  // namespace

connection* make_accepted(core& k, const half_open& h, const incoming& in) noexcept {
    if (h.listener->accept_count >= h.listener->backlog) {
        k.count.add(counted::accept_refused);
        return nullptr;
    }
    connection* c = k.connections.create(k.config);
    if (c == nullptr) {
        k.count.add(counted::no_memory);
        return nullptr;
    }
    copy_negotiated(k, *c, h, in.now);
    return c;
}

void queue_accepted(core& k, binding& listener, connection& c, const incoming& in) noexcept {
    c.bound_to = &listener;
    c.in_accept_queue = true;
    listener.accept_queue.push_back(c);
    ++listener.accept_count;
    c.snd.una = in.ack;
    establish(k, c, in.now);
    c.snd.wnd = c.snd.wnd_max = std::uint32_t{in.header.window} << c.snd.scale;
    k.count.add(counted::passive_opens);
    k.notify(*listener.owner, &readiness::acceptable);
}

namespace {

// nullptr: no room; the acknowledgment counts as lost, unless it is to be answered with a reset.
connection* promote(core& k, half_open& h, const incoming& in) noexcept {
    binding& listener = *h.listener;
    connection* c = make_accepted(k, h, in);
    if (c == nullptr) {
        if (k.config.abort_on_overflow) {
            reset_in_answer(k, h.ends_, h.route, in);
            destroy(k, h);
        }
        return nullptr;
    }
    take_entry(k, *c, h);  // `h` is gone
    queue_accepted(k, listener, *c, in);
    return c;
}

}  // namespace

disposition input_half_open(core& k, half_open& h, incoming& in) noexcept {
    const wire::tcp_flags& flags = in.header.flags;
    const auto& stamps = in.header.options.timestamps;
    // The SYN again: our answer was lost.
    if (flags.syn && !flags.ack && !flags.rst && in.first + 1 == h.rcv_nxt) {
        h.syn_ack_pending = true;
        k.make_ready(h);
        return disposition::consumed;
    }
    if (h.timestamps && stamps && !flags.rst && timestamp_before(stamps->value, h.ts_recent)) {
        challenge(k, h, in.now);
        return disposition::paws;
    }
    if (!is_acceptable(h, in)) {  // first
        if (!flags.rst) challenge(k, h, in.now);
        return disposition::out_of_window;
    }
    if (flags.rst) {  // second; RFC 5961 3.2
        if (in.first != h.rcv_nxt) {
            challenge(k, h, in.now);
            return disposition::blind_reset;
        }
        k.count.add(counted::resets_received);
        destroy(k, h);  // RFC 9293 3.5 (MUST-11): passive open, so back to LISTEN
        return disposition::consumed;
    }
    if (flags.syn) {  // fourth; RFC 5961 4.2
        challenge(k, h, in.now);
        return disposition::blind_syn;
    }
    if (!flags.ack) return disposition::invalid;  // fifth
    if (in.ack != h.iss + 1) {
        // Its first SYN was answered with a cookie, the next one found room in the queue.
        if (in.now < h.listener->cookies_until && brings_cookie(k, h.ends_, in)) {
            binding& listener = *h.listener;
            const flow ends = h.ends_;
            destroy(k, h);
            return input_cookie(k, listener, ends, in);
        }
        reset_in_answer(k, h.ends_, h.route, in);
        return disposition::bad_ack;
    }
    if (h.timestamps && stamps) h.ts_recent = stamps->value;
    connection* c = promote(k, h, in);
    if (c == nullptr) return disposition::backlog_full;
    // ESTABLISHED: "continue processing there".
    if (in.length == 0) return disposition::consumed_ack_only;
    return input_synchronized(k, *c, in);
}

}  // namespace coax::stack::tcp
