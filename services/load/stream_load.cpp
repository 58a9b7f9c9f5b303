// A connection's coroutine reads to the end; writes follow one another by themselves. When time is
// up our side ends, and the peer's end tells that it has had everything.
#include "services/load/stream_load.hpp"

#include <boost/asio/post.hpp>

namespace coax::services {
namespace {

// Who sends without end (RFC 864) may do so until we are gone, and does not hear ours. So long it
// has to end in order.
constexpr std::chrono::milliseconds time_to_end{500};

}  // namespace

stream_load::stream_load(coax::io_context& io, const load_options& options, share mine)
    : load_part(io, options, mine), block_(options.size, 'x'), drain_(options.size) {
    for (std::size_t i = 0; i < mine.count; ++i) streams_.emplace_back(io);
}

coax::task<error_code> stream_load::connect(std::size_t index) {
    const auto [error] = co_await streams_[index].socket.async_connect(options().connect, as_value);
    co_return error;
}

void stream_load::write(stream& s) {
    s.writing = true;
    s.socket.async_write_some(asio::buffer(block_), [this, &s](const error_code& e, std::size_t n) {
        const time_point now = io().now();
        s.writing = false;
        if (n > 0) {
            s.moved = now;
            if (!is_over(now)) {
                count_sent(now, n);
                count_piece(now);
            }
        }
        if (e) return;  // the reading side is told
        if (is_over(now)) finish(s);
        else write(s);
    });
}

void stream_load::finish(stream& s) {
    if (s.finished) return;
    s.finished = true;
    s.ended = s.moved = io().now();
    shut_down_quietly(s.socket, asio::socket_base::shutdown_send);
}

void stream_load::give_up(stream& s) {
    s.silent = true;
    close_quietly(s.socket);
}

coax::task<void> stream_load::exchange(std::size_t index) {
    stream& s = streams_[index];
    s.started = true;
    s.moved = io().now();
    if (sends()) write(s);
    for (;;) {
        // All connections drop into the same memory: nobody looks at it.
        const auto [error, n] = co_await s.socket.async_read_some(asio::buffer(drain_), as_value);
        const time_point now = io().now();
        if (n > 0) {
            s.moved = now;
            if (!is_over(now)) {
                count_received(now, n);
                count_piece(now);
            }
        }
        if (error) {
            if (s.silent) tally().time_out();
            else if (error != asio::error::eof || !s.finished) tally().fail(error);
            break;
        }
        if (is_over(now) && !sends()) finish(s);
        if (s.finished && now - s.ended >= time_to_end) break;
    }
    s.over = true;
    close_quietly(s.socket);
    while (s.writing) co_await asio::post(io(), asio::deferred);
}

void stream_load::look_after(time_point now) {
    for (stream& s : streams_) {
        if (!s.started || s.over) continue;
        if (now - s.moved >= options().timeout) give_up(s);
        else if (is_over(now) && !sends()) finish(s);
    }
}

void stream_load::abandon() {
    for (stream& s : streams_)
        if (!s.over) give_up(s);
}

}  // namespace coax::services
