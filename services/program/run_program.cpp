// Turns every way a command can fail into one line and a status.
#include "services/program/run_program.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <variant>

#include <fmt/format.h>

#include <coax/coax.hpp>

#include "services/program/command_line.hpp"
#include "services/program/failure.hpp"

namespace coax::services {
namespace {

int complain(exit_status status, const char* text) noexcept {
    std::fprintf(stderr, "coax: %s\n", text);
    return static_cast<int>(status);
}

}  // namespace

int run_program(int count, const char* const* arguments) noexcept {
    // A reader that went away is an error of the write, not the end of the program.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        const auto parsed = parse_command_line(count, arguments);
        if (const auto* text = std::get_if<std::string>(&parsed)) {
            std::fputs(text->c_str(), stdout);
            return 0;
        }
        return static_cast<int>(std::get<command>(parsed)());
    } catch (const failure& f) {
        return complain(f.status(), f.what());
    } catch (const coax::backend_error& e) {
        return complain(exit_status::usage, e.what());
    } catch (const std::bad_alloc&) {
        return complain(exit_status::failed, "no memory left; ask for fewer connections or less");
    } catch (const std::exception& e) {
        return complain(exit_status::failed, e.what());
    }
}

}  // namespace coax::services
