// Socket options, and what a socket tells about itself (STATUS, RFC 9293 3.10.6).
#include <algorithm>

#include "stack/tcp/congestion_events.hpp"
#include "stack/tcp/core.hpp"
#include "stack/tcp/delivery_rate.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/pacing.hpp"
#include "stack/tcp/recovery.hpp"
#include "stack/tcp/validation.hpp"

namespace coax::stack::tcp {

namespace {

// What the cork held goes now.
void let_out(core& k, connection& c) noexcept {
    if (!c.probing) core::clear_timer(c, timer::persist);
    if (c.sending.size() != 0) k.make_ready(c);
}

}  // namespace

rare_state* rare_of(core& k, connection& c) noexcept {
    if (c.rare == nullptr) c.rare = k.rare_states.create();
    if (c.rare == nullptr) k.count.add(counted::no_memory);
    return c.rare;
}

void inherit_options(core& k, connection& c, const connection& listener) noexcept {
    const rare_state* const from = listener.rare;
    if (from == nullptr || rare_of(k, c) == nullptr) return;
    c.rare->user_timeout = from->user_timeout;
    c.rare->linger = from->linger;
    c.rare->keep_alive_idle = from->keep_alive_idle;
    c.rare->keep_alive_interval = from->keep_alive_interval;
    c.rare->keep_alive_probes = from->keep_alive_probes;
    c.rare->hops = from->hops;
    c.rare->corked = from->corked;
    c.rare->mss_limit = from->mss_limit;
    c.rare->urgent_inline = from->urgent_inline;
}

result<flow> layer::ends(socket_id socket) const noexcept {
    const connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    return c->ends_;
}

error layer::error_of(socket_id socket) const noexcept {
    const connection* c = core_->find(socket);
    return c == nullptr ? error::bad_handle : c->failure;
}

status layer::set_no_delay(socket_id socket, bool on, instant) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    c->no_delay = on;  // RFC 9293 3.7.4 (MUST-17)
    if (!on) return {};
    if (c->rare != nullptr) c->rare->push_due = true;
    let_out(k, *c);
    return {};
}

status layer::set_cork(socket_id socket, bool on, instant) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (!on && c->rare == nullptr) return {};
    rare_state* const rare = rare_of(k, *c);
    if (rare == nullptr) return error::no_buffer_space;
    rare->corked = on;
    if (on) return {};
    rare->more = rare->push_due = rare->expired = false;
    let_out(k, *c);
    return {};
}

status layer::set_keep_alive(socket_id socket, bool on, instant now) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    c->keep_alive = on;  // RFC 9293 3.8.4 (MAY-5, MUST-24, MUST-25: off unless asked for)
    c->probes_sent = 0;
    c->keep_alive_pending = false;
    if (on && c->in_table && c->current != state::syn_sent)
        k.set_timer(*c, timer::keep_alive, now + keep_alive_idle(k, *c));
    else core::clear_timer(*c, timer::keep_alive);
    return {};
}

status layer::set_keep_alive_times(socket_id socket, const keep_alive_times& times,
                                   instant now) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (times.idle < duration::zero() || times.interval < duration::zero())
        return error::invalid_argument;
    const duration before = keep_alive_idle(k, *c);
    rare_state* const rare = rare_of(k, *c);
    if (rare == nullptr) return error::no_buffer_space;
    rare->keep_alive_idle = times.idle;
    rare->keep_alive_interval = times.interval;
    rare->keep_alive_probes = times.probes;
    // The silence so far counts.
    const instant due = c->deadline(timer::keep_alive);
    if (due != never && c->probes_sent == 0)
        k.set_timer(*c, timer::keep_alive, std::max(now, due - before + keep_alive_idle(k, *c)));
    return {};
}

status layer::set_send_buffer(socket_id socket, std::uint32_t bytes) noexcept {
    connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    c->snd.capacity = std::clamp(bytes, 1U, 1U << 30);
    c->snd.fixed = true;
    return {};
}

status layer::set_receive_buffer(socket_id socket, std::uint32_t bytes) noexcept {
    connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    // The scale of a connection is settled; a larger window can't be told (RFC 7323 2.2).
    const std::uint32_t most = c->in_table ? 0xffffU << c->rcv.scale : 1U << 30;
    // Nor can one below a unit: it would stay closed for ever.
    const std::uint32_t least = c->in_table ? 1U << c->rcv.scale : 1U;
    c->rcv.capacity = std::clamp(bytes, least, most);
    c->rcv.fixed = true;
    return {};
}

status layer::set_user_timeout(socket_id socket, duration timeout) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (timeout < duration::zero()) return error::invalid_argument;
    if (timeout == duration::zero() && c->rare == nullptr) return {};
    rare_state* const rare = rare_of(k, *c);
    if (rare == nullptr) return error::no_buffer_space;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    rare->user_timeout = static_cast<std::uint32_t>(std::min<std::int64_t>(ms, 0x7fffffffU));
    return {};
}

status layer::set_maximum_segment(socket_id socket, std::uint16_t bytes) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (bytes != 0 && bytes < k.config.mss_min) return error::invalid_argument;
    if (bytes == 0 && c->rare == nullptr) return {};
    rare_state* const rare = rare_of(k, *c);
    if (rare == nullptr) return error::no_buffer_space;
    rare->mss_limit = bytes;
    if (c->in_table && c->current != state::syn_sent) update_mss(*c);
    return {};
}

status layer::set_linger(socket_id socket, duration most) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (most < duration::zero()) return error::invalid_argument;
    if (most == duration::zero() && c->rare == nullptr) return {};
    rare_state* const rare = rare_of(k, *c);
    if (rare == nullptr) return error::no_buffer_space;
    rare->linger = most;
    return {};
}

// RFC 9293 3.9.1.9 (MUST-48); what is given goes to IP as it is (SHLD-22).
status layer::set_traffic_class(socket_id socket, std::uint8_t value) noexcept {
    connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    c->rcv.traffic_class = value & 0xfcU;
    return {};
}

// RFC 9293 3.9.2 (MUST-49): per connection too.
status layer::set_hops(socket_id socket, std::uint8_t value) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (value == 0 && c->rare == nullptr) return {};
    rare_state* const rare = rare_of(k, *c);
    if (rare == nullptr) return error::no_buffer_space;
    rare->hops = value;
    return {};
}

status layer::set_congestion(socket_id socket, std::string_view name, instant now) noexcept {
    connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    const auto wanted = congestion_algorithm_named(name);
    if (!wanted) return error::invalid_argument;
    if (!congestion_choose(*core_, *c, *wanted, now)) return error::no_buffer_space;
    return {};
}

status layer::set_ecn(socket_id socket, ecn_use how) noexcept {
    connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    c->congestion.ecn_choice = how;
    return {};
}

status layer::set_pacing(socket_id socket, bool on) noexcept {
    connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    c->congestion.wants_pacing = on;
    if (!congestion_set_pacing(*core_, *c)) return error::no_buffer_space;
    return {};
}

status layer::set_idle_window(socket_id socket, idle_window how) noexcept {
    connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    c->congestion.idle = how;
    if (!congestion_set_pacing(*core_, *c)) return error::no_buffer_space;
    return {};
}

namespace {

sender_phase phase_of(const connection& c) noexcept {
    const recovery_state* const r = c.recovery;
    if (r == nullptr) return sender_phase::open;
    if (r->in == recovery_state::mode::timeout) return sender_phase::loss;
    if (r->in == recovery_state::mode::fast) return sender_phase::recovery;
    return r->duplicates != 0 || r->sacked != 0 ? sender_phase::disorder : sender_phase::open;
}

// What the sender knows and has done.
void tell_sender(core& k, const connection& c, connection_info& i) noexcept {
    i.smoothed_rtt = c.rtt.smoothed();
    i.rtt_variation = c.rtt.variation();
    i.retransmission_timeout = c.rtt.timeout().backed_off(c.retries, k.config);
    i.retries = c.retries;
    i.phase = phase_of(c);
    i.congestion_window = c.congestion.window.bytes();
    i.slow_start_threshold = c.congestion.slow_start_threshold;
    i.pacing_rate = pacing_rate_of(k, c);
    if (is_validating(c)) {
        i.pipe_ack = pipe_ack_of(k, c);
        i.window_validated = is_window_validated(k, c);
    }
    i.delivery_rate = delivery_rate_of(k, c);
    i.outstanding = c.outstanding();
    i.in_flight = in_flight(c);
    i.send_window = c.snd.wnd;
    i.send_buffered = c.sending.size();
    i.send_capacity = c.snd.capacity;
    i.unsent = i.send_buffered - std::min(i.send_buffered, i.outstanding);
    if (const sender_totals* const t = totals_of(k, c); t != nullptr) {
        i.retransmitted_segments = t->resent_segments;
        i.bytes_retransmitted = t->resent_bytes;
    }
    i.bytes_sent =
        c.sending.released() + std::min(i.outstanding, i.send_buffered) + i.bytes_retransmitted;
    i.least_rtt = c.rtt.smoothed() != duration::zero() ? c.rtt.least() : duration::zero();
    i.reordering_seen = c.rack.reordering_seen;
    if (c.recovery != nullptr) {
        i.lost = c.recovery->lost;
        i.sacked = c.recovery->sacked;
    }
    i.bytes_acknowledged = c.sending.released();
}

void tell_receiver(const connection& c, connection_info& i) noexcept {
    i.receive_window = c.rcv.edge > c.rcv.nxt ? c.rcv.edge - c.rcv.nxt : 0;
    i.receive_buffered = c.receiving.readable();
    i.receive_capacity = c.rcv.capacity;
    i.reassembly_ranges = static_cast<std::uint32_t>(c.receiving.ranges().size());
    i.bytes_received = c.receiving.received();
    // RFC 9293 3.8.5 (MUST-33): how much is left of what is urgent
    if (c.rare != nullptr && c.rare->urgent != rare_state::urgent_octet::none)
        i.urgent_left = c.rare->urgent_at - c.receiving.read_position() + 1;
}

void tell_agreed(const connection& c, connection_info& i) noexcept {
    i.send_mss = c.snd.mss;
    i.receive_mss = c.rcv.mss;
    i.announced_mss = c.rcv.announced_mss;
    i.path_mtu = c.snd.mtu;
    i.send_window_scale = c.snd.scale;
    i.receive_window_scale = c.rcv.scale;
    i.window_scaling = c.window_scaling;
    i.timestamps = c.timestamps;
    i.sack = c.sack;
    i.congestion_notification = c.congestion.ecn;
}

// Since when, and for how long.
void tell_times(core& k, const connection& c, instant now, connection_info& i) noexcept {
    i.since_data_sent = std::chrono::milliseconds(k.milliseconds(now) - c.last_sent);
    i.since_data_received = c.last_received.until(now);
    i.since_acknowledged = std::min(c.last_heard.until(now), i.since_data_received);
    i.busy = c.sending.busy(now);
    if (const sender_totals* const t = totals_of(k, c); t != nullptr) {
        i.receiver_limited = time_limited(*t, sending_limit::receiver, now);
        i.send_buffer_limited = time_limited(*t, sending_limit::send_buffer, now);
    }
}

}  // namespace

result<connection_info> layer::info(socket_id socket, instant now) const noexcept {
    const connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    connection_info i;
    i.current = c->current;
    i.soft_error = c->soft_error;                  // RFC 9293 3.9.1.8 (MUST-47), 3.9.2.2 (SHLD-25)
    i.congestion = control_of(*core_, *c).name();  // a listener's: what its connections begin with
    i.send_capacity = c->snd.capacity;
    i.receive_capacity = c->rcv.capacity;
    if (c->current == state::closed || c->current == state::listen) return i;
    tell_sender(*core_, *c, i);
    tell_receiver(*c, i);
    tell_agreed(*c, i);
    if (now != instant{} && c->current >= state::established) tell_times(*core_, *c, now, i);
    return i;
}

}  // namespace coax::stack::tcp
