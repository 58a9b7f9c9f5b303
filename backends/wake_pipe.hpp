// What one thread writes to wake another that sleeps in its ring: a pipe, read by the ring.
// Knows nothing of why. A pipe and not an eventfd: the ring may announce its completions on an
// eventfd (asio_bridge), and the kernel does not signal one eventfd from within another's write
// more than once (seen on 6.18: the deferred signal of a ring is never rearmed).
#pragma once

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace coax::backends {

class wake_pipe {
  public:
    wake_pipe() = default;
    ~wake_pipe() {
        for (const int end : ends_)
            if (end >= 0) ::close(end);
    }
    wake_pipe(const wake_pipe&) = delete;
    wake_pipe& operator=(const wake_pipe&) = delete;

    std::error_code open() noexcept {
        // The read end blocks, as a read of the ring is to wait; the write end never does.
        if (::pipe2(ends_.data(), O_CLOEXEC) != 0 || ::fcntl(ends_[1], F_SETFL, O_NONBLOCK) != 0)
            return {errno, std::system_category()};
        return {};
    }
    // To be read by the ring; -1 before open().
    int descriptor() const noexcept { return ends_[0]; }
    // Any thread. A full pipe is readable, which is all that is wanted.
    void press() const noexcept {
        const char one = 1;
        [[maybe_unused]] const ssize_t written = ::write(ends_[1], &one, sizeof one);
    }

  private:
    std::array<int, 2> ends_{-1, -1};
};

}  // namespace coax::backends
