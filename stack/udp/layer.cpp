// UDP sockets, demux and queues.
#include "stack/udp/layer.hpp"

#include <algorithm>
#include <utility>

namespace coax::stack::udp {

namespace {

std::size_t total_size(std::span<const const_bytes> pieces) noexcept {
    std::size_t size = 0;
    for (const auto& piece : pieces) size += piece.size();
    return size;
}

}  // namespace

layer::layer(const udp_config& config, random_source& randomness, udp_counters& counters)
    : config_(config),
      randomness_(randomness),
      counters_(counters),
      by_flow_(0, address_hash{randomness.next()}),
      outgoing_(config.send_queue_total_bytes) {}

result<socket_id> layer::open(void* user) {
    if (open_count_ >= config_.sockets_max) return error::no_buffer_space;
    if (free_.empty()) {
        sockets_.emplace_back(config_);
        free_.push_back(static_cast<std::uint32_t>(sockets_.size() - 1));
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    socket& s = sockets_[index];
    s.id = {index, s.next_generation};
    s.user = user;
    ++open_count_;
    return s.id;
}

status layer::set_user(socket_id id, void* user) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    s->user = user;
    return {};
}

status layer::bind(socket_id id, const endpoint& local, bool of_many) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    if (s->bound) return error::invalid_argument;
    if (local.port == 0) {
        const status bound = bind_ephemeral(*s, local.address);
        s->bound_to_many = bound && of_many;
        return bound;
    }
    if (!is_free(local, *s)) return error::address_in_use;
    enter(*s, {local, {}});
    s->bound_to_many = of_many;
    return {};
}

status layer::set_reuse_address(socket_id id, bool on) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    if (s->bound && s->reuse_address != on)
        visit_occupancies(s->ends.local, [on](occupancy& o) { o.alone += on ? -1U : 1U; });
    s->reuse_address = on;
    return {};
}

// RFC 6056 3.3.1: from a random place on.
status layer::bind_ephemeral(socket& s, const ip_address& address) {
    const std::uint32_t first = config_.ephemeral_port_first;
    const std::uint32_t range = config_.ephemeral_port_last - first + 1U;
    const auto start = static_cast<std::uint32_t>(randomness_.next() % range);
    for (std::uint32_t i = 0; i < range; ++i) {
        const endpoint local{address, static_cast<std::uint16_t>(first + (start + i) % range)};
        // Never shared: nobody asked for this one.
        if (const auto found = on_port_.find(local.port);
            found != on_port_.end() && (s.reuse_address || !is_free(local, s)))
            continue;
        // Nor with a socket of another stack: what comes to it would be looked for there, too.
        if (others_ != nullptr && others_->hearers_on(local.port) != 0) continue;
        if (enter(s, {local, {}}) == 0) return {};
        leave(s);  // at the same moment
    }
    return error::address_in_use;
}

status layer::connect(socket_id id, const endpoint& remote, const ip_address& source) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    if (!s->bound) {
        const status bound = bind_ephemeral(*s, any_of_family({source, 0}).address);
        if (!bound) return bound;
    }
    flow ends = s->ends;
    if (remote.address.is_unspecified()) {
        ends.remote = {};
        if (s->source_chosen) ends.local.address = any_of_family(ends.local).address;
        s->source_chosen = s->connected = false;
    } else {
        const bool chosen = ends.local.address.is_unspecified();
        if (chosen) ends.local.address = source;
        ends.remote = remote;
        if (ends != s->ends && !s->reuse_address && by_flow_.contains(ends))
            return error::address_in_use;
        s->source_chosen = s->source_chosen || chosen;
        s->connected = true;
    }
    leave(*s);
    enter(*s, ends);
    return {};
}

status layer::set_dont_fragment(socket_id id, bool on) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    s->dont_fragment = on;
    return {};
}

bool layer::dont_fragment(socket_id id) const {
    const socket* s = find(id);
    return s != nullptr && s->dont_fragment;
}

status layer::set_broadcast(socket_id id, bool on) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    s->broadcast = on;
    return {};
}

bool layer::may_broadcast(socket_id id) const {
    const socket* s = find(id);
    return s != nullptr && s->broadcast;
}

status layer::set_traffic_class(socket_id id, std::uint8_t value) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    s->traffic_class = value;
    return {};
}

status layer::set_hops(socket_id id, std::uint8_t hops) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    s->hops = hops;
    return {};
}

status layer::set_receive_buffer(socket_id id, std::uint32_t bytes) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    s->receive_bytes = std::min(bytes, config_.receive_queue_bytes);
    return {};
}

status layer::set_send_buffer(socket_id id, std::uint32_t bytes) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    s->send_bytes = std::min(bytes, config_.send_queue_bytes);
    return {};
}

status layer::send(socket_id id, const endpoint& remote, const ip_address& source,
                   std::span<const const_bytes> pieces) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    if (s->pending_error != error::none) return std::exchange(s->pending_error, error::none);
    if (!s->bound) {
        const status bound = bind_ephemeral(*s, any_of_family({source, 0}).address);
        if (!bound) return bound;
    }
    const std::size_t size = total_size(pieces);
    const std::size_t cost = record_queue<datagram>::cost(size);
    if (cost > config_.send_queue_bytes) return error::message_too_long;
    flow ends{s->ends.local, remote};
    const bool to_group = remote.address.is_multicast();
    // A socket that is bound to a group, or to a broadcast address, only hears there.
    if (ends.local.address.is_unspecified() || s->bound_to_many) ends.local.address = source;
    std::byte* at = nullptr;
    // A small buffer holds one datagram, however large.
    if (s->queued_bytes == 0 || s->queued_bytes + cost <= s->send_bytes)
        at = outgoing_.push({ends, s->id, s->dont_fragment, s->multicast_loop, s->traffic_class,
                             to_group ? s->multicast_hops : s->hops},
                            size);
    if (at == nullptr) {
        if (!s->blocked_place.is_linked()) blocked_.push_back(*s);
        return error::would_block;
    }
    for (const auto& piece : pieces) at = std::copy(piece.begin(), piece.end(), at);
    s->queued_bytes += cost;
    return {};
}

result<received> layer::receive(socket_id id, std::span<const mutable_bytes> pieces, bool peek) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    if (s->pending_error != error::none) return std::exchange(s->pending_error, error::none);
    if (s->queue.empty()) return error::would_block;
    const arrived from = s->queue.front_head();
    const_bytes body = s->queue.front_body();
    received got{0, false, from.source, from.destination};
    const std::size_t cost = record_queue<arrived>::cost(body.size());
    for (const auto& piece : pieces) {
        const std::size_t size = std::min(piece.size(), body.size());
        std::copy_n(body.begin(), size, piece.begin());
        body = body.subspan(size);
        got.size += size;
    }
    got.truncated = !body.empty();
    if (peek) return got;
    receive_memory_used_ -= cost;
    s->queue.pop();
    return got;
}

bool layer::is_readable(socket_id id) const {
    const socket* s = find(id);
    return s != nullptr && (s->pending_error != error::none || !s->queue.empty());
}

bool layer::is_writable(socket_id id) {
    socket* s = find(id);
    if (s == nullptr) return false;
    // As Linux: when half of it is free.
    if (s->pending_error != error::none ||
        (s->queued_bytes <= s->send_bytes / 2 &&
         outgoing_.bytes() <= config_.send_queue_total_bytes / 2))
        return true;
    if (!s->blocked_place.is_linked()) blocked_.push_back(*s);
    return false;
}

error layer::pending_error(socket_id id, bool take) {
    socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    return take ? std::exchange(s->pending_error, error::none) : s->pending_error;
}

void layer::close(socket_id id) {
    socket* s = find(id);
    if (s == nullptr) return;
    leave(*s);
    receive_memory_used_ -= s->queue.bytes();
    s->queue.clear();
    s->event_place.unlink();
    s->blocked_place.unlink();
    s->id = {};
    // 0 names no socket.
    if (++s->next_generation == 0) s->next_generation = 1;
    s->user = nullptr;
    s->ends = {};
    s->connected = s->source_chosen = false;
    s->dont_fragment = s->broadcast = s->reuse_address = s->bound_to_many = false;
    s->multicast_loop = true;
    s->traffic_class = s->hops = 0;
    s->multicast_hops = 1;
    s->multicast_source = ip_address::any_v4();
    s->groups = {};
    s->receive_bytes = config_.receive_queue_bytes;
    s->send_bytes = config_.send_queue_bytes;
    s->pending_error = error::none;
    s->ready = {};
    s->queued_bytes = 0;
    free_.push_back(id.index);
    --open_count_;
}

result<flow> layer::ends(socket_id id) const {
    const socket* s = find(id);
    if (s == nullptr) return error::bad_handle;
    return s->ends;
}

std::size_t layer::available(socket_id id) const {
    const socket* s = find(id);
    return s == nullptr || s->queue.empty() ? 0 : s->queue.front_body_size();
}

disposition layer::input(const flow& ends, const payload_view& payload) {
    if (ends.local.port == 0) {
        ++counters_.port_zero;
        return disposition::port_zero;
    }
    socket* s = demux(ends);
    if (s == nullptr) {
        if (others_ != nullptr && others_->offer(others_->hearers_on(ends.local.port)))
            return disposition::elsewhere;
        ++counters_.no_port;
        return disposition::no_port;
    }
    return deliver(*s, ends, payload);
}

// The copy of one socket.
disposition layer::deliver(socket& s, const flow& ends, const payload_view& payload) {
    const std::size_t cost = record_queue<arrived>::cost(payload.size());
    if (receive_memory_used_ + cost > config_.receive_memory_bytes) {
        ++counters_.memory_full;
        return disposition::queue_full;
    }
    const bool was_empty = s.queue.empty();
    std::byte* at = nullptr;
    // As Linux: a small buffer holds one datagram, however large.
    if (was_empty || s.queue.bytes() + cost <= s.receive_bytes)
        at = s.queue.push({ends.remote, ends.local.address}, payload.size());
    if (at == nullptr) {
        ++counters_.queue_full;
        return disposition::queue_full;
    }
    payload.copy_to(at);
    receive_memory_used_ += cost;
    if (was_empty) raise(s, {true, false});
    return disposition::consumed;
}

bool layer::icmp_error(const flow& ends, bool hard, error cause) {
    if (others_ != nullptr) others_->copy_to(others_->hearers_on(ends.local.port));
    socket* s = demux(ends);
    if (s == nullptr) return false;
    if (hard && s->connected) {
        s->pending_error = cause;
        raise(*s, {true, true});
    }
    return true;
}

void layer::pop_outgoing() {
    const datagram sent = outgoing_.front_head();
    const std::size_t cost = record_queue<datagram>::cost(outgoing_.front_body().size());
    outgoing_.pop();
    if (socket* s = find(sent.socket); s != nullptr) s->queued_bytes -= cost;
    // Those that wait for room are woken when there is plenty, not for each datagram.
    if (outgoing_.bytes() > config_.send_queue_total_bytes / 2) return;
    while (!blocked_.empty()) {
        socket& s = blocked_.front();
        blocked_.pop_front();
        raise(s, {false, true});
    }
}

bool layer::next_event(event& out) {
    if (events_.empty()) return false;
    socket& s = events_.front();
    events_.pop_front();
    out = {s.id, s.ready, s.user};
    s.ready = {};
    return true;
}

layer::socket* layer::find(socket_id id) noexcept {
    if (id.generation == 0 || id.index >= sockets_.size()) return nullptr;
    socket& s = sockets_[id.index];
    return s.id == id ? &s : nullptr;
}

const layer::socket* layer::find(socket_id id) const noexcept {
    if (id.generation == 0 || id.index >= sockets_.size()) return nullptr;
    const socket& s = sockets_[id.index];
    return s.id == id ? &s : nullptr;
}

// The most particular socket: connected to this peer, bound to this address, bound to any.
layer::socket* layer::demux(const flow& ends) noexcept {
    for (const flow& key : {ends, flow{ends.local, {}}, flow{any_of_family(ends.local), {}}}) {
        const auto found = by_flow_.find(key);
        if (found != by_flow_.end()) return &sockets_[found->second];
    }
    return nullptr;
}

bool layer::is_free(const endpoint& local, const socket& s) const noexcept {
    if (local.address.is_unspecified()) {
        const auto found = on_port_.find(local.port);
        return found == on_port_.end() || found->second.admits(s.reuse_address);
    }
    for (const endpoint& place : {local, any_of_family(local)})
        if (const auto found = on_address_.find(place);
            found != on_address_.end() && !found->second.admits(s.reuse_address))
            return false;
    return true;
}

template <class Visit>
void layer::visit_occupancies(const endpoint& local, Visit&& visit) {
    visit(on_port_[local.port]);
    visit(on_address_[local]);
}

siblings::set layer::enter(socket& s, const flow& ends) {
    s.ends = ends;
    s.bound = true;
    const auto [found, is_first] = by_flow_.emplace(ends, s.id.index);
    if (!is_first) {
        s.next = &sockets_[found->second];
        s.next->previous = &s;
        found->second = s.id.index;
    }
    visit_occupancies(ends.local, [&s](occupancy& o) {
        ++o.sockets;
        o.alone += s.reuse_address ? 0 : 1;
    });
    return others_ == nullptr ? 0 : others_->set_hearing(ends.local.port, true);
}

void layer::leave(socket& s) {
    if (!s.bound) return;
    if (s.next != nullptr) s.next->previous = s.previous;
    if (s.previous != nullptr) s.previous->next = s.next;
    else if (s.next != nullptr) by_flow_[s.ends] = s.next->id.index;
    else by_flow_.erase(s.ends);
    s.next = s.previous = nullptr;
    visit_occupancies(s.ends.local, [&s](occupancy& o) {
        --o.sockets;
        o.alone -= s.reuse_address ? 0 : 1;
    });
    if (on_port_[s.ends.local.port].sockets == 0) {
        on_port_.erase(s.ends.local.port);
        if (others_ != nullptr) others_->set_hearing(s.ends.local.port, false);
    }
    if (on_address_[s.ends.local].sockets == 0) on_address_.erase(s.ends.local);
    s.bound = false;
}

void layer::raise(socket& s, readiness ready) {
    s.ready.readable |= ready.readable;
    s.ready.writable |= ready.writable;
    if (!s.event_place.is_linked()) events_.push_back(s);
}

}  // namespace coax::stack::udp
