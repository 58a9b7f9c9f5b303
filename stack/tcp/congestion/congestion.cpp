// What most congestion controls have in common.
#include "stack/tcp/congestion/congestion.hpp"

namespace coax::stack::tcp {

std::uint32_t initial_window(std::uint32_t mss, std::uint8_t segments) noexcept {
    return std::min(segments * mss, std::max(2 * mss, segments * 1460U));
}

// After PRR the threshold (RFC 6937 3.1); else RFC 6582 3.2 step 3, full acknowledgment, option
// (1): no burst of what became free at once.
void congestion_control::on_recovered(congestion_state& s, const recovered& r) const noexcept {
    const std::uint32_t mss = s.mss;
    s.set_window(r.proportional
                     ? s.slow_start_threshold
                     : std::min(s.slow_start_threshold, std::max(r.in_flight, mss) + mss));
}

// RFC 4015 3.2: as large as before, or larger if it has grown since.
void congestion_control::on_undo(congestion_state& s, const congestion_state& before,
                                 instant) const noexcept {
    s.slow_start_threshold = std::max(s.slow_start_threshold, before.slow_start_threshold);
    s.set_window(std::max(s.window.bytes(), before.window.bytes()));
}

}  // namespace coax::stack::tcp
