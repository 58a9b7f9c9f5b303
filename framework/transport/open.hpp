// From the specification string to the transport of a context.
#pragma once

#include <memory>

#include <coax/backend.hpp>

#include "framework/transport/transport.hpp"

namespace coax::detail {

class engine;

// Throws backend_error with one line that says what is wrong and what to do.
std::unique_ptr<transport> open_transport(engine& where, const context_options& options);

}  // namespace coax::detail
