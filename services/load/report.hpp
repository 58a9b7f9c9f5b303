// A load's result for people (a table, a line while it runs) and for programs (JSON).
#pragma once

#include <string>

#include "services/load/crew.hpp"
#include "services/load/load_options.hpp"

namespace coax::services {

// The table, several lines.
std::string load_table(const load_options& asked, const load_result& result);

// One JSON object: README.md says what is in it.
std::string load_json(const load_options& asked, const load_result& result);

// One line without its end: what happened since `before`, which was `passed` seconds earlier.
std::string load_line(const load_options& asked, const load_moment& now, const load_moment& before);

// What to say where the figures are this program's own: empty, or one line.
std::string bottleneck_text(const load_options& asked, const load_result& result);

}  // namespace coax::services
