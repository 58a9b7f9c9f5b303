// Sources of randomness for the stack: the system's, or a seeded one for tests.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "stack/base/random.hpp"

namespace coax::detail {

// getrandom(2), a buffer at a time.
class system_random final : public stack::random_source {
  public:
    std::uint64_t next() noexcept override;

  private:
    std::array<std::uint64_t, 32> buffer_{};
    std::size_t used_ = buffer_.size();
};

// Predictable from its seed (splitmix64).
class seeded_random final : public stack::random_source {
  public:
    explicit seeded_random(std::uint64_t seed) noexcept : state_(seed) {}
    std::uint64_t next() noexcept override;

  private:
    std::uint64_t state_;
};

// Seed 0: the system's.
std::unique_ptr<stack::random_source> make_random_source(std::uint64_t seed);

}  // namespace coax::detail
