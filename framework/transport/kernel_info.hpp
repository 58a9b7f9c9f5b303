// A kernel socket's snapshot, from TCP_INFO.
#pragma once

#include <coax/connection_info.hpp>

namespace coax::detail {

// errno, or 0 with `out` filled in. What this kernel does not tell is empty.
int read_kernel_info(int descriptor, connection_info& out) noexcept;

}  // namespace coax::detail
