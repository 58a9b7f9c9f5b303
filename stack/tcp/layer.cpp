// The layer's face towards its owner: events, time, and the queue of those who have to send.
#include "stack/tcp/layer.hpp"

#include "stack/tcp/core.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/output.hpp"
#include "stack/tcp/retransmission_timer.hpp"
#include "stack/tcp/timers.hpp"

namespace coax::stack::tcp {

static_assert(sizeof(connection) <= 504,
              "an idle connection costs at most 512 bytes with its slot");

layer::layer(const tcp_config& config, random_source& randomness)
    : core_(std::make_unique<core>(config, randomness)) {}

layer::~layer() = default;

void layer::set_gso_max_bytes(std::uint32_t bytes) noexcept { core_->gso_max_bytes = bytes; }
void layer::set_siblings(siblings* others) noexcept { core_->others = others; }

void layer::advance(instant now) noexcept { fire_timers(*core_, now); }

instant layer::next_deadline() const noexcept { return core_->timers.next_deadline(); }

bool layer::next_event(event& out) noexcept {
    core& k = *core_;
    if (k.events.empty()) return false;
    connection& c = k.events.front();
    k.events.pop_front();
    out.socket = k.id_of(c);
    out.user = c.user;
    out.ready = c.pending;
    c.pending = {};
    return true;
}

sender* layer::next_sender() noexcept {
    core& k = *core_;
    return k.ready.empty() ? nullptr : &k.ready.front();
}

bool layer::next_segment(sender& from, instant now, segment& out) noexcept {
    core& k = *core_;
    bool more = false;
    switch (core::sort_of(from)) {
        case core::sort::connection: {
            auto& c = static_cast<connection&>(from);
            more = tcp::next_segment(k, c, now, out);
            out.is_last = has_nothing_to_send(c);
            if (more && !out.is_last) return true;
            from.unlink();
            if (!out.is_last || c.has_extras()) watch_limits(k, c, now);
            return more;
        }
        case core::sort::half_open:
            more = tcp::next_segment(k, static_cast<half_open&>(from), now, out);
            break;
        case core::sort::time_wait:
            more = tcp::next_segment(k, static_cast<time_wait&>(from), now, out);
            break;
        case core::sort::reply:
            out.is_last = false;
            return tcp::next_segment(k, static_cast<reply&>(from), out);  // false: it is gone
    }
    out.is_last = false;
    if (!more) from.unlink();
    return more;
}

void layer::yield(sender& from) noexcept {
    from.unlink();
    core_->ready.push_back(from);
}

void layer::park(sender& from, sender_list& list) noexcept {
    from.unlink();
    core::set_parked(from, true);
    list.push_back(from);
}

void layer::unpark(sender_list& list) noexcept {
    while (!list.empty()) {
        sender& s = list.front();
        list.pop_front();
        core::set_parked(s, false);
        core_->ready.push_back(s);
    }
}

void layer::unreachable(sender& from, error cause, instant now) noexcept {
    core& k = *core_;
    core::leave_queue(from);
    switch (core::sort_of(from)) {
        case core::sort::connection: {
            auto& c = static_cast<connection&>(from);
            if (c.current == state::syn_sent) {
                k.count.add(counted::failed_opens);
                end(k, c, cause);
                return;
            }
            c.soft_error = cause;  // RFC 9293 3.9.2.2 (MUST-56)
            if (c.deadline(timer::retransmission) == never)
                set_retransmission_timer(k, c, retransmission_cause::timeout,
                                         now + retransmission_wait(k, c, now));
            return;
        }
        case core::sort::half_open:
        case core::sort::time_wait: return;  // their timers go on
        case core::sort::reply: k.replies.destroy(&static_cast<reply&>(from)); return;
    }
}

void layer::unreachable(sender_list& list, error cause, instant now) noexcept {
    while (!list.empty()) unreachable(list.front(), cause, now);
}

bool layer::is_delivering() const noexcept {
    bool any = false;
    core_->connections.for_each([&any](const connection& c) {
        switch (c.current) {
            case state::fin_wait_1:
            case state::closing:
            case state::last_ack: any = any || !c.attached; break;
            default: break;
        }
    });
    return any;
}

std::size_t layer::socket_count() const noexcept {
    return std::size_t{core_->connections.size()} + core_->half_opens.size() +
           core_->time_waits.size();
}

layer_usage layer::usage() const noexcept {
    const core& k = *core_;
    layer_usage u;
    u.connections = k.connections.size();
    u.half_open = k.half_opens.size();
    u.time_wait = k.time_waits.size();
    u.replies = k.replies.size();
    u.bindings = k.bindings.size();
    u.rare_states = k.rare_states.size();
    u.recoveries = k.recoveries.size();
    u.pacings = k.pacings.size();
    u.models = k.bbr_control.connections();
    u.tunings = k.tunings.size();
    u.sender_totals = k.totals.size();
    u.validations = k.validations.size();
    u.demux_entries = k.table.size();
    u.ports = k.ports.size();
    u.buffer_blocks = k.blocks.used();
    u.timers = k.timers.size();
    u.events = k.events.size();
    u.senders = k.ready.size();
    return u;
}

std::size_t layer::counter_count() noexcept { return counter_total; }

std::string_view layer::counter_name(std::size_t index) noexcept { return counter_names[index]; }

std::uint64_t layer::counter_value(std::size_t index) const noexcept {
    return core_->count.at(index);
}

std::string_view to_string(state s) noexcept {
    switch (s) {
        case state::closed: return "closed";
        case state::listen: return "listen";
        case state::syn_sent: return "syn_sent";
        case state::syn_received: return "syn_received";
        case state::established: return "established";
        case state::fin_wait_1: return "fin_wait_1";
        case state::fin_wait_2: return "fin_wait_2";
        case state::close_wait: return "close_wait";
        case state::closing: return "closing";
        case state::last_ack: return "last_ack";
        case state::time_wait: return "time_wait";
    }
    return "unknown";
}

}  // namespace coax::stack::tcp
