// The threads of a load: one context and one share each (of a host with an interface: its shards),
// the phases in step. Knows no protocol and
// prints nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/load/interruption.hpp"
#include "services/load/load_part.hpp"

namespace coax::services {

struct load_result {
    load_counts counts;
    std::size_t connected = 0;
    double seconds = 0;      // from the end of the warm-up to the last reply, at least the duration
    double cpu_seconds = 0;  // of all threads of the load in that time, user and system
    double busy = 0;         // of the busiest thread, in the measured time: see load_part
    double waiting = 0;
    coax::backend_description backend;    // of the host, or of the first of several
    std::vector<coax::counter> counters;  // of all threads together

    // More than this share of a core, and the figures are the load's own.
    static constexpr double bottleneck_from = 0.9;
    bool is_bottleneck() const noexcept { return busy + waiting > bottleneck_from; }
    double per_second(std::uint64_t count) const noexcept {
        return seconds > 0 ? static_cast<double>(count) / seconds : 0;
    }
};

// Of all threads, a moment ago.
struct load_moment {
    bool exchanging = false;
    std::chrono::nanoseconds since_begin{0};  // of the exchange, else of the connecting
    std::size_t connected = 0;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    std::uint64_t errors = 0;
    std::uint64_t mismatches = 0;
    double busy = 0;  // of the busiest, waiting included
};

using make_part = std::function<std::unique_ptr<load_part>(coax::io_context&, const load_options&,
                                                           load_part::share)>;

// The part that options.protocol asks for.
std::unique_ptr<load_part> make_part_of(coax::io_context& io, const load_options& options,
                                        load_part::share share);

// Runs the load to its end: at most the connect timeout, warm-up, duration, and ten seconds,
// whatever the server does. `tell` is called once a second, on this thread. The first signal that
// `interrupted` tells ends the exchange in order, a second one all at once. Throws what a thread
// threw, coax::backend_error if there is no such backend.
load_result run_crew(const load_options& options, const make_part& make,
                     const interruption& interrupted,
                     const std::function<void(const load_moment&)>& tell);

}  // namespace coax::services
