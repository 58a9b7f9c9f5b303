// The snapshot of a connection of the userspace stack, as its users see it.
#pragma once

#include <coax/connection_info.hpp>

#include "stack/tcp/layer.hpp"

namespace coax::detail {

connection_info to_public(const stack::tcp::connection_info& from);

}  // namespace coax::detail
