// Rates, and the moment at which the next segment may leave.
#include "stack/tcp/pacing.hpp"

#include <algorithm>

#include "stack/tcp/congestion_events.hpp"
#include "stack/tcp/delivery_rate.hpp"
#include "stack/tcp/recovery.hpp"
#include "stack/tcp/validation.hpp"

namespace coax::stack::tcp {

namespace {

constexpr std::uint32_t quantum_max = 1U << 16;
// However small the rate: a sender is heard of once a second.
constexpr duration wait_max = 1s;

pacing_state& pacing_of(core& k, const connection& c) noexcept {
    return *k.pacings.at(c.congestion.pacing - 1);
}

duration time_for(std::uint64_t bytes, std::uint64_t rate) noexcept {
    if (bytes >= rate) return wait_max;
    return duration(static_cast<std::int64_t>(bytes * 1'000'000'000 / rate));
}

// As Linux: twice the window per round trip in slow start, so that the window can double; then a
// fifth more, so that pacing is not what limits.
std::uint64_t rate_of_window(const connection& c) noexcept {
    const std::int64_t round_trip = c.rtt.smoothed() / 1us;
    if (round_trip == 0) return 0;
    const congestion_state& s = c.congestion;
    const std::uint64_t window = std::max(s.window.bytes(), in_flight(c));
    const std::uint64_t tenths = s.window.bytes() < s.slow_start_threshold / 2 ? 20 : 12;
    return window * tenths * 100'000 / static_cast<std::uint64_t>(round_trip);
}

}  // namespace

bool pacing_start(core& k, connection& c) noexcept {
    if (is_paced(c)) return true;
    pacing_state* p = k.pacings.create(c);
    if (p == nullptr) {
        k.count.add(counted::no_memory);
        return false;
    }
    c.congestion.pacing = p->index + 1;
    pacing_update(k, c);
    return true;
}

void pacing_stop(core& k, connection& c) noexcept {
    if (!is_paced(c)) return;
    pacing_state& p = pacing_of(k, c);
    k.timers.disarm(p);
    k.pacings.destroy(&p);
    c.congestion.pacing = 0;
}

void pacing_update(core& k, connection& c) noexcept {
    pacing_state& p = pacing_of(k, c);
    const std::uint64_t own = control_of(k, c).pacing_rate(c.congestion);
    // RFC 7661 4.4.2: who is paced only while its window is not validated is free until then.
    if (own == 0 && !c.congestion.is_always_paced() && is_window_validated(k, c)) {
        p.rate = 0;
        p.quantum = quantum_max;
        return;
    }
    p.rate = own != 0 ? own : rate_of_window(c);
    p.quantum = static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(p.rate / 1000, std::uint64_t{2} * c.snd.mss, quantum_max));
}

bool pacing_holds(core& k, connection& c, instant now) noexcept {
    pacing_state& p = pacing_of(k, c);
    if (p.rate == 0 || p.next_send <= now) return false;
    if (c.congestion.samples_rate) rate_on_held(k, c);
    if (!p.armed()) {
        k.count.add(counted::paced_waits);
        k.timers.arm(p, p.next_send);
    }
    return true;
}

bool pacing_is_waiting(core& k, const connection& c) noexcept { return pacing_of(k, c).armed(); }

void pacing_on_sent(core& k, connection& c, std::uint32_t bytes, instant now) noexcept {
    pacing_state& p = pacing_of(k, c);
    if (p.rate == 0) return;
    // Who was held up, by a timer's grain or for want of data, may make up for one quantum.
    const instant behind = now - time_for(p.quantum, p.rate);
    p.next_send = std::max(p.next_send, behind) + time_for(bytes, p.rate);
}

std::uint32_t pacing_quantum(core& k, const connection& c) noexcept {
    return pacing_of(k, c).quantum;
}

std::uint64_t pacing_rate_of(core& k, const connection& c) noexcept {
    return is_paced(c) ? pacing_of(k, c).rate : 0;
}

void pacing_on_timer(core& k, pacing_state& p) noexcept {
    p.due = never;
    k.make_ready(*p.owner);
}

}  // namespace coax::stack::tcp
