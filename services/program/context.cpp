// Context options and counters.
#include "services/program/context.hpp"

#include <fmt/format.h>

namespace coax::services {

coax::context_options context_options_of(const backend_options& options) {
    coax::context_options result;
    result.backend = options.specification;
    if (options.spin) result.spin = *options.spin;
    return result;
}

std::string counters_line(const coax::io_context& io) {
    std::string line;
    for (const coax::counter& c : io.counters()) {
        if (c.value == 0) continue;
        line += fmt::format("{}{}={}", line.empty() ? "" : " ", c.name, c.value);
    }
    return line;
}

}  // namespace coax::services
