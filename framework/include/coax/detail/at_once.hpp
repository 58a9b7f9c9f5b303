// Which handlers may be called inside the call that starts their operation, if it ends there: the
// one that resumes a coax::task, which then goes on without having been suspended, and Asio's read
// and write over a socket of coax around it. Asio's rule (never inside) protects whoever touches
// something behind such a call; neither of these does. Knows no operation.
#pragma once

#include <cstdint>
#include <iterator>
#include <type_traits>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>

namespace coax {
class tcp;
}

namespace coax::detail {

// How a transfer that was tried before there is an operation for it came out.
enum class early_end : std::uint8_t {
    ended,
    would_wait,
    not_tried,  // not ours to say: the operation is to be started
};

template <class... Values>
class task_handler;

template <class Handler>
inline constexpr bool goes_on_at_once = false;

template <class... Values>
inline constexpr bool goes_on_at_once<task_handler<Values...>> = true;

// asio::async_read() and async_write() take their next step with a handler of this shape (its name
// is Asio's own): the start of a transfer is the last thing that each step does. What has another
// shape, some other composed operation for example, waits for its turn in the ready queue.
template <template <class, class, class, class, class> class Step, class Executor, class Buffers,
          class Iterator, class Condition, class Handler>
    requires std::is_convertible_v<typename std::iterator_traits<Iterator>::reference,
                                   boost::asio::const_buffer> &&
                 std::is_invocable_v<Condition&, const boost::system::error_code&, std::size_t>
inline constexpr bool goes_on_at_once<
    Step<boost::asio::basic_stream_socket<tcp, Executor>, Buffers, Iterator, Condition, Handler>> =
    goes_on_at_once<Handler>;

}  // namespace coax::detail
