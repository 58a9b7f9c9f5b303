// The public descriptions of backends made from those of the area backends/.
#pragma once

#include <coax/backend.hpp>

#include "backends/driver.hpp"

namespace coax::detail {

backend_description to_public(const backends::description& d);
backends::description to_internal(const backend_description& d);

}  // namespace coax::detail
