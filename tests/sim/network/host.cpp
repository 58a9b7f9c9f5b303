// When a host has its turn, and what it does in it.
#include "tests/sim/network/host.hpp"

#include <algorithm>
#include <cassert>

namespace coax::sim {

namespace {

// A stack that has something left to do (a packet to itself) is turned again after so long.
constexpr stack::duration shortest_pause{1000};

}  // namespace

host::host(schedule& time, frame_pool& frames, const host_options& options,
           const stack::mac_address& mac)
    : time_(time),
      options_(options),
      card_(time, frames, options.card, mac),
      random_(options.seed),
      stack_(std::make_unique<stack::ip_stack>(options.config, card_, random_)) {
    [[maybe_unused]] const auto added = stack_->add_address({options.address});
    assert(added);
    if (options.gateway.is_unspecified()) return;
    [[maybe_unused]] const auto routed =
        stack_->add_route({{stack::ip_address::any_v4(), 0}, options.gateway});
    assert(routed);
}

host::~host() = default;

void host::turn_at(stack::instant when) {
    if (when >= next_turn_ || stack_ == nullptr) return;
    next_turn_ = std::max(when, now());
    time_.at(next_turn_, *this, ++alarm_);
}

void host::on_moment(std::uint64_t what) {
    if (what != alarm_ || stack_ == nullptr) return;  // an earlier turn took its place
    next_turn_ = stack::never;
    turn();
}

void host::turn() {
    const stack::instant now = time_.now();
    ++turns_;
    const std::uint64_t moved = card_.counters().delivered + card_.counters().taken;
    while (card_.has_received()) stack_->receive(now);
    if (stack_->next_deadline() <= now) stack_->advance(now);
    stack::tcp::event event;
    while (stack_->next_event(event))
        if (event.user != nullptr)
            static_cast<socket_user*>(event.user)->on_ready(*this, event.ready);
    stack::udp::event datagrams;
    while (stack_->next_udp_event(datagrams))
        if (datagrams.user != nullptr)
            static_cast<udp_user*>(datagrams.user)->on_datagrams(*this, datagrams.ready);
    const bool all_sent = stack_->flush(now);
    if (after_turn) after_turn(*this);
    const stack::instant next = stack_->next_deadline();
    idle_turns_ = next <= now && moved == card_.counters().delivered + card_.counters().taken
                      ? idle_turns_ + 1
                      : 0;
    if (!all_sent) turn_at(std::max(card_.next_room(), now + shortest_pause));
    if (next != stack::never) turn_at(next <= now ? now + shortest_pause : next);
}

std::uint64_t host::counter(std::string_view name) const {
    for (const stack::counter& each : stack_->counters())
        if (each.name == name) return each.value;
    return 0;
}

}  // namespace coax::sim
