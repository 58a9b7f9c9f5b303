// CUBIC's window: figures 1 to 5 of RFC 9438 in integers.
#include "stack/tcp/congestion/cubic.hpp"

#include <bit>

namespace coax::stack::tcp {

namespace cubic_math {

std::uint32_t cube_root(std::uint64_t n) noexcept {
    std::uint64_t root = 0;
    for (int bit = 21; bit >= 0; --bit) {
        const std::uint64_t next = root | std::uint64_t{1} << bit;
        if (next <= 2642245 && next * next * next <= n) root = next;  // 2642245^3 < 2^64
    }
    return static_cast<std::uint32_t>(root);
}

std::uint32_t time_to_plateau(std::uint32_t bytes, std::uint32_t mss) noexcept {
    // In ticks, K^3 = segments / C / (2^16 ns)^3 = segments * 2.5e27 / 2^48; segments with 20
    // binary places here, so 2.5e27 / 2^68.
    constexpr std::uint64_t per_segment = 8470329;
    const std::uint64_t segments = (std::uint64_t{bytes} << 20) / std::max(mss, 1U);
    if (segments >= std::uint64_t{1} << 40) return tick_max;
    return std::min(cube_root(segments * per_segment), tick_max);
}

std::uint64_t window_at(std::uint32_t t, std::uint32_t k, std::uint32_t w_max,
                        std::uint32_t mss) noexcept {
    const bool before = t < k;
    const std::uint64_t d = std::min(before ? k - t : t - k, tick_max);
    // C * d^3 * (2^16 ns)^3 = d^3 * 0.4 * 2^48 / 1e27; 0.4 * 2^108 / 1e27 = 129807.
    const std::uint64_t cube = d * d * d >> 20;
    const std::uint64_t bytes = ((cube * mss >> 16) * 129807) >> 24;
    if (!before) return w_max + bytes;
    return bytes < w_max ? w_max - bytes : 0;
}

}  // namespace cubic_math

namespace {

// Congestion avoidance; `own` while the threshold is finite. Zeros: nothing is known yet. Its t
// runs only while the window is in use (RFC 9438 5.8), so it is counted up between acknowledgments.
struct avoidance {
    std::uint32_t seen_at;     // ticks, never 0: the last acknowledgment; 0: no epoch has begun
    std::uint32_t elapsed;     // ticks: t
    std::uint32_t k;           // ticks
    std::uint32_t w_max;       // bytes
    std::uint32_t cwnd_prior;  // bytes
    std::uint32_t w_est;       // bytes
    std::uint32_t counted;     // bytes acknowledged towards the next segment of w_est
};
static_assert(sizeof(avoidance) == sizeof(congestion_state::own));
static_assert(sizeof(hystart) <= sizeof(congestion_state::own));
struct first_slow_start {
    hystart rounds;
    std::array<std::uint32_t, 2> unused;
};
static_assert(offsetof(first_slow_start, rounds) == 0);  // on_unused() takes it from there

std::uint32_t ticks(instant now) noexcept {
    return std::max(static_cast<std::uint32_t>(now.time_since_epoch().count() >> 16), 1U);
}
std::uint32_t ticks(duration d) noexcept {
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(d.count() >> 16, 0, cubic_math::tick_max));
}

avoidance avoidance_of(const congestion_state& s) noexcept {
    // Before the first congestion `own` holds the slow start's rounds.
    return s.slow_start_threshold == unlimited_threshold ? avoidance{}
                                                         : std::bit_cast<avoidance>(s.own);
}
void keep(congestion_state& s, const avoidance& a) noexcept {
    s.own = std::bit_cast<decltype(s.own)>(a);
}

void begin_first_slow_start(congestion_state& s) noexcept {
    s.own = std::bit_cast<decltype(s.own)>(first_slow_start{});
}

// RFC 9406 4.2. Slow start is over when it says so: RFC 9438 4.10, cwnd_prior = cwnd.
void slow_start_first(congestion_state& s, const acknowledged& a) noexcept {
    auto own = std::bit_cast<first_slow_start>(s.own);
    const bool over = own.rounds.on_acknowledged(a.una, a.nxt, a.newest_round_trip);
    if (a.window_limited)
        s.set_window(std::uint64_t{s.window.bytes()} +
                     own.rounds.growth(a.bytes, s.mss, s.is_always_paced()));
    if (!over) {
        s.own = std::bit_cast<decltype(s.own)>(own);
        return;
    }
    s.slow_start_threshold = s.window.bytes();
    avoidance next{};
    next.cwnd_prior = s.window.bytes();
    keep(s, next);
}

// RFC 9406 4.3: later slow starts are the standard one; RFC 3465 2.2 and 2.3 for its steps.
void slow_start_again(congestion_state& s, const acknowledged& a) noexcept {
    const std::uint32_t limit = s.after_timeout ? 1 : 2;
    if (a.window_limited)
        s.set_window(std::uint64_t{s.window.bytes()} +
                     std::min<std::uint32_t>(a.bytes, limit * s.mss));
}

// A congestion avoidance stage begins: RFC 9438 4.2; 4.8 after a timeout and 4.10 after a slow
// start that ended without loss: K = 0 and W_max = cwnd.
void begin_epoch(congestion_state& s, avoidance& own, instant now) noexcept {
    const std::uint32_t window = s.window.bytes();
    own.seen_at = ticks(now);
    own.elapsed = 0;
    own.w_est = window;
    own.counted = 0;
    if (s.after_timeout || own.w_max <= window) {
        own.k = 0;
        own.w_max = window;
    } else {
        own.k = cubic_math::time_to_plateau(own.w_max - window, s.mss);
    }
    s.after_timeout = false;
}

// RFC 9438 4.3, figure 4: W_est += alpha * segments_acked / cwnd, alpha = 9/17 up to cwnd_prior.
void grow_estimate(const congestion_state& s, avoidance& own, std::uint32_t bytes) noexcept {
    const std::uint64_t window = s.window.bytes();
    const std::uint64_t needed = own.w_est < own.cwnd_prior ? window * 17 / 9 : window;
    const std::uint64_t counted = std::uint64_t{own.counted} + bytes;
    const bool enough = counted >= needed;
    if (enough)
        own.w_est = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(std::uint64_t{own.w_est} + s.mss, 1U << 30));
    own.counted =
        static_cast<std::uint32_t>(std::min(enough ? counted - needed : counted, window * 2));
}

void avoid_congestion(congestion_state& s, const acknowledged& a) noexcept {
    auto own = std::bit_cast<avoidance>(s.own);
    const std::uint32_t now = ticks(a.now);
    if (own.seen_at == 0) begin_epoch(s, own, a.now);
    // RFC 9438 5.8: time in which the window is not the limit does not count.
    if (a.window_limited)
        own.elapsed = std::min(own.elapsed + (now - own.seen_at), cubic_math::tick_max);
    own.seen_at = now;
    if (a.window_limited) {
        grow_estimate(s, own, a.bytes);
        const std::uint64_t window = s.window.bytes();
        if (cubic_math::window_at(own.elapsed, own.k, own.w_max, s.mss) < own.w_est) {
            s.set_window(std::max<std::uint64_t>(window, own.w_est));  // Reno-friendly, 4.3
        } else {
            // Concave and convex, 4.4 and 4.5: (target - cwnd) / cwnd for each segment
            const std::uint64_t target = std::clamp(
                cubic_math::window_at(own.elapsed + ticks(a.round_trip), own.k, own.w_max, s.mss),
                window, window + window / 2);
            const std::uint64_t bytes = std::min<std::uint64_t>(a.bytes, window);
            s.set_window(window + (target - window) * bytes / window);
        }
    }
    keep(s, own);
}

// RFC 9438 4.6, 4.7, figure 5: what a congestion event leaves behind. Returns ssthresh.
std::uint32_t reduce(congestion_state& s, std::uint32_t in_flight) noexcept {
    avoidance own = avoidance_of(s);
    const std::uint64_t window = s.window.bytes();
    // Fast convergence: who did not come back to where it was gives room to others.
    own.w_max = static_cast<std::uint32_t>(window < own.w_max ? window * 17 / 20 : window);
    own.cwnd_prior = s.window.bytes();
    own.seen_at = 0;
    const auto reduced = static_cast<std::uint32_t>(std::uint64_t{in_flight} * 7 / 10);
    s.slow_start_threshold = std::max(reduced, 2U * s.mss);
    keep(s, own);
    return reduced;
}

}  // namespace

bool cubic::start(congestion_state& s, duration, instant) const noexcept {
    s.samples_rate = false;
    s.after_timeout = false;
    if (s.slow_start_threshold == unlimited_threshold) begin_first_slow_start(s);
    else keep(s, avoidance{});
    return true;
}

void cubic::on_acknowledged(congestion_state& s, const acknowledged& a) const noexcept {
    if (!s.in_slow_start()) avoid_congestion(s, a);
    else if (s.slow_start_threshold == unlimited_threshold) slow_start_first(s, a);
    else slow_start_again(s, a);
}

bool cubic::on_unused(congestion_state& s, seq una, seq nxt, std::uint32_t round_trip) noexcept {
    if (s.slow_start_threshold != unlimited_threshold || s.ecn || s.pacing != 0) [[unlikely]]
        return false;
    return hystart::take_round_of_one(s.own.data(), una, nxt, round_trip);
}

void cubic::on_congestion(congestion_state& s, const congestion_event& e) const noexcept {
    const std::uint32_t reduced = reduce(s, e.in_flight);
    s.after_timeout = false;
    // RFC 9438 4.6: cwnd is at least two segments after loss, one after ECE.
    s.set_window(e.sign == congestion_sign::ecn ? std::max<std::uint32_t>(reduced, s.mss)
                                                : s.slow_start_threshold);
}

// RFC 9438 4.8, RFC 5681 3.1 (4): the loss window is one segment.
void cubic::on_timeout(congestion_state& s, std::uint32_t in_flight, bool again,
                       instant) const noexcept {
    if (!again || s.slow_start_threshold == unlimited_threshold) (void)reduce(s, in_flight);
    s.set_window(s.mss);
    s.after_timeout = true;
}

// RFC 9438 4.9: all that the event changed is as it was, unless the window has outgrown it since.
void cubic::on_undo(congestion_state& s, const congestion_state& before, instant) const noexcept {
    if (s.window.bytes() >= before.window.bytes()) return;
    s.set_window(before.window.bytes());
    s.slow_start_threshold = before.slow_start_threshold;
    s.after_timeout = before.after_timeout;
    s.own = before.own;
}

// RFC 9438 5.8: t does not run while nothing is sent.
void cubic::on_idle(congestion_state& s, duration idle) const noexcept {
    if (s.slow_start_threshold == unlimited_threshold) return;
    auto own = std::bit_cast<avoidance>(s.own);
    if (own.seen_at == 0) return;
    own.seen_at = std::max(own.seen_at + static_cast<std::uint32_t>(idle.count() >> 16), 1U);
    keep(s, own);
}

}  // namespace coax::stack::tcp
