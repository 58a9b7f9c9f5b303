// coax::timeout: any asynchronous operation, given a time in which it must end. The same spelling
// on every Boost that coax knows (asio::cancel_after came with 1.86).
//
//     n = co_await coax::timeout(5s, socket.async_read_some(buffer));
//     n = co_await coax::timeout(5s, [&](auto token) {
//         return asio::async_read(socket, buffer, std::move(token));
//     });
//     co_await coax::timeout(30s, session(std::move(socket)));        // an awaitable as a whole
#pragma once

#include <chrono>
#include <exception>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <coax/detail/timed_operation.hpp>

namespace coax {

// Starts `op`, and cancels it (terminal) when it has not ended `limit` later; zero or less: in the
// next turn. What completes is `op`, with its own signature and its own results, such as the bytes
// that were read until then; only the error tells why: where the operation ended with
// operation_aborted because of its limit, it is timed_out. One that was cancelled by somebody else
// keeps operation_aborted, and one that ended in the same turn keeps its result. An operation that
// ignores cancellation ends when it ends.
//   op        an operation that waits for its token: what the token `deferred` gives (the default
//             of coax::executor), or a callable that starts it with the token that it is given
//   token     `deferred` by default: nothing happens before the result is awaited or called
// Requests for cancellation go through to `op`, of whatever kind they are.
// Time is the context's (clock.hpp), which may be virtual. The context is that of the operation's
// executor, else of the handler's; throws system_error(operation_not_supported) when it is started
// on an executor of no coax::io_context.
// Memory: one node by the handler's allocator beside what `op` needs; given back before the handler
// is called. Threads: as any operation of that context: starting it from any thread.
template <class Rep, class Period, detail::timeable Operation,
          class Token = boost::asio::deferred_t>
auto timeout(std::chrono::duration<Rep, Period> limit, Operation&& op, Token&& token = Token()) {
    return detail::start_timed(typename detail::asked<Operation>::signatures(),
                               detail::saturate(limit), std::forward<Operation>(op), token);
}

// The same for a coroutine, as co_spawn() would start it on the executor of whoever awaits (which
// must convert to the coroutine's own). At its limit the coroutine sees its own operation cancelled
// and decides how to end; system_error(operation_aborted) that it lets out becomes timed_out.
// Completes with void(std::exception_ptr) or void(std::exception_ptr, T), which co_await rethrows.
//   token     use_awaitable by default (Boost 1.81 can't await `deferred` with this signature)
template <class Rep, class Period, class T, class Executor,
          class Token = boost::asio::use_awaitable_t<Executor>>
auto timeout(std::chrono::duration<Rep, Period> limit,
             boost::asio::awaitable<T, Executor> coroutine, Token&& token = Token()) {
    using signature = typename detail::spawned_signature<T>::type;
    return detail::start_timed(detail::signature_list<signature>(), detail::saturate(limit),
                               detail::spawned<T, Executor>{std::move(coroutine)}, token);
}

}  // namespace coax
