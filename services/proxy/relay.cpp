// The four coroutines of a relay: one reads and one writes on each of the two threads.
#include "services/proxy/relay.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <sys/socket.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>

namespace coax::services {
namespace {

// A peer that vanished is found out one day, also if nobody has anything to say.
void keep_alive_quietly(coax::fast_socket& socket) {
    error_code ignored;
    ignored = socket.set_option(asio::socket_base::keep_alive(true), ignored);
}

// What the kernel holds against a connection, once (a read behind the end of the stream does not
// tell it). Our own stack does not know the option, and tells by reading.
struct socket_error {
    int value = 0;

    template <class Protocol>
    int level(const Protocol&) const {
        return SOL_SOCKET;
    }
    template <class Protocol>
    int name(const Protocol&) const {
        return SO_ERROR;
    }
    template <class Protocol>
    int* data(const Protocol&) {
        return &value;
    }
    template <class Protocol>
    std::size_t size(const Protocol&) const {
        return sizeof value;
    }
    template <class Protocol>
    void resize(const Protocol&, std::size_t) {}
};

// How long a relay whose sides have both ended waits for them to take what was sent.
constexpr std::chrono::milliseconds most_settling{30'000};
constexpr std::chrono::milliseconds longest_step{100};

}  // namespace

void reset_quietly(coax::fast_socket& socket) {
    error_code ignored;
    ignored = socket.set_option(asio::socket_base::linger(true, 0), ignored);
    close_quietly(socket);
}

relay::relay(coax::fast_socket client, const coax::executor& upstream, bytes counted)
    : client_{std::move(client)},
      upstream_{coax::fast_socket(upstream)},
      here_(client_.socket.get_executor()),
      there_(upstream),
      up_(here_, there_),
      down_(there_, here_),
      counted_(counted),
      ended_(here_, coax::fast_timer::time_point::max()) {
    keep_alive_quietly(client_.socket);
}

coax::awaitable<error_code> relay::connect(coax::tcp::endpoint to,
                                           std::chrono::milliseconds limit) {
    auto [thrown, error] = co_await asio::co_spawn(there_, connect_here(to, limit), as_value);
    if (thrown) std::rethrow_exception(thrown);
    co_return error;
}

coax::awaitable<error_code> relay::connect_here(coax::tcp::endpoint to,
                                                std::chrono::milliseconds limit) {
    const auto self = shared_from_this();
    coax::fast_timer timer(there_);
    timer.expires_after(limit);
    connecting_ = true;
    timer.async_wait([self](const error_code& error) {
        if (error || !self->connecting_) return;
        self->late_ = true;
        close_quietly(self->upstream_.socket);
    });
    const auto [error] = co_await upstream_.socket.async_connect(to, as_value);
    connecting_ = false;
    if (late_) co_return make_error_code(asio::error::timed_out);
    if (error) co_return error;
    send_without_delay(upstream_.socket);
    keep_alive_quietly(upstream_.socket);
    co_return error_code{};
}

coax::awaitable<relay::outcome> relay::run() {
    start(here_, fill(client_, up_, &counted_.in));
    start(there_, drain(up_, upstream_, nullptr));
    start(there_, fill(upstream_, down_, nullptr));
    start(here_, drain(down_, client_, &counted_.out));
    while (running_ > 0) co_await ended_.async_wait(as_value);
    close_quietly(client_.socket);
    asio::post(there_, [self = shared_from_this()] { close_quietly(self->upstream_.socket); });
    co_return how_.load();
}

void relay::start(const coax::executor& where, coax::awaitable<void> work) {
    ++running_;
    asio::co_spawn(
        where, std::move(work),
        asio::bind_executor(here_, [self = shared_from_this()](const std::exception_ptr& thrown) {
            if (thrown) self->abort(outcome::reset);
            if (--self->running_ == 0) self->ended_.cancel();
        }));
}

coax::awaitable<void> relay::fill(side& source, pipe& to, std::uint64_t* counted) {
    for (;;) {
        auto [closed, p] = co_await to.take_empty();
        if (closed) co_return;
        const auto [error, n] =
            co_await source.socket.async_read_some(asio::buffer(p.buffer), as_value);
        if (error == asio::error::eof) {
            to.put_end();
            co_await watch_for_reset(source);
            co_return;
        }
        if (error) {
            abort(outcome::reset);
            co_return;
        }
        if (counted != nullptr) *counted += n;
        p.size = n;
        to.put_full(std::move(p));
    }
}

coax::awaitable<void> relay::drain(pipe& from, side& sink, std::uint64_t* counted) {
    for (;;) {
        auto [end, p] = co_await from.take_full();
        if (end == asio::error::eof) {
            shut_down_quietly(sink.socket, asio::socket_base::shutdown_send);
            sink.our_end_sent = true;
            if (sink.watch != nullptr) sink.watch->cancel();
            co_return;
        }
        if (end) co_return;
        const auto [error, n] = co_await asio::async_write(
            sink.socket, asio::buffer(p.buffer.data(), p.size), as_value);
        if (counted != nullptr) *counted += n;
        if (error) {
            abort(outcome::reset);
            co_return;
        }
        from.put_empty(std::move(p));
    }
}

coax::awaitable<void> relay::watch_for_reset(side& ended) {
    coax::fast_timer timer(ended.socket.get_executor());
    ended.watch = &timer;
    std::chrono::milliseconds step{1};
    std::chrono::milliseconds settling{0};  // since our end was sent
    while (how_ == outcome::in_order && settling < most_settling) {
        error_code error;
        const coax::tcp_state state = ended.socket.info(error).state;
        if (error || state == coax::tcp_state::closed || state == coax::tcp_state::time_wait) {
            co_await check(ended);
            break;
        }
        timer.expires_after(step);
        co_await timer.async_wait(as_value);
        if (ended.our_end_sent && settling.count() == 0) step = std::chrono::milliseconds(1);
        else step = std::min(step * 2, longest_step);
        if (ended.our_end_sent) settling += step;
    }
    ended.watch = nullptr;
}

coax::awaitable<void> relay::check(side& ended) {
    if (!ended.our_end_sent) co_return abort(outcome::reset);  // closed, and not by us
    socket_error held;
    error_code refused;
    refused = ended.socket.get_option(held, refused);
    if (!refused && held.value != 0) co_return abort(outcome::reset);
    char none = 0;
    const auto [error, n] = co_await ended.socket.async_read_some(asio::buffer(&none, 1), as_value);
    if (error != asio::error::eof) abort(outcome::reset);
}

void relay::abort(outcome why) {
    outcome in_order = outcome::in_order;
    if (!how_.compare_exchange_strong(in_order, why)) return;
    up_.close();
    down_.close();
    asio::post(here_, [self = shared_from_this()] { reset_quietly(self->client_.socket); });
    asio::post(there_, [self = shared_from_this()] { reset_quietly(self->upstream_.socket); });
}

}  // namespace coax::services
