// A file to write results to, opened before the work begins, so that a bad name costs no time.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "services/program/descriptor.hpp"

namespace coax::services {

class output_file {
  public:
    // "-" is standard output; empty: nothing is kept. Throws failure (usage) if it cannot be
    // opened.
    explicit output_file(const std::string& name);

    bool is_open() const noexcept { return file_.is_open(); }
    bool is_standard_output() const noexcept { return name_ == "-"; }
    // All of it, or throws failure (failed).
    void write(std::span<const char> bytes);

  private:
    std::string name_;
    descriptor file_;
};

}  // namespace coax::services
