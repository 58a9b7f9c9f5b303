// The whole program: arguments to exit status.
#pragma once

namespace coax::services {

// 0: done. 1: it ran, and something went wrong. 2: it could not run; one line on standard error
// says what is wrong and what to do.
int run_program(int count, const char* const* arguments) noexcept;

}  // namespace coax::services
