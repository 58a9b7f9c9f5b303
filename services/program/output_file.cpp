// Opens and writes output files.
#include "services/program/output_file.hpp"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "services/program/failure.hpp"

namespace coax::services {
namespace {

std::string error_text(int error) { return std::generic_category().message(error); }

std::string title_of(const std::string& name) {
    return name == "-" ? "the standard output" : fmt::format("'{}'", name);
}

}  // namespace

output_file::output_file(const std::string& name) : name_(name) {
    if (name.empty()) return;
    if (is_standard_output()) file_ = descriptor(::dup(STDOUT_FILENO));
    else file_ = descriptor(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!file_.is_open())
        throw failure(exit_status::usage,
                      fmt::format("cannot write {}: {}; name a file in a directory that exists "
                                  "and that this user may write",
                                  title_of(name), error_text(errno)));
}

void output_file::write(std::span<const char> bytes) {
    while (is_open() && !bytes.empty()) {
        const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            throw failure(exit_status::failed,
                          fmt::format("cannot write {}: {}", title_of(name_), error_text(errno)));
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
}

}  // namespace coax::services
