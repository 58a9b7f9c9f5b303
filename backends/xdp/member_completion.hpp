// A completion that calls a member function: for objects with several things in flight on a ring.
#pragma once

#include <cstdint>

#include "backends/ring.hpp"

namespace coax::backends {

// The owner must outlive the last completion, as the completion itself must.
template <class Owner>
class member_completion final : public completion {
  public:
    using function = void (Owner::*)(std::int32_t result) noexcept;

    member_completion(Owner& owner, function f) noexcept : owner_(owner), function_(f) {}
    void on_completion(std::int32_t result, std::uint32_t) noexcept override {
        (owner_.*function_)(result);
    }

  private:
    Owner& owner_;
    function function_;
};

}  // namespace coax::backends
