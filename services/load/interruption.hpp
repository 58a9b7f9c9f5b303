// SIGINT and SIGTERM as something to poll for, instead of as an end of the process.
#pragma once

#include <csignal>

#include "services/program/descriptor.hpp"

namespace coax::services {

class interruption {
  public:
    // From now on the signals wait here: of this thread, and of those that it starts.
    interruption();
    // Those that still wait here are lost.
    ~interruption();
    interruption(const interruption&) = delete;
    interruption& operator=(const interruption&) = delete;

    // Readable when a signal waits.
    int number() const noexcept { return file_.get(); }
    // Takes a signal that waits, if there is one.
    bool take() const noexcept;
    // The next one is for the system again, which ends the process: for a program that does not end
    // by itself. On the thread that made this.
    void let_through() const noexcept { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t before_{};
    descriptor file_;
};

}  // namespace coax::services
