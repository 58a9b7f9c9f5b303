// States of the neighbours. Every state's waiting time is the same for all its entries, so the
// first of each list is the next one due and nothing is ever searched for.
#include "stack/ethernet/neighbour_cache.hpp"

#include <algorithm>
#include <utility>

namespace coax::stack::ethernet {

neighbour_cache::neighbour_cache(const neighbour_config& config, std::uint64_t seed,
                                 path_epoch& epoch, link_counters& counters)
    : config_(config),
      epoch_(epoch),
      counters_(counters),
      requests_allowed_(config.requests_per_second_max),
      by_address_(0, address_hash{seed}) {}

std::optional<neighbour_cache::answer> neighbour_cache::look_up(const ip_address& address,
                                                                instant now) {
    entry* e = find(address);
    if (e == nullptr) {
        if (unresolved_count_ >= config_.unresolved_max) fail(list_of(state::unresolved).front());
        e = make(address);
        if (e == nullptr) {
            ++counters_.neighbour_refused;
            return {};
        }
        ++unresolved_count_;
        e->retries = 0;
        enter(*e, state::unresolved, now + config_.retry);
        ask(*e, now);
    } else if (e->current == state::stale) {
        // RFC 1122 2.3.2.1: out-of-date entries are tried by unicast first.
        e->retries = 0;
        enter(*e, state::probing, now + config_.retry);
        ask(*e, now);
    } else if (e->current == state::failed) {
        return {};
    }
    return answer{e->current != state::unresolved, e->mac, e->index};
}

void neighbour_cache::learn(const ip_address& address, const mac_address& mac, bool asked_us,
                            instant now) {
    entry* e = find(address);
    if (e == nullptr && asked_us) {
        // Strangers may fill their share and no more: the rest is for those this host talks to.
        if (by_address_.size() >= config_.learned_max && !list_of(state::stale).empty())
            forget(list_of(state::stale).front());
        if (by_address_.size() < config_.learned_max) e = make(address);
        if (e == nullptr) {
            ++counters_.arp_not_learned;
            return;
        }
        e->mac = mac;
    }
    if (e == nullptr || e->current == state::failed) return;
    confirm(*e, mac, now);
}

void neighbour_cache::confirm(entry& e, const mac_address& mac, instant now) {
    if (e.current == state::unresolved) {
        --unresolved_count_;
        announce(e);
    } else if (e.mac != mac) {
        ++counters_.arp_changed;
        epoch_.advance();
    }
    e.mac = mac;
    e.request.unlink();
    enter(e, state::reachable, now + config_.reachable);
}

std::optional<neighbour_cache::request> neighbour_cache::next_request() {
    if (requests_.empty()) {
        has_news_ = !outcomes_.empty();
        return {};
    }
    entry& e = requests_.front();
    requests_.pop_front();
    if (e.current == state::probing) return request{e.address, e.mac};
    return request{e.address, {}};
}

std::optional<neighbour_cache::outcome> neighbour_cache::front_outcome() const {
    if (outcomes_.empty()) return {};
    const entry& e = outcomes_.front();
    return outcome{e.index, e.current != state::failed, e.mac};
}

void neighbour_cache::pop_outcome() {
    entry& e = outcomes_.front();
    outcomes_.pop_front();
    if (e.current == state::failed) forget(e);
}

void neighbour_cache::hold(neighbour_index index, const_bytes packet) {
    entry& e = entries_[index];
    const auto full = [&] {
        return e.held.size() >= config_.pending_max ||
               (!e.held.empty() && e.held_bytes + packet.size() > config_.pending_bytes_each) ||
               held_bytes_ + packet.size() > config_.pending_bytes_max;
    };
    while (full() && !e.held.empty()) {
        ++counters_.pending_dropped;
        pop_held(index);
    }
    if (full()) {
        ++counters_.pending_dropped;
        return;
    }
    e.held.emplace_back(packet.begin(), packet.end());
    e.held_bytes += packet.size();
    held_bytes_ += packet.size();
}

const std::vector<std::byte>* neighbour_cache::front_held(neighbour_index index) const {
    const entry& e = entries_[index];
    return e.held.empty() ? nullptr : &e.held.front();
}

void neighbour_cache::pop_held(neighbour_index index) {
    entry& e = entries_[index];
    e.held_bytes -= e.held.front().size();
    held_bytes_ -= e.held.front().size();
    e.held.pop_front();
}

void neighbour_cache::fire(instant now) {
    const auto due = [&](state s) { return !list_of(s).empty() && list_of(s).front().due <= now; };
    while (due(state::reachable)) {
        // Whoever uses it resolves anew and thereby asks it again.
        enter(list_of(state::reachable).front(), state::stale, never);
        epoch_.advance();
    }
    for (const state s : {state::unresolved, state::probing}) {
        while (due(s)) {
            entry& e = list_of(s).front();
            if (++e.retries >= config_.retries_max) {
                fail(e);
            } else {
                enter(e, s, now + config_.retry);
                ask(e, now);
            }
        }
    }
    due_ = never;
    for (const state s : {state::unresolved, state::probing, state::reachable})
        if (!list_of(s).empty()) due_ = std::min(due_, list_of(s).front().due);
}

neighbour_cache::entry* neighbour_cache::find(const ip_address& address) noexcept {
    const auto found = by_address_.find(address);
    return found == by_address_.end() ? nullptr : &entries_[found->second];
}

// A new entry in no state; null if there is no room.
neighbour_cache::entry* neighbour_cache::make(const ip_address& address) {
    entry* e = take_free();
    if (e == nullptr && make_room()) e = take_free();
    if (e == nullptr) return nullptr;
    e->address = address;
    by_address_.emplace(address, e->index);
    return e;
}

neighbour_cache::entry* neighbour_cache::take_free() {
    auto& unused = list_of(state::unused);
    if (!unused.empty()) {
        entry& e = unused.front();
        unused.pop_front();
        return &e;
    }
    if (entries_.size() >= config_.entries_max) return nullptr;
    entry& e = entries_.emplace_back();
    e.index = static_cast<neighbour_index>(entries_.size() - 1);
    return &e;
}

// The one heard of longest ago makes room. An unresolved one only fails: somebody may wait for it,
// and its place is free when they were told.
bool neighbour_cache::make_room() {
    for (const state s : {state::stale, state::reachable, state::probing}) {
        if (list_of(s).empty()) continue;
        entry& e = list_of(s).front();
        if (e.news.is_linked()) return false;  // resolved just now, and they were not yet told
        ++counters_.neighbour_evicted;
        forget(e);
        return true;
    }
    if (!list_of(state::unresolved).empty()) fail(list_of(state::unresolved).front());
    return false;
}

void neighbour_cache::enter(entry& e, state next, instant due) {
    e.place.unlink();
    e.current = next;
    e.due = due;
    due_ = std::min(due_, due);
    list_of(next).push_back(e);
}

// RFC 1122 2.3.2.1: at most one request a second to the same neighbour; `due` sees to it.
void neighbour_cache::ask(entry& e, instant now) {
    if (!requests_allowed_.take(now)) {
        ++counters_.request_deferred;
        return;
    }
    if (!e.request.is_linked()) requests_.push_back(e);
    has_news_ = true;
}

void neighbour_cache::fail(entry& e) {
    ++counters_.neighbour_failed;
    if (e.current == state::unresolved) --unresolved_count_;
    epoch_.advance();
    drop_held(e);
    e.request.unlink();
    enter(e, state::failed, never);
    announce(e);
}

void neighbour_cache::announce(entry& e) {
    if (!e.news.is_linked()) outcomes_.push_back(e);
    has_news_ = true;
}

void neighbour_cache::forget(entry& e) {
    epoch_.advance();
    drop_held(e);
    by_address_.erase(e.address);
    e.news.unlink();
    e.request.unlink();
    enter(e, state::unused, never);
}

void neighbour_cache::drop_held(entry& e) {
    counters_.pending_dropped += e.held.size();
    held_bytes_ -= std::exchange(e.held_bytes, 0);
    e.held.clear();
}

}  // namespace coax::stack::ethernet
