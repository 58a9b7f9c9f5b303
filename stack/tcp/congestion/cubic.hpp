// CUBIC (RFC 9293 3.8.2, MAY-18: RFC 9438), with HyStart++ (RFC 9406) as its first slow start.
// Integers only: the same connection has the same window on every machine.
#pragma once

#include "stack/tcp/congestion/congestion.hpp"
#include "stack/tcp/congestion/hystart.hpp"

namespace coax::stack::tcp {

class cubic final : public congestion_control {
  public:
    std::string_view name() const noexcept override { return "cubic"; }
    bool start(congestion_state& s, duration round_trip, instant now) const noexcept override;
    void on_acknowledged(congestion_state& s, const acknowledged& a) const noexcept override;
    // What on_acknowledged() does in the usual case of who sends small messages: the window is not
    // in use, it is the first slow start, and this acknowledgment is a round of HyStart++ by
    // itself. `round_trip`: microseconds, at least 1. False: it is another case, nothing changed.
    static bool on_unused(congestion_state& s, seq una, seq nxt, std::uint32_t round_trip) noexcept;
    void on_congestion(congestion_state& s, const congestion_event& e) const noexcept override;
    void on_timeout(congestion_state& s, std::uint32_t in_flight, bool again,
                    instant now) const noexcept override;
    void on_undo(congestion_state& s, const congestion_state& before,
                 instant now) const noexcept override;
    void on_idle(congestion_state& s, duration idle) const noexcept override;
};

// The parts of it, for observation and tests.
namespace cubic_math {

// Ticks of 2^16 ns (65.5 us); 2^21 of them, 137 s, are the longest time that is told apart.
inline constexpr std::uint32_t tick_max = (1U << 21) - 1;

// Floor of the cube root.
std::uint32_t cube_root(std::uint64_t n) noexcept;
// RFC 9438 4.2, figure 2: K = cbrt((W_max - cwnd_epoch) / C), ticks. `bytes`: W_max - cwnd_epoch.
std::uint32_t time_to_plateau(std::uint32_t bytes, std::uint32_t mss) noexcept;
// RFC 9438 4.2, figure 1: W_cubic(t) = C * (t - K)^3 + W_max, in bytes; never negative.
std::uint64_t window_at(std::uint32_t t, std::uint32_t k, std::uint32_t w_max,
                        std::uint32_t mss) noexcept;

}  // namespace cubic_math

}  // namespace coax::stack::tcp
