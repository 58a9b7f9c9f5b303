// The percentile distribution of a histogram as text, in the format of HdrHistogram's own programs,
// so that plotters of such files read it.
#pragma once

#include <string>

#include "services/load/histogram.hpp"

namespace coax::services {

// Values are divided by `unit`: 1000 makes microseconds of nanoseconds.
std::string percentile_text(const histogram& h, double unit);

}  // namespace coax::services
