// One direction of a relay: two buffers that go round between the thread that reads and the one
// that writes. Nothing is copied between them, and what waits is bounded by the two.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <boost/asio/experimental/concurrent_channel.hpp>

#include "services/asio.hpp"

namespace coax::services {

class pipe {
  public:
    struct piece {
        std::vector<char> buffer;
        std::size_t size = 0;  // of the buffer, from its front
    };

    pipe(const coax::executor& source, const coax::executor& sink)
        : full_(sink, count + 1), empty_(source, count) {
        for (std::size_t i = 0; i < count; ++i)
            empty_.try_send(error_code{}, piece{std::vector<char>(first_size), 0});
    }

    // The source's thread: a buffer to read into, when there is one; an error: the pipe is closed.
    auto take_empty() { return empty_.async_receive(as_awaited_value()); }
    void put_full(piece p) { full_.try_send(error_code{}, std::move(p)); }
    // Nothing comes behind what was put.
    void put_end() { full_.try_send(make_error_code(asio::error::eof), piece{}); }

    // The sink's thread: what was put, in order; eof: the end that was put; else: closed.
    auto take_full() { return full_.async_receive(as_awaited_value()); }
    // A buffer that was full is too small for this stream.
    void put_empty(piece p) {
        if (p.size == p.buffer.size() && p.size < largest_size)
            p.buffer.resize(std::min(p.size * 4, largest_size));
        empty_.try_send(error_code{}, std::move(p));
    }

    // Any thread: wakes whoever waits.
    void close() {
        full_.close();
        empty_.close();
    }

  private:
    using channel = asio::experimental::concurrent_channel<coax::executor, void(error_code, piece)>;

    static constexpr std::size_t count = 2;  // one is read into while the other is written
    static constexpr std::size_t first_size = 2'048;
    static constexpr std::size_t largest_size = 65'536;

    channel full_;
    channel empty_;
};

}  // namespace coax::services
