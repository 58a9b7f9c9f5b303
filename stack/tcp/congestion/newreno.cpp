// The window arithmetic of RFC 5681, RFC 3465 and RFC 6582.
#include "stack/tcp/congestion/newreno.hpp"

namespace coax::stack::tcp {

namespace {

constexpr std::size_t bytes_acked = 0;  // own[]: counted towards the next increase

// RFC 5681 (4): max(FlightSize / 2, 2 * SMSS)
std::uint32_t halved(const congestion_state& s, std::uint32_t in_flight) noexcept {
    return std::max(in_flight / 2, 2U * s.mss);
}

}  // namespace

bool newreno::start(congestion_state& s, duration, instant) const noexcept {
    s.own = {};
    s.samples_rate = false;
    s.after_timeout = false;
    return true;
}

void newreno::on_acknowledged(congestion_state& s, const acknowledged& a) const noexcept {
    if (!a.window_limited) return;
    const std::uint64_t window = s.window.bytes();
    if (s.in_slow_start()) {
        // RFC 3465 2.2: bytes are counted, so delayed acknowledgments don't slow it; L = 2, but
        // after a timeout 1 (2.3), where one acknowledgment may cover what had arrived long before.
        const std::uint32_t limit = s.after_timeout ? 1 : 2;
        s.set_window(window + std::min<std::uint32_t>(a.bytes, limit * s.mss));
        return;
    }
    s.after_timeout = false;
    // RFC 3465 2.1, RFC 5681 3.1: one SMSS when a window's worth of bytes is acknowledged.
    std::uint64_t counted = std::uint64_t{s.own[bytes_acked]} + a.bytes;
    if (counted >= window) {
        counted -= window;
        s.set_window(window + s.mss);
    }
    s.own[bytes_acked] = static_cast<std::uint32_t>(std::min<std::uint64_t>(counted, window));
}

// RFC 6582 3.2 step 2; the three segments that left the network are the recovery's to add.
// RFC 3168 6.1.2: to ECE the answer is the same.
void newreno::on_congestion(congestion_state& s, const congestion_event& e) const noexcept {
    s.slow_start_threshold = halved(s, e.in_flight);
    s.set_window(s.slow_start_threshold);
    s.own[bytes_acked] = 0;
    s.after_timeout = false;
}

// RFC 5681 3.1 (4): the loss window is one segment.
void newreno::on_timeout(congestion_state& s, std::uint32_t in_flight, bool again,
                         instant) const noexcept {
    if (!again) s.slow_start_threshold = halved(s, in_flight);
    s.set_window(s.mss);
    s.own[bytes_acked] = 0;
    s.after_timeout = true;
}

}  // namespace coax::stack::tcp
