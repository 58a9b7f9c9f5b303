// `coax push FILE`: a byte stream over TCP, both ways at once, as netcat does it.
#pragma once

#include "services/program/failure.hpp"
#include "services/program/options.hpp"

namespace coax::services {

// Sends the file, ends its direction, and takes what comes until the peer ends too.
exit_status push(const push_options& options);

}  // namespace coax::services
