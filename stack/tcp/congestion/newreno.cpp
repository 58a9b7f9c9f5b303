// The window arithmetic of RFC 5681 and RFC 6582.
#include "stack/tcp/congestion/newreno.hpp"

namespace coax::stack::tcp {

namespace {

constexpr std::size_t bytes_acked = 0;  // own[]: counted towards the next increase

void set_window(congestion_state& s, std::uint64_t bytes) noexcept {
    s.window = congestion_window::clamped(bytes, s.mss);
}

// RFC 5681 (4): max(FlightSize / 2, 2 * SMSS)
std::uint32_t halved(const congestion_state& s, std::uint32_t in_flight) noexcept {
    return std::max(in_flight / 2, 2 * s.mss);
}

}  // namespace

std::uint32_t initial_window(std::uint32_t mss, std::uint8_t segments) noexcept {
    return std::min(segments * mss, std::max(2 * mss, segments * 1460U));
}

void newreno::start(congestion_state& s, std::uint32_t initial) const noexcept {
    set_window(s, initial);
    s.own = {};
}

void newreno::on_acknowledged(congestion_state& s, const acknowledged& a) const noexcept {
    if (!a.window_limited) return;
    const std::uint64_t window = s.window.bytes();
    if (s.in_slow_start()) {
        // RFC 5681 3.1 (2): by at most SMSS per acknowledgment; RFC 3465 2.2: L = 2 counts the
        // bytes of delayed acknowledgments.
        set_window(s, window + std::min(a.bytes, 2 * s.mss));
        return;
    }
    // RFC 5681 3.1 (recommended way): one SMSS when a window's worth of bytes is acknowledged.
    std::uint64_t counted = std::uint64_t{s.own[bytes_acked]} + a.bytes;
    if (counted >= window) {
        counted -= window;
        set_window(s, window + s.mss);
    }
    s.own[bytes_acked] = static_cast<std::uint32_t>(std::min<std::uint64_t>(counted, window));
}

// RFC 6582 3.2 step 2. The three segments that left the network are the recovery's to add.
void newreno::on_loss(congestion_state& s, std::uint32_t in_flight, instant) const noexcept {
    s.slow_start_threshold = halved(s, in_flight);
    set_window(s, s.slow_start_threshold);
    s.own[bytes_acked] = 0;
}

// RFC 6582 3.2 step 3, full acknowledgment, option (1): no burst of what became free at once.
void newreno::on_recovered(congestion_state& s, std::uint32_t in_flight, instant) const noexcept {
    set_window(s, std::min(s.slow_start_threshold, std::max(in_flight, s.mss) + s.mss));
}

// RFC 5681 3.1 (4): the loss window is one segment.
void newreno::on_timeout(congestion_state& s, std::uint32_t in_flight, bool again,
                         instant) const noexcept {
    if (!again) s.slow_start_threshold = halved(s, in_flight);
    set_window(s, s.mss);
    s.own[bytes_acked] = 0;
}

// RFC 5681 4.1: RW = min(IW, cwnd)
void newreno::on_idle(congestion_state& s, std::uint32_t initial, duration) const noexcept {
    set_window(s, std::min(initial, s.window.bytes()));
}

}  // namespace coax::stack::tcp
