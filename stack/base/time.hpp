// Time as the stack sees it: an argument of every entry point, never read from a clock here.
// Knows nothing of wall time; the epoch is the caller's (the framework uses CLOCK_MONOTONIC).
#pragma once

#include <chrono>

namespace coax::stack {

using duration = std::chrono::nanoseconds;

// Tag of the stack's time line. It has no now(): the stack owns no clock (DESIGN, rule 1).
struct timeline {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<timeline, duration>;
    static constexpr bool is_steady = true;
};

// A moment, 64-bit nanoseconds since the caller's epoch.
using instant = timeline::time_point;

// "No deadline": later than every moment that happens.
inline constexpr instant never = instant::max();

}  // namespace coax::stack
