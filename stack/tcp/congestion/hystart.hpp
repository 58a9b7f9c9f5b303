// HyStart++ (RFC 9406): leaves the first slow start before it overruns the bottleneck's queue, told
// by round-trip times that grow. Pure arithmetic on one connection's round trips; the window is
// the caller's.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "stack/base/time.hpp"
#include "stack/tcp/sequence.hpp"

namespace coax::stack::tcp {

// RFC 9406 4.3: recommended values
inline constexpr std::uint32_t hystart_rtt_threshold_min = 4000;   // MIN_RTT_THRESH, microseconds
inline constexpr std::uint32_t hystart_rtt_threshold_max = 16000;  // MAX_RTT_THRESH, microseconds
inline constexpr std::uint32_t hystart_rtt_divisor = 8;            // MIN_RTT_DIVISOR
inline constexpr std::uint16_t hystart_samples_min = 8;            // N_RTT_SAMPLE
inline constexpr std::uint32_t hystart_css_divisor = 4;            // CSS_GROWTH_DIVISOR
inline constexpr std::uint8_t hystart_css_rounds = 5;              // CSS_ROUNDS
inline constexpr std::uint32_t hystart_limit = 8;                  // L, segments, when not paced

struct hystart {
    enum class phase : std::uint8_t { unused, slow_start, conservative };
    static constexpr std::uint32_t unknown = 0xffffffffU;

    std::uint32_t last_min = unknown;     // lastRoundMinRTT, microseconds
    std::uint32_t current_min = unknown;  // currentRoundMinRTT
    std::uint32_t baseline = unknown;     // cssBaselineMinRtt
    seq round_end{};                      // windowEnd
    std::uint16_t samples = 0;            // rttSampleCount
    std::uint8_t rounds = 0;              // of conservative slow start, the first partial one too
    phase in = phase::unused;

    // What an acknowledgment of everything before `una` does, when SND.NXT is `nxt`.
    // `round_trip`: zero when it measured none. True: slow start is over.
    bool on_acknowledged(seq una, seq nxt, duration round_trip) noexcept;
    // on_acknowledged() where it is kept, a word at a time, for an acknowledgment that would begin
    // a round and end it: one sample of it is too few to judge by. `round_trip`: microseconds.
    // False: it is not such a one, nothing changed.
    static bool take_round_of_one(std::uint32_t* kept, seq una, seq nxt,
                                  std::uint32_t round_trip) noexcept;
    // RFC 9406 4.2: how much `bytes` newly acknowledged add to the window.
    std::uint32_t growth(std::uint32_t bytes, std::uint32_t mss, bool paced) const noexcept {
        const std::uint32_t limited =
            paced || bytes < hystart_limit * mss ? bytes : hystart_limit * mss;
        return in == phase::conservative ? limited / hystart_css_divisor : limited;
    }

  private:
    void judge() noexcept;
};

inline bool hystart::take_round_of_one(std::uint32_t* kept, seq una, seq nxt,
                                       std::uint32_t round_trip) noexcept {
    constexpr std::size_t min_at = offsetof(hystart, last_min) / sizeof *kept;
    constexpr std::size_t end_at = offsetof(hystart, round_end) / sizeof *kept;
    constexpr std::size_t phase_at = offsetof(hystart, samples) / sizeof *kept;
    struct progress {
        std::uint16_t samples = 0;
        std::uint8_t rounds = 0;
        phase in = phase::slow_start;
    };
    static_assert(offsetof(hystart, in) - offsetof(hystart, samples) == offsetof(progress, in));
    // No conservative slow start has begun: `rounds` is zero too.
    if (kept[phase_at] == std::bit_cast<std::uint32_t>(progress{})) [[likely]] {
        if (una < seq(kept[end_at])) [[unlikely]]
            return false;
    } else {
        // The first acknowledgment of all begins a round that ends at SND.NXT.
        if (kept[phase_at] != std::bit_cast<std::uint32_t>(progress{.in = phase::unused}) ||
            una != nxt)
            return false;
        kept[phase_at] = std::bit_cast<std::uint32_t>(progress{});
    }
    kept[end_at] = nxt.value();
    kept[min_at] = round_trip;
    return true;
}

}  // namespace coax::stack::tcp
