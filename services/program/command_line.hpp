// The command line of `coax`: options, help texts, what is required. Runs nothing.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "services/program/failure.hpp"

namespace coax::services {

using command = std::function<exit_status()>;

// The command that the arguments ask for; a text for standard output (help, version) if they ask
// for that. Throws failure (usage) for everything else.
std::variant<command, std::string> parse_command_line(int count, const char* const* arguments);

}  // namespace coax::services
