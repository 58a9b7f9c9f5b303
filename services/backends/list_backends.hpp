// `coax backends`: what this build and machine offer.
#pragma once

#include "services/program/failure.hpp"

namespace coax::services {

exit_status list_backends();

}  // namespace coax::services
