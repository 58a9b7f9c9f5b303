// Local ports: who holds which, and how a free one is found without being guessable.
#include "stack/tcp/binding.hpp"

#include "stack/tcp/elsewhere.hpp"
#include "stack/tcp/lifecycle.hpp"

namespace coax::stack::tcp {

namespace {

std::uint32_t port_span(const core& k) noexcept {
    return std::uint32_t{k.config.ephemeral_port_last} - k.config.ephemeral_port_first + 1;
}

std::uint16_t nth_port(const core& k, std::uint64_t n) noexcept {
    return static_cast<std::uint16_t>(k.config.ephemeral_port_first + n % port_span(k));
}

}  // namespace

void release_binding(core& k, connection& c) noexcept {
    binding* b = c.bound_to;
    if (b == nullptr) return;
    c.bound_to = nullptr;
    while (!b->half_opens.empty()) destroy(k, b->half_opens.front());
    while (!b->accept_queue.empty()) {
        connection& child = b->accept_queue.front();
        abort(k, child, {});  // RFC 9293 3.10.5; takes itself off the queue
    }
    const std::uint16_t port = b->local.port;
    k.ports.remove(*b);
    if (b->listening) tell_listening(k, port);
    k.bindings.destroy(b);
}

picked_port pick_port(core& k, flow ends, instant now) noexcept {
    picked_port second_choice;
    const std::uint64_t offset = k.port_offset(ends.local.address, ends.remote);
    // G of RFC 6056 3.3.4: other bits of the same hash choose the counter.
    std::uint32_t& counter = k.port_counters[(offset >> 58) & 63];
    for (std::uint32_t tries = port_span(k); tries != 0; --tries) {
        ends.local.port = nth_port(k, (offset & 0xffffffffU) + counter++);
        if (k.ports.has_bindings(ends.local.port) || is_elsewhere(k, ends)) continue;
        const reference there = k.find_flow(ends, k.hash_of(ends));
        if (there.is_none()) return {ends.local.port, true};
        if (second_choice.port == 0 && there.which() == reference::kind::time_wait &&
            may_reuse(k, *k.time_waits.at(there.index()), now))
            second_choice.port = ends.local.port;
    }
    return second_choice;
}

std::uint16_t pick_unused_port(core& k) noexcept {
    const std::uint64_t start = k.randomness.next() & 0xffffffffU;
    for (std::uint32_t i = 0; i < port_span(k); ++i) {
        const std::uint16_t port = nth_port(k, start + i);
        if (!k.ports.has_users(port)) return port;
    }
    return 0;
}

}  // namespace coax::stack::tcp
