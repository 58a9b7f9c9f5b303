// Does a handler say where it wants to run when its operation ends inside the call that started it?
// Only Boost 1.82 and newer know such immediate executors; before, no handler does.
#pragma once

#include <type_traits>

#include <boost/asio/version.hpp>

#if BOOST_ASIO_VERSION >= 102700
#define COAX_HAS_IMMEDIATE_EXECUTORS 1
#include <boost/asio/associated_immediate_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution.hpp>
#endif

namespace coax::detail {

#ifdef COAX_HAS_IMMEDIATE_EXECUTORS
// The candidate in a question that only the type of the answer answers: it comes back when the
// handler has no immediate executor, through all wrappers. Never runs anything.
struct no_executor {
    template <class Function>
    void execute(Function&&) const {}
    no_executor require(boost::asio::execution::blocking_t::never_t) const noexcept { return {}; }
    friend bool operator==(no_executor, no_executor) noexcept { return true; }
    friend bool operator!=(no_executor, no_executor) noexcept { return false; }
};
template <class Handler>
inline constexpr bool has_immediate_executor =
    !std::is_same_v<boost::asio::associated_immediate_executor_t<Handler, no_executor>,
                    no_executor>;
#else
template <class Handler>
inline constexpr bool has_immediate_executor = false;
#endif

}  // namespace coax::detail
