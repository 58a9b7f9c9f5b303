// A load result for people (a table) and for programs (JSON).
#pragma once

#include <string>

#include "services/load/echo_load.hpp"
#include "services/program/options.hpp"

namespace coax::services {

// The table, several lines.
std::string load_table(const load_options& asked, const load_result& result,
                       const coax::io_context& io);

// One JSON object: messages, messages_per_second, errors, mismatches, latency_us {p50, p90, p99,
// p99_9, max}, backend; and more after these, the context's counters that are not zero among them.
std::string load_json(const load_options& asked, const load_result& result,
                      const coax::io_context& io);

}  // namespace coax::services
