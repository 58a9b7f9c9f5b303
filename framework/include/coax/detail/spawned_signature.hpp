// With what a spawned coroutine completes: Asio's co_spawn(), and ours.
#pragma once

#include <exception>

namespace coax::detail {

template <class T>
struct spawned_signature {
    using type = void(std::exception_ptr, T);
};
template <>
struct spawned_signature<void> {
    using type = void(std::exception_ptr);
};

}  // namespace coax::detail
