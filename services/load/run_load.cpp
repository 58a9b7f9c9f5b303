// Sets the scene for a load: server beside it if the backend is a wire, progress, signals, report.
#include "services/load/run_load.hpp"

#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>

#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include "services/load/echo_load.hpp"
#include "services/load/report.hpp"
#include "services/program/context.hpp"
#include "services/program/endpoint_text.hpp"
#include "services/program/output_file.hpp"
#include "services/serve/background_server.hpp"
#include "services/serve/wire_host.hpp"

namespace coax::services {
namespace {

constexpr std::chrono::seconds progress_every{1};

// A line on the terminal that is overwritten each second.
coax::awaitable<void> show_progress(echo_load& load) {
    coax::steady_timer timer(co_await asio::this_coro::executor);
    std::uint64_t before = 0;
    for (int seconds = 1;; ++seconds) {
        timer.expires_after(progress_every);
        co_await timer.async_wait(as_value);
        const load_result& r = load.progress();
        if (load.exchanging())
            fmt::print(stderr, "\r\x1b[K{} s: {}/s, {} errors, {} mismatches", seconds,
                       r.messages - before, r.errors, r.mismatches);
        else fmt::print(stderr, "\r\x1b[K{} s: {} connected", seconds, r.connected);
        std::fflush(stderr);
        before = r.messages;
    }
}

coax::awaitable<void> stop_on_signal(coax::io_context& io, echo_load& load) {
    asio::signal_set signals(io, SIGINT, SIGTERM);
    co_await signals.async_wait(as_value);
    load.stop();
    co_await signals.async_wait(as_value);
    io.stop();
}

load_result run(coax::io_context& io, const load_options& options) {
    echo_load load(io, options);
    const bool terminal = ::isatty(STDERR_FILENO) == 1 && options.duration > 2 * progress_every;
    if (terminal) asio::co_spawn(io, show_progress(load), asio::detached);
    asio::co_spawn(io, stop_on_signal(io, load), asio::detached);
    load_result result = load.run();
    if (terminal) fmt::print(stderr, "\r\x1b[K");
    return result;
}

}  // namespace

exit_status load_echo(const load_options& options) {
    output_file json(options.json);
    std::optional<background_server> server;
    if (is_wire(options.backend)) {
        server.emplace(
            wire_host(options.backend, options.connect.address()), [&](coax::io_context& io) {
                return std::make_unique<echo_server>(io, options.connect, server_limits{});
            });
        fmt::print(stderr,
                   "coax load echo: nobody else lives on a wire: this program also serves "
                   "echo on {}, on a second thread\n",
                   to_text(options.connect));
    }
    coax::io_context io(context_options_of(options.backend));
    const load_result result = run(io, options);
    if (result.connected == 0)
        throw failure(exit_status::failed,
                      fmt::format("cannot connect to {}: {}; is 'coax serve echo' running there?",
                                  to_text(options.connect), result.first_error));
    if (!json.is_standard_output()) fmt::print("{}", load_table(options, result, io));
    json.write(load_json(options, result, io));
    return result.clean() ? exit_status::success : exit_status::failed;
}

}  // namespace coax::services
