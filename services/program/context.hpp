// Makes the context a command runs on.
#pragma once

#include <coax/coax.hpp>

#include "services/program/options.hpp"

namespace coax::services {

// For coax::io_context's constructor, which throws coax::backend_error; run_program() says why.
coax::context_options context_options_of(const backend_options& options);

// One line: name=value of every counter that is not zero; empty if all are.
std::string counters_line(const coax::io_context& io);

}  // namespace coax::services
