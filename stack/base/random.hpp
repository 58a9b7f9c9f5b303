// Randomness as the stack sees it: injected, so that a test can seed it (DESIGN, rule 1).
#pragma once

#include <cstdint>

namespace coax::stack {

// Production code gives a cryptographically strong source: secrets for initial sequence numbers
// and port selection (RFC 6528, RFC 6056) are drawn from it. Called on the stack's thread only.
class random_source {
  public:
    virtual ~random_source() = default;
    virtual std::uint64_t next() noexcept = 0;

  protected:
    random_source() = default;
    random_source(const random_source&) = default;
    random_source& operator=(const random_source&) = default;
};

}  // namespace coax::stack
