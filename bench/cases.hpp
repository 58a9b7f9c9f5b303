// A table of small benchmarks as a program: each case in wall time, or one of them unmeasured, for
// a profiler. Knows nothing of what a case does.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace bench {

// Does so many units.
using unit_runner = std::function<void(std::uint64_t units)>;

struct measured_case {
    const char* name;
    const char* unit;     // what one of them is
    std::uint64_t units;  // of a round
    unit_runner (*prepare)();
};

// The compiler must have the value, and may not know what becomes of it.
template <class Value>
inline void keep(const Value& value) noexcept {
    asm volatile("" : : "g"(value) : "memory");
}

inline void measure(const measured_case& what, int rounds, std::uint64_t scale) {
    const unit_runner run = what.prepare();
    const std::uint64_t units = std::max<std::uint64_t>(1, what.units / scale);
    run(units / 10 + 1);  // warm
    std::vector<double> per_unit;
    for (int round = 0; round < rounds; ++round) {
        const auto since = std::chrono::steady_clock::now();
        run(units);
        const std::chrono::duration<double, std::nano> lasted =
            std::chrono::steady_clock::now() - since;
        per_unit.push_back(lasted.count() / static_cast<double>(units));
    }
    std::sort(per_unit.begin(), per_unit.end());
    std::printf("%-18s %9.1f  [%7.1f .. %7.1f]   %s\n", what.name, per_unit[per_unit.size() / 2],
                per_unit.front(), per_unit.back(), what.unit);
    std::fflush(stdout);
}

inline int usage(const char* program, std::span<const measured_case> all) {
    std::fprintf(stderr,
                 "usage: %s [CASE] [--rounds N] [--quick]   wall time, of all cases or one\n"
                 "       %s CASE --units N                  so many units, unmeasured: for a "
                 "profiler\ncases:",
                 program, program);
    for (const measured_case& each : all) std::fprintf(stderr, " %s", each.name);
    std::fprintf(stderr, "\nexample: %s %s --units 20000\n", program, all.front().name);
    return 2;
}

// What such a program was asked for.
struct asked {
    int rounds = 5;
    std::uint64_t scale = 1;  // --quick: a tenth of the units
    std::uint64_t units = 0;  // 0: measure
    std::string_view one;     // case; empty: all
};

// Nothing: that is no command line of such a program.
inline std::optional<asked> read_command_line(int count, char** words) {
    asked what;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        if (word == "--quick") what.scale = 10;
        else if (word == "--rounds" && i + 1 < count) what.rounds = std::atoi(words[++i]);
        else if (word == "--units" && i + 1 < count)
            what.units = std::strtoull(words[++i], nullptr, 10);
        else if (word.starts_with("-") || !what.one.empty()) return std::nullopt;
        else what.one = word;
    }
    if (what.rounds < 1) return std::nullopt;
    return what;
}

// main() of a program whose cases all are in one table; its exit status.
inline int run_cases(const char* program, std::span<const measured_case> all, int count,
                     char** words) {
    const auto what = read_command_line(count, words);
    if (!what) return usage(program, all);
    const auto [rounds, scale, units, one] = *what;
    const auto wanted =
        std::find_if(all.begin(), all.end(),
                     [name = one](const measured_case& each) { return name == each.name; });
    if ((!one.empty() && wanted == all.end()) || (one.empty() && units != 0))
        return usage(program, all);
    if (units != 0) {
        wanted->prepare()(units);
        return 0;
    }
    std::printf("%-18s %9s  [%7s .. %7s]   %s\n", "case", "ns/unit", "min", "max", "unit");
    for (const measured_case& each : all)
        if (one.empty() || one == each.name) measure(each, rounds, scale);
    return 0;
}

}  // namespace bench
