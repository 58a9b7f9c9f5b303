// Options that several commands have, and the commands that are declared in files of their own.
#pragma once

#include <chrono>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "services/program/command_line.hpp"
#include "services/program/options.hpp"

namespace coax::services {

// All throw CLI::ValidationError, which names the option, for what cannot be understood.
coax::tcp::endpoint endpoint_or_throw(const std::string& option, const std::string& text);
// Where a client connects to: one host, one port.
coax::tcp::endpoint peer_or_throw(const std::string& option, const std::string& text);

void add_backend(CLI::App& app, backend_options& options);
// --connect. The target must live as long as the command.
CLI::Option* add_peer(CLI::App& app, coax::tcp::endpoint& endpoint);

// From `least` to `most`, and a number: CLI::Range lets "nan" pass, which is neither below nor
// above.
CLI::Validator real_between(double least, double most);

// A duration in seconds, from `least` to `most`.
template <class Duration>
CLI::Option* add_seconds(CLI::App& app, const std::string& name, Duration& target,
                         const std::string& help, double least, double most) {
    using seconds = std::chrono::duration<double>;
    return app
        .add_option_function<double>(
            name,
            [&target](const double& value) {
                target = std::chrono::duration_cast<Duration>(seconds(value));
            },
            help)
        ->type_name("SECONDS")
        ->default_str(fmt::format("{}", std::chrono::duration_cast<seconds>(target).count()))
        ->check(real_between(least, most));
}

// `coax load PROTOCOL`; `chosen` is set if the arguments ask for it.
void declare_load(CLI::App& program, command& chosen);

}  // namespace coax::services
