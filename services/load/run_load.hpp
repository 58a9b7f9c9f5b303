// `coax load PROTOCOL`: options to exit status.
#pragma once

#include "services/load/load_options.hpp"
#include "services/program/failure.hpp"

namespace coax::services {

// success: every reply as it should be, no connection lost; failed otherwise. Throws failure or
// coax::backend_error if nothing could be measured.
exit_status run_load(const load_options& options);

}  // namespace coax::services
