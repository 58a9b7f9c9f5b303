// The window arithmetic of RFC 5681, RFC 3465 and RFC 6582.
#include "stack/tcp/congestion/newreno.hpp"

namespace coax::stack::tcp {

namespace {

// own[]
constexpr std::size_t bytes_acked = 0;    // counted towards the next increase
constexpr std::size_t after_timeout = 1;  // slow start that follows a timeout

void set_window(congestion_state& s, std::uint64_t bytes) noexcept {
    s.window = congestion_window::clamped(bytes, s.mss);
}

// RFC 5681 (4): max(FlightSize / 2, 2 * SMSS)
std::uint32_t halved(const congestion_state& s, std::uint32_t in_flight) noexcept {
    return std::max(in_flight / 2, 2U * s.mss);
}

}  // namespace

bool newreno::start(congestion_state& s, duration, instant) const noexcept {
    s.own = {};
    s.samples_rate = false;
    return true;
}

void newreno::on_acknowledged(congestion_state& s, const acknowledged& a) const noexcept {
    if (!a.window_limited) return;
    const std::uint64_t window = s.window.bytes();
    if (s.in_slow_start()) {
        // RFC 3465 2.2: bytes are counted, so delayed acknowledgments don't slow it; L = 2, but
        // after a timeout 1 (2.3), where one acknowledgment may cover what had arrived long before.
        const std::uint32_t limit = s.own[after_timeout] != 0 ? 1 : 2;
        set_window(s, window + std::min<std::uint32_t>(a.bytes, limit * s.mss));
        return;
    }
    s.own[after_timeout] = 0;
    // RFC 3465 2.1, RFC 5681 3.1: one SMSS when a window's worth of bytes is acknowledged.
    std::uint64_t counted = std::uint64_t{s.own[bytes_acked]} + a.bytes;
    if (counted >= window) {
        counted -= window;
        set_window(s, window + s.mss);
    }
    s.own[bytes_acked] = static_cast<std::uint32_t>(std::min<std::uint64_t>(counted, window));
}

// RFC 6582 3.2 step 2; the three segments that left the network are the recovery's to add.
// RFC 3168 6.1.2: to ECE the answer is the same.
void newreno::on_congestion(congestion_state& s, const congestion_event& e) const noexcept {
    s.slow_start_threshold = halved(s, e.in_flight);
    set_window(s, s.slow_start_threshold);
    s.own = {};
}

// RFC 6582 3.2 step 3, full acknowledgment, option (1): no burst of what became free at once.
void newreno::on_recovered(congestion_state& s, const recovered& r) const noexcept {
    const std::uint32_t mss = s.mss;
    set_window(s, r.proportional
                      ? s.slow_start_threshold
                      : std::min(s.slow_start_threshold, std::max(r.in_flight, mss) + mss));
}

// RFC 5681 3.1 (4): the loss window is one segment.
void newreno::on_timeout(congestion_state& s, std::uint32_t in_flight, bool again,
                         instant) const noexcept {
    if (!again) s.slow_start_threshold = halved(s, in_flight);
    set_window(s, s.mss);
    s.own[bytes_acked] = 0;
    s.own[after_timeout] = 1;
}

// RFC 5681 4.1: RW = min(IW, cwnd)
void newreno::on_idle(congestion_state& s, std::uint32_t initial, duration) const noexcept {
    set_window(s, std::min(initial, s.window.bytes()));
}

}  // namespace coax::stack::tcp
