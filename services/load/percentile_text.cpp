// Columns and widths that the format's readers expect.
#include "services/load/percentile_text.hpp"

#include <iterator>

#include <fmt/format.h>

namespace coax::services {
namespace {

constexpr unsigned steps_per_half = 5;  // HdrHistogram's default

}  // namespace

std::string percentile_text(const histogram& h, double unit) {
    std::string text = fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile",
                                   "TotalCount", "1/(1-Percentile)");
    for (const histogram::step& s : h.distribution(steps_per_half)) {
        fmt::format_to(std::back_inserter(text), "{:12.3f} {:2.12f} {:10}",
                       static_cast<double>(s.value) / unit, s.percent / 100, s.count);
        if (s.percent < 100)
            fmt::format_to(std::back_inserter(text), " {:14.2f}", 1 / (1 - s.percent / 100));
        text += '\n';
    }
    text += fmt::format("#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", h.mean() / unit,
                        h.standard_deviation() / unit);
    text += fmt::format("#[Max     = {:12.3f}, Total count    = {:12}]\n",
                        static_cast<double>(h.max()) / unit, h.count());
    text += fmt::format("#[Buckets = {:12}, SubBuckets     = {:12}]\n", histogram::powers,
                        histogram::per_power);
    return text;
}

}  // namespace coax::services
