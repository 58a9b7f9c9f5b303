// Beginnings and ends of connections.
#include "stack/tcp/lifecycle.hpp"

#include <algorithm>
#include <bit>

#include "stack/tcp/binding.hpp"
#include "stack/tcp/congestion_events.hpp"
#include "stack/tcp/elsewhere.hpp"
#include "stack/tcp/mtu_search.hpp"
#include "stack/tcp/recovery.hpp"
#include "stack/tcp/tuning.hpp"

namespace coax::stack::tcp {

namespace {

constexpr std::uint16_t tcp_header = 20;
constexpr std::uint16_t timestamp_option = 12;

std::uint16_t ip_header(const flow& ends) noexcept { return ends.remote.address.is_v4() ? 20 : 40; }

// The protocol is done with `c`; what the user may still read stays.
void stop(core& k, connection& c) noexcept {
    if (c.in_table) {
        leave_flow(k, c.ends_, c.hash, reference(reference::kind::connection, c.index));
        k.ports.remove_connection(c.ends_.local.port);
        c.in_table = false;
    }
    if (k.last_found == &c) k.last_found = nullptr;
    k.disarm(c);
    c.deadlines.fill(never);
    core::leave_queue(c);
    c.sending.clear(k.blocks);
    if (c.rare != nullptr) c.rare->records.clear(k.blocks);
    recovery_clear(k, c);
    congestion_stop(k, c);
    c.current = state::closed;
}

// Frees `c`, which is stopped.
void release(core& k, connection& c) noexcept {
    c.receiving.clear(k.blocks);
    if (c.in_accept_queue) {
        c.event_hook.unlink();
        --c.bound_to->accept_count;
        c.bound_to->held_bytes -= c.receiving.received();
    } else if (c.bound_to != nullptr) {
        release_binding(k, c);
    }
    if (c.rare != nullptr) k.rare_states.destroy(c.rare);
    forget_tuning(k, c);
    forget_totals(k, c);
    k.connections.destroy(&c);
}

}  // namespace

bool enter_table(core& k, connection& c) noexcept {
    c.hash = k.hash_of(c.ends_);
    if (!enter_flow(k, c.ends_, c.hash, reference(reference::kind::connection, c.index)))
        return false;
    k.ports.add_connection(c.ends_.local.port);
    c.in_table = true;
    return true;
}

void take_entry(core& k, connection& c, half_open& h) noexcept {
    c.ends_ = h.ends_;
    c.hash = h.hash;
    c.route = h.route;
    k.replace_flow(h.ends_, h.hash, reference(reference::kind::half_open, h.index),
                   reference(reference::kind::connection, c.index));
    c.in_table = true;
    --h.listener->syn_count;
    k.disarm(h);
    k.half_opens.destroy(&h);
}

std::uint16_t offered_mss(const flow& ends, std::uint16_t mtu) noexcept {
    const auto headers = static_cast<std::uint16_t>(ip_header(ends) + tcp_header);
    return static_cast<std::uint16_t>(mtu > headers ? mtu - headers : 1);
}

std::uint8_t scale_for(std::uint32_t capacity) noexcept {
    const unsigned bits = std::bit_width(capacity);
    return static_cast<std::uint8_t>(std::clamp(bits, 16U, 30U) - 16);  // RFC 7323 2.3: at most 14
}

// RFC 9293 3.7.1 (MUST-16): min(SendMSS, MMS_S) less the options every segment carries.
std::uint16_t offered_mss(const connection& c, std::uint16_t mtu) noexcept {
    const std::uint16_t most = offered_mss(c.ends_, mtu);
    return c.rare != nullptr && c.rare->mss_limit != 0 ? std::min(most, c.rare->mss_limit) : most;
}

void update_mss(connection& c) noexcept {
    c.snd.mtu = c.route.mtu;
    std::uint16_t mtu = c.route.mtu;
    if (c.rare != nullptr && c.rare->mtu_limit != 0) mtu = std::min(mtu, c.rare->mtu_limit);
    std::uint16_t mss = std::min(c.snd.peer_mss, offered_mss(c, mtu));
    if (c.timestamps && mss > timestamp_option + 8)
        mss = static_cast<std::uint16_t>(mss - timestamp_option);
    c.snd.mss = mss;
    c.congestion.mss = mss;
}

void establish(core& k, connection& c, instant now) noexcept {
    // A close() that came in SYN-RECEIVED was queued until now (RFC 9293 3.10.4).
    c.current = c.fin_queued ? state::fin_wait_1 : state::established;
    c.syn_pending = false;
    c.retries = 0;
    c.stalled_since = 0;
    core::clear_timer(c, timer::retransmission);
    update_mss(c);
    congestion_start(k, c, now);
    if (k.config.mtu_probing == mtu_probing::always) begin_search(k, c, now);
    recovery_clear(k, c);  // the SYN is acknowledged
    c.last_sent = k.milliseconds(now);
    c.last_received = c.last_heard = coarse_instant(now);
    c.snd.small_end = c.snd.una;
    k.count.add(counted::established);
    if (c.keep_alive) k.set_timer(c, timer::keep_alive, now + keep_alive_idle(k, c));
}

void end(core& k, connection& c, error why) noexcept {
    stop(k, c);
    if (c.in_accept_queue || !c.attached) {
        release(k, c);
        return;
    }
    c.failure = why;
    if (why == error::none) {
        k.notify(c, &readiness::closed);
        return;
    }
    k.notify(c, &readiness::failed);
}

void destroy(core& k, connection& c) noexcept {
    stop(k, c);
    release(k, c);
}

void abort(core& k, connection& c, instant now) noexcept {
    switch (c.current) {
        case state::syn_received:
        case state::established:
        case state::fin_wait_1:
        case state::fin_wait_2:
        case state::close_wait: queue_reset(k, c, now); break;
        default: break;  // nothing to tell
    }
    destroy(k, c);
}

void enter_time_wait(core& k, connection& c, instant now) noexcept {
    if (k.time_waits.size() >= k.config.time_wait_max && !k.time_waits_by_age.empty()) {
        k.count.add(counted::time_wait_evicted);
        destroy(k, k.time_waits_by_age.front());
    }
    time_wait* t = k.time_waits.create();
    if (t == nullptr) {
        k.count.add(counted::no_memory);
        end(k, c, error::none);
        return;
    }
    t->ends_ = c.ends_;
    t->route = c.route;
    t->hash = c.hash;
    t->snd_nxt = c.snd.nxt;
    t->rcv_nxt = c.rcv.nxt;
    t->rcv_wnd = c.rcv.edge > c.rcv.nxt ? c.rcv.edge - c.rcv.nxt : 0;
    t->window = static_cast<std::uint16_t>(std::min(t->rcv_wnd >> c.rcv.scale, 0xffffU));
    t->timestamps = c.timestamps;
    t->traffic_class = c.rcv.traffic_class;
    t->hops = hops_of(c);
    t->ts_recent = c.ts.recent;
    t->ts_offset = c.ts.offset;
    t->ack_pending = c.ack_now || c.rcv.acked != c.rcv.nxt;
    k.replace_flow(c.ends_, c.hash, reference(reference::kind::connection, c.index),
                   reference(reference::kind::time_wait, t->index));
    c.in_table = false;
    k.last_found = nullptr;
    k.time_waits_by_age.push_back(*t);
    k.timers.arm(*t, now + k.config.time_wait);  // RFC 9293 3.6.1 (MUST-13): 2 MSL, as configured
    if (t->ack_pending) k.make_ready(*t);
    const bool kept = c.attached;
    end(k, c, error::none);
    if (kept) c.current = state::time_wait;  // what the user sees of it
}

void destroy(core& k, time_wait& t) noexcept {
    leave_flow(k, t.ends_, t.hash, reference(reference::kind::time_wait, t.index));
    k.ports.remove_connection(t.ends_.local.port);
    k.disarm(t);
    k.time_waits.destroy(&t);
}

bool may_reuse(const core& k, const time_wait& t, instant now) noexcept {
    return t.timestamps && k.config.timestamps &&
           now - (t.due - k.config.time_wait) >= std::chrono::seconds(1);
}

void destroy(core& k, half_open& h) noexcept {
    leave_flow(k, h.ends_, h.hash, reference(reference::kind::half_open, h.index));
    k.ports.remove_connection(h.ends_.local.port);
    --h.listener->syn_count;
    k.disarm(h);
    k.half_opens.destroy(&h);
}

}  // namespace coax::stack::tcp
