// Two coroutines on one socket: one sends, one receives.
#include "services/transfer/push.hpp"

#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "services/asio.hpp"
#include "services/program/context.hpp"
#include "services/program/descriptor.hpp"
#include "services/program/endpoint_text.hpp"
#include "services/program/output_file.hpp"

namespace coax::services {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t piece_size = 131'072;

descriptor open_input(const std::string& name) {
    descriptor file(name == "-" ? ::dup(STDIN_FILENO) : ::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open())
        throw failure(exit_status::usage,
                      fmt::format("cannot read '{}': {}; name a file that "
                                  "exists and that this user may read",
                                  name, std::generic_category().message(errno)));
    return file;
}

class exchange {
  public:
    exchange(coax::io_context& io, const push_options& options)
        : io_(io),
          options_(options),
          input_(open_input(options.input)),
          output_(options.output),
          socket_(io) {}

    // Throws failure if the connection ended otherwise than in order.
    void run();

    std::uint64_t sent() const noexcept { return sent_; }
    std::uint64_t received() const noexcept { return received_; }

  private:
    coax::awaitable<void> converse();
    coax::awaitable<void> send();
    coax::awaitable<void> receive();
    coax::awaitable<void> watch();
    void end(const error_code& error);
    void spawn(coax::awaitable<void> part);

    coax::io_context& io_;
    const push_options& options_;
    descriptor input_;
    output_file output_;
    coax::fast_socket socket_;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
    int parts_ = 0;  // coroutines under way
    error_code error_;
    std::exception_ptr thrown_;
};

void exchange::spawn(coax::awaitable<void> part) {
    ++parts_;
    asio::co_spawn(io_, std::move(part), [this](const std::exception_ptr& e) {
        if (e && !thrown_) {
            thrown_ = e;
            end({});
        }
        if (--parts_ == 0) io_.stop();
    });
}

// The first error is the one to tell; closing ends the other coroutine.
void exchange::end(const error_code& error) {
    if (!error_) error_ = error;
    close_quietly(socket_);
}

void exchange::run() {
    spawn(converse());
    asio::co_spawn(io_, watch(), asio::detached);
    io_.run();
    if (thrown_) std::rethrow_exception(thrown_);
    if (error_)
        throw failure(exit_status::failed,
                      fmt::format("{}: {} after {} bytes sent and {} received",
                                  to_text(options_.connect), error_.message(), sent_, received_));
}

coax::awaitable<void> exchange::converse() {
    const auto [error] = co_await socket_.async_connect(options_.connect, as_value);
    if (error) {
        end(error);
        co_return;
    }
    spawn(send());
    spawn(receive());
}

coax::awaitable<void> exchange::send() {
    std::vector<char> piece(piece_size);
    for (;;) {
        const ssize_t size = ::read(input_.get(), piece.data(), piece.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0)
            throw failure(exit_status::failed, fmt::format("cannot read '{}': {}", options_.input,
                                                           std::generic_category().message(errno)));
        if (size == 0) break;
        const auto [error, n] = co_await asio::async_write(
            socket_, asio::buffer(piece.data(), static_cast<std::size_t>(size)), as_value);
        sent_ += n;
        if (error) {
            end(error);
            co_return;
        }
    }
    error_code error;
    error = socket_.shutdown(asio::socket_base::shutdown_send, error);
    if (error) end(error);
}

coax::awaitable<void> exchange::receive() {
    std::vector<char> piece(piece_size);
    for (;;) {
        const auto [error, n] = co_await socket_.async_read_some(asio::buffer(piece), as_value);
        if (error == asio::error::eof) co_return;
        if (error) {
            end(error);
            co_return;
        }
        received_ += n;
        output_.write({piece.data(), n});
    }
}

// Ends a connection on which nothing has moved for the time allowed.
coax::awaitable<void> exchange::watch() {
    coax::steady_timer timer(io_);
    for (std::uint64_t before = 0;;) {
        timer.expires_after(options_.timeout);
        co_await timer.async_wait(as_value);
        const std::uint64_t now = sent_ + received_ + 1;
        if (now == before || sent_ + received_ == 0) end(asio::error::timed_out);
        before = now;
    }
}

}  // namespace

exit_status push(const push_options& options) {
    coax::io_context io(context_options_of(options.backend));
    exchange e(io, options);
    const auto begin = clock::now();
    e.run();
    const std::chrono::duration<double> taken = clock::now() - begin;
    fmt::print(stderr, "{} bytes sent, {} received in {:.3f} s; backend {}\n", e.sent(),
               e.received(), taken.count(), io.backend().to_line());
    return exit_status::success;
}

}  // namespace coax::services
