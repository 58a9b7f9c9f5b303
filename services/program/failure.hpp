// How the program ends when it cannot do what it was asked: one line for people and an exit status.
#pragma once

#include <stdexcept>
#include <string>

namespace coax::services {

enum class exit_status : int {
    success = 0,
    failed = 1,  // it ran, and something went wrong: a lost connection, a mismatch, a refusal
    usage = 2,   // it did not run: the command line, a privilege, a file, a port
};

// Thrown by what runs a command, caught by run_program(). The text says what is wrong and what to
// do about it, in one line without a full stop.
class failure : public std::runtime_error {
  public:
    failure(exit_status status, const std::string& text)
        : std::runtime_error(text), status_(status) {}

    exit_status status() const noexcept { return status_; }

  private:
    exit_status status_;
};

}  // namespace coax::services
