// `coax load echo`: options to exit status.
#pragma once

#include "services/program/failure.hpp"
#include "services/program/options.hpp"

namespace coax::services {

// success: every reply equal, no connection lost; failed otherwise. Throws failure or
// coax::backend_error if nothing could be measured.
exit_status load_echo(const load_options& options);

}  // namespace coax::services
