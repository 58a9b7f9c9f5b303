// Socket options, and what a socket tells about itself (STATUS, RFC 9293 3.10.6).
#include <algorithm>

#include "stack/tcp/congestion_events.hpp"
#include "stack/tcp/core.hpp"
#include "stack/tcp/recovery.hpp"

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
    c.rare->corked = from->corked;
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
    rare->more = rare->push_due = false;
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
    c->rcv.capacity = std::clamp(bytes, 1U, most);
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

status layer::set_congestion(socket_id socket, std::string_view name, instant now) noexcept {
    connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    const auto& names = congestion_algorithm_names;
    const auto* const found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) return error::invalid_argument;
    const auto wanted = static_cast<congestion_algorithm>(found - names.begin());
    if (!congestion_choose(*core_, *c, wanted, now)) return error::no_buffer_space;
    return {};
}

result<connection_info> layer::info(socket_id socket) const noexcept {
    const connection* c = core_->find(socket);
    if (c == nullptr) return error::bad_handle;
    connection_info i;
    i.current = c->current;
    i.smoothed_rtt = c->rtt.smoothed();
    i.rtt_variation = c->rtt.variation();
    i.retransmission_timeout = c->rtt.timeout().backed_off(c->retries, core_->config);
    i.congestion_window = c->congestion.window.bytes();
    i.slow_start_threshold = c->congestion.slow_start_threshold;
    i.outstanding = c->outstanding();
    i.in_flight = in_flight(*c);
    i.send_window = c->snd.wnd;
    i.receive_window = c->rcv.edge > c->rcv.nxt ? c->rcv.edge - c->rcv.nxt : 0;
    i.send_mss = c->snd.mss;
    i.send_buffered = c->sending.size();
    i.receive_buffered = c->receiving.readable();
    i.send_capacity = c->snd.capacity;
    i.receive_capacity = c->rcv.capacity;
    i.reassembly_ranges = static_cast<std::uint32_t>(c->receiving.ranges().size());
    i.retransmitted_segments = c->retransmitted;
    i.send_window_scale = c->snd.scale;
    i.receive_window_scale = c->rcv.scale;
    i.congestion = control_of(*core_, *c).name();
    i.timestamps = c->timestamps;
    i.sack = c->sack;
    i.soft_error = c->soft_error;  // RFC 9293 3.9.1.8 (MUST-47), 3.9.2.2 (SHLD-25)
    return i;
}

}  // namespace coax::stack::tcp
