// From any executor to the loop of its coax::io_context.
#pragma once

#include <type_traits>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>

#include <coax/executor.hpp>

namespace coax::detail {

template <class Executor>
struct is_own_executor : std::false_type {};
template <class Allocator, bool Tracked>
struct is_own_executor<basic_executor<Allocator, Tracked>> : std::true_type {};

// Can be asked for the executor that it holds.
template <class Executor>
concept holds_executor = requires(const Executor& e) {
    { e.template target<executor>() } -> std::convertible_to<const executor*>;
};

// Throws system_error(operation_not_supported): the context is not a coax::io_context.
loop& find_loop(boost::asio::execution_context& context);

template <class Executor>
loop& find_loop_of(const Executor& e) {
    if constexpr (is_own_executor<Executor>::value) {
        return e.get_loop();
    } else {
        if constexpr (holds_executor<Executor>)
            if (const executor* own = e.template target<executor>()) return own->get_loop();
        if constexpr (boost::asio::execution::is_executor_v<Executor>)
            return find_loop(boost::asio::query(e, boost::asio::execution::context));
        else return find_loop(e.context());
    }
}

}  // namespace coax::detail
