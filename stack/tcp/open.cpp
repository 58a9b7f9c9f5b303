// OPEN calls (RFC 9293 3.9.1.1, 3.10.1): open, bind, listen, connect, accept.
#include <algorithm>
#include <optional>

#include "stack/tcp/binding.hpp"
#include "stack/tcp/core.hpp"
#include "stack/tcp/elsewhere.hpp"
#include "stack/tcp/lifecycle.hpp"

namespace coax::stack::tcp {

namespace {

// Claims `local` for `c`, which has no claim yet.
status claim(core& k, connection& c, const endpoint& local, bool reuse) noexcept {
    binding* b = k.bindings.create();
    if (b == nullptr) return error::no_buffer_space;
    b->local = local;
    b->reuse = reuse;
    b->owner = &c;
    c.bound_to = b;
    c.ends_.local = local;
    k.ports.add(*b);
    return {};
}

bool is_unicast(const ip_address& a) noexcept {
    if (a.is_v4()) return a.to_v4() != 0 && (a.to_v4() >> 28) < 0xe;
    return a.octets()[0] != 0xff && a != ip_address();
}

// False: `ends` is in use. One in TIME-WAIT may give way; the successor's numbers are beyond its.
bool clear_the_way(core& k, const flow& ends, instant now, std::optional<seq>& iss_floor) noexcept {
    const reference there = k.find_flow(ends, k.hash_of(ends));
    if (there.is_none()) return true;
    if (there.which() != reference::kind::time_wait) return false;
    time_wait& old = *k.time_waits.at(there.index());
    if (!may_reuse(k, old, now)) return false;
    iss_floor = beyond(old);
    destroy(k, old);
    return true;
}

// RFC 9293 3.10.1, CLOSED, active: <SEQ=ISS><CTL=SYN> is to be sent.
void begin_active_open(core& k, connection& c, instant now, std::optional<seq> iss_floor) noexcept {
    c.active_open = true;
    c.current = state::syn_sent;
    const secrets::beginnings from = k.keys.beginnings_of(c.ends_, now);
    c.snd.una = from.sequence;
    if (iss_floor) c.snd.una = later_of(c.snd.una, *iss_floor);
    c.snd.nxt = c.snd.una;
    c.rcv.scale = offered_scale(k, c);
    if (k.config.timestamps) c.ts.offset = from.timestamp_offset;
    c.syn_pending = true;
    k.count.add(counted::active_opens);
    k.make_ready(c);
}

}  // namespace

result<socket_id> layer::open(void* user) noexcept {
    core& k = *core_;
    connection* c = k.connections.create(k.config);
    if (c == nullptr) {
        k.count.add(counted::no_memory);
        return error::no_buffer_space;
    }
    c->attached = true;
    c->user = user;
    return k.id_of(*c);
}

void layer::set_user(socket_id socket, void* user) noexcept {
    if (connection* c = core_->find(socket)) c->user = user;
}

status layer::bind(socket_id socket, const endpoint& local, bool reuse_address) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (c->bound_to != nullptr || c->current != state::closed || c->failure != error::none)
        return error::invalid_argument;
    endpoint wanted = local;
    if (wanted.port == 0) {
        wanted.port = pick_unused_port(k);
        if (wanted.port == 0) return error::address_in_use;
    } else if (!k.ports.is_free(wanted, reuse_address)) {
        return error::address_in_use;
    }
    return claim(k, *c, wanted, reuse_address);
}

status layer::listen(socket_id socket, std::uint32_t backlog) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (c->current != state::closed && c->current != state::listen) return error::invalid_argument;
    if (c->failure != error::none || c->fin_received) return error::invalid_argument;
    if (c->bound_to == nullptr) {
        const std::uint16_t port = pick_unused_port(k);
        if (port == 0) return error::address_in_use;
        if (status s = claim(k, *c, {ip_address(), port}, false); !s) return s;
    }
    // RFC 9293 3.9.1.1 (MUST-41, MUST-42): the port's connections are not asked, nor disturbed
    if (!k.ports.can_listen(*c->bound_to)) return error::address_in_use;
    c->bound_to->listening = true;
    c->bound_to->backlog = std::clamp(backlog, 1U, k.config.listen_backlog_max);
    c->current = state::listen;
    tell_listening(k, c->bound_to->local.port);
    return {};
}

status layer::connect(socket_id socket, const endpoint& remote, const ip_address& source,
                      instant now) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (c->failure != error::none) return c->failure;
    if (c->current == state::listen) return error::operation_not_supported;
    if (c->current != state::closed || c->active_open) return error::already_connected;
    if (remote.port == 0 || !is_unicast(remote.address)) return error::invalid_argument;
    flow ends{{source, 0}, remote};
    if (c->bound_to != nullptr) {
        const endpoint& own = c->bound_to->local;
        if (!port_table::is_any(own.address)) ends.local.address = own.address;  // MUST-43
        ends.local.port = own.port;
    }
    if (ends.local.address.is_v4() != remote.address.is_v4())
        return error::address_family_not_supported;
    bool is_free = false;
    if (ends.local.port == 0) {
        const picked_port picked = pick_port(k, ends, now);
        if (picked.port == 0) return error::address_not_available;
        ends.local.port = picked.port;
        is_free = picked.is_free;
    }
    std::optional<seq> iss_floor;
    if (!is_free && (!clear_the_way(k, ends, now, iss_floor) || is_elsewhere(k, ends)))
        return error::address_in_use;
    c->ends_ = ends;  // for good: MUST-45
    if (!enter_table(k, *c)) return error::no_buffer_space;
    begin_active_open(k, *c, now, iss_floor);
    return {};
}

result<accepted> layer::accept(socket_id listener) noexcept {
    core& k = *core_;
    connection* c = k.find(listener);
    if (c == nullptr) return error::bad_handle;
    if (c->current != state::listen) return error::invalid_argument;
    binding& b = *c->bound_to;
    if (b.accept_queue.empty()) return error::would_block;
    connection& child = b.accept_queue.front();
    b.accept_queue.pop_front();
    --b.accept_count;
    b.held_bytes -= child.receiving.readable();
    child.in_accept_queue = false;
    child.bound_to = nullptr;
    child.attached = true;
    child.rcv.capacity = c->rcv.capacity;  // from now on somebody reads
    if (child.pending) k.events.push_back(child);
    return accepted{k.id_of(child), child.ends_};
}

}  // namespace coax::stack::tcp
