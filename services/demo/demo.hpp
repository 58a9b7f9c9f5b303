// `coax demo`: two hosts with a stack each on a virtual wire in this process.
#pragma once

#include <string>

#include "services/program/failure.hpp"

namespace coax::services {

struct demo_options {
    std::string directory;
};

// Serves the files of the directory from one host, fetches each from the other and compares them
// byte for byte. failed unless all are equal.
exit_status demo(const demo_options& options);

}  // namespace coax::services
