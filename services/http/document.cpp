// Opens documents with openat2, which refuses every way out of the root in the kernel itself.
#include "services/http/document.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "services/program/failure.hpp"

namespace coax::services {
namespace {

// glibc 2.36 has no wrapper. RESOLVE_BENEATH: "..", absolute links and mounts of magic links that
// would leave `root` fail with EXDEV, without a race between check and use.
int open_beneath(int root, const std::string& path) {
    open_how how{};
    // O_NONBLOCK: a FIFO must not stop the server; it is refused after fstat.
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    const char* name = path.empty() ? "." : path.c_str();
    for (int attempts = 0;; ++attempts) {
        const long result = ::syscall(SYS_openat2, root, name, &how, sizeof how);
        // EAGAIN: a rename raced with the resolution of a ".."; the manual page asks for a retry.
        if (result < 0 && (errno == EINTR || (errno == EAGAIN && attempts < 8))) continue;
        return static_cast<int>(result);
    }
}

document_refusal refusal_of(int error) {
    switch (error) {
        case EACCES:
        case EPERM:
        case EXDEV: return document_refusal::forbidden;
        case EMFILE:
        case ENFILE:
        case ENOMEM: return document_refusal::overloaded;
        default: return document_refusal::not_found;
    }
}

validators validators_of(const struct stat& status) {
    return {fmt::format("\"{:x}-{:x}.{:x}\"", status.st_size, status.st_mtim.tv_sec,
                        status.st_mtim.tv_nsec),
            status.st_mtim.tv_sec};
}

}  // namespace

std::size_t document::read(std::uint64_t offset, std::span<char> buffer) const noexcept {
    std::size_t filled = 0;
    while (filled < buffer.size()) {
        const ssize_t n = ::pread(file_.get(), buffer.data() + filled, buffer.size() - filled,
                                  static_cast<off_t>(offset + filled));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        filled += static_cast<std::size_t>(n);
    }
    return filled;
}

document_root::document_root(const std::string& directory)
    : root_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (!root_.is_open()) {
        const std::string reason = std::generic_category().message(errno);
        throw failure(exit_status::usage,
                      fmt::format("cannot read the directory '{}': {}; name one that exists and "
                                  "that this user may read",
                                  directory, reason));
    }
}

std::variant<document, document_refusal> document_root::open(const document_path& path) const {
    std::string name = path.relative;
    struct stat status{};
    descriptor file(open_beneath(root_.get(), name));
    if (!file.is_open()) return refusal_of(errno);
    if (::fstat(file.get(), &status) != 0) return document_refusal::not_found;
    if (S_ISDIR(status.st_mode)) {
        if (!path.directory) return document_refusal::is_directory;
        name += name.empty() ? "index.html" : "/index.html";
        file = descriptor(open_beneath(root_.get(), name));
        if (!file.is_open()) return refusal_of(errno);
        if (::fstat(file.get(), &status) != 0) return document_refusal::not_found;
    } else if (path.directory) {
        return document_refusal::not_found;  // "file.txt/" names nothing
    }
    if (!S_ISREG(status.st_mode)) return document_refusal::not_found;
    validators state = validators_of(status);
    return document(std::move(file), std::move(name), static_cast<std::uint64_t>(status.st_size),
                    std::move(state));
}

}  // namespace coax::services
