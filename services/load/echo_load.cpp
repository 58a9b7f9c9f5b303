// Three phases: connect, exchange, drain; each bounded in time.
#include "services/load/echo_load.hpp"

#include <algorithm>
#include <cstring>
#include <exception>

#include <sys/resource.h>

#include <boost/asio/post.hpp>

#include "services/load/message_pattern.hpp"

namespace coax::services {
namespace {

constexpr std::size_t connecting_at_once = 128;
// A message of this size fits any socket's buffers; a larger one must be read while it is written,
// or client and server would wait for each other for ever.
constexpr std::size_t written_before_reading = 16'384;
// For the replies under way at the end: twice the slowest so far, within these bounds.
constexpr std::chrono::nanoseconds least_patience = std::chrono::seconds(2);
constexpr std::chrono::nanoseconds most_patience = std::chrono::seconds(10);
constexpr std::chrono::milliseconds tick{1};

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

echo_load::echo_load(coax::io_context& io, const load_options& options)
    : io_(io), options_(options) {
    clients_.reserve(options.connections);
    for (std::size_t i = 0; i < options.connections; ++i) clients_.emplace_back(io);
}

load_result echo_load::run() {
    std::exception_ptr thrown;
    asio::co_spawn(io_, run_phases(), [&](const std::exception_ptr& e) {
        thrown = e;
        io_.stop();
    });
    io_.run();
    if (thrown) std::rethrow_exception(thrown);
    return std::move(result_);
}

void echo_load::lose(const error_code& error) {
    ++result_.errors;
    if (!result_.first_error.empty()) return;
    result_.first_error = timed_out_ ? "no answer in time" : error.message();
}

coax::awaitable<void> echo_load::wait_for_idle(clock::time_point until) {
    coax::steady_timer timer(io_);
    while (active_ > 0 && clock::now() < until) {
        timer.expires_after(tick);
        co_await timer.async_wait(as_value);
    }
    timed_out_ = active_ > 0;
    if (timed_out_)
        for (client& c : clients_) close_quietly(c.socket);
    while (active_ > 0) {
        timer.expires_after(tick);
        co_await timer.async_wait(as_value);
    }
    timed_out_ = false;
}

coax::awaitable<void> echo_load::run_phases() {
    active_ = std::min(connecting_at_once, clients_.size());
    for (std::size_t i = active_; i > 0; --i) asio::co_spawn(io_, connect_some(), asio::detached);
    co_await wait_for_idle(clock::now() + options_.connect_timeout);
    if (result_.connected == 0) co_return;

    exchanging_ = true;
    const auto begin = clock::now();
    const double cpu_before = cpu_seconds();
    for (std::size_t i = 0; i < clients_.size(); ++i) {
        if (!clients_[i].connected) continue;
        ++active_;
        asio::co_spawn(io_, exchange(i), asio::detached);
    }
    coax::steady_timer timer(io_);
    while (!stopped_ && active_ > 0 && clock::now() < begin + options_.duration) {
        const auto left = begin + options_.duration - clock::now();
        timer.expires_after(std::min<clock::duration>(left, std::chrono::milliseconds(20)));
        co_await timer.async_wait(as_value);
    }
    stopped_ = true;
    const std::chrono::nanoseconds twice_slowest(2 * result_.latency.max());
    co_await wait_for_idle(clock::now() + std::clamp(twice_slowest, least_patience, most_patience));
    result_.seconds = std::chrono::duration<double>(clock::now() - begin).count();
    result_.cpu_seconds = cpu_seconds() - cpu_before;
}

coax::awaitable<void> echo_load::connect_some() {
    while (next_to_connect_ < clients_.size() && !timed_out_ && !stopped_) {
        client& c = clients_[next_to_connect_++];
        const auto [error] = co_await c.socket.async_connect(options_.connect, as_value);
        if (error) {
            lose(error);
            continue;
        }
        send_without_delay(c.socket);
        c.connected = true;
        ++result_.connected;
    }
    --active_;
}

coax::awaitable<error_code> echo_load::round_trip(coax::fast_socket& socket,
                                                  std::vector<char>& sent,
                                                  std::vector<char>& received) {
    if (sent.size() <= written_before_reading) {
        const auto [failed, written] =
            co_await asio::async_write(socket, asio::buffer(sent), as_value);
        if (failed) co_return failed;
        const auto [error, n] = co_await asio::async_read(socket, asio::buffer(received), as_value);
        co_return error;
    }
    error_code write_error;
    bool written = false;
    asio::async_write(socket, asio::buffer(sent), [&](const error_code& error, std::size_t) {
        write_error = error;
        written = true;
    });
    const auto [read_error, n] =
        co_await asio::async_read(socket, asio::buffer(received), as_value);
    if (read_error) close_quietly(socket);  // ends the write, too
    while (!written) co_await asio::post(io_, asio::deferred);
    co_return write_error ? write_error : read_error;
}

coax::awaitable<void> echo_load::exchange(std::size_t index) {
    coax::fast_socket& socket = clients_[index].socket;
    std::vector<char> sent(options_.size);
    std::vector<char> received(options_.size);
    for (std::uint64_t sequence = 0; !stopped_; ++sequence) {
        fill_message(sent, index, sequence);
        const auto begin = clock::now();
        const error_code error = co_await round_trip(socket, sent, received);
        const auto end = clock::now();
        if (error) {
            lose(error);
            break;
        }
        if (std::memcmp(sent.data(), received.data(), sent.size()) != 0) {
            ++result_.mismatches;
            continue;
        }
        ++result_.messages;
        result_.latency.record(static_cast<std::uint64_t>((end - begin).count()));
    }
    close_quietly(socket);
    --active_;
}

}  // namespace coax::services
