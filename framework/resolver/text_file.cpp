// Reads configuration files, and cuts them into lines and words.
#include "framework/resolver/text_file.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace coax::detail::dns {

namespace {

constexpr std::size_t most_bytes = std::size_t{8} << 20;

}  // namespace

bool text_file::has_changed() {
    identity present{};
    struct stat now{};
    if (::stat(path_.c_str(), &now) == 0 && S_ISREG(now.st_mode))
        present = {now.st_dev, now.st_ino, now.st_size,
                   std::int64_t{now.st_mtim.tv_sec} * 1'000'000'000 + now.st_mtim.tv_nsec};
    if (looked_ && present == known_) return false;
    looked_ = true;
    known_ = present;
    return true;
}

std::string text_file::read() const {
    std::string text;
    const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return text;
    struct stat kind{};
    if (::fstat(file, &kind) == 0 && S_ISREG(kind.st_mode)) {
        const std::size_t wanted =
            std::min(most_bytes, static_cast<std::size_t>(std::max<off_t>(kind.st_size, 0)));
        text.resize(wanted);
        std::size_t got = 0;
        while (got != wanted) {
            const ssize_t n = ::read(file, text.data() + got, wanted - got);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) break;
            got += static_cast<std::size_t>(n);
        }
        text.resize(got);
        if (got == most_bytes) text.resize(text.find_last_of('\n') + 1);
    }
    ::close(file);
    return text;
}

std::string_view next_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

std::string_view next_word(std::string_view& line) {
    constexpr std::string_view blanks = " \t\r\f\v";
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    if (line.starts_with('#')) line = {};
    const std::size_t end = std::min(line.find_first_of(" \t\r\f\v#"), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end);
    return word;
}

}  // namespace coax::detail::dns
