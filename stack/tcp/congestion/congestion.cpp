// What most congestion controls have in common.
#include "stack/tcp/congestion/congestion.hpp"

namespace coax::stack::tcp {

std::uint32_t initial_window(std::uint32_t mss, std::uint8_t segments) noexcept {
    return std::min(segments * mss, std::max(2 * mss, segments * 1460U));
}

// RFC 4015 3.2: as large as before, or larger if it has grown since.
void congestion_control::on_undo(congestion_state& s, const congestion_state& before,
                                 instant) const noexcept {
    s.slow_start_threshold = std::max(s.slow_start_threshold, before.slow_start_threshold);
    s.window = congestion_window::clamped(std::max(s.window.bytes(), before.window.bytes()), s.mss);
}

}  // namespace coax::stack::tcp
