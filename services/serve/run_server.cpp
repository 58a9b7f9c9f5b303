// Runs one server on one context until SIGINT or SIGTERM.
#include "services/serve/run_server.hpp"

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include "services/bulk/bulk_server.hpp"
#include "services/echo/echo_server.hpp"
#include "services/http/http_server.hpp"
#include "services/kv/kv_server.hpp"
#include "services/program/context.hpp"
#include "services/program/endpoint_text.hpp"
#include "services/proxy/proxy_server.hpp"
#include "services/serve/tls_context.hpp"
#include "services/websocket/websocket_server.hpp"

namespace coax::services {
namespace {

using std::chrono::steady_clock;

// Connections that were closed after their farewell have this long to be gone.
constexpr std::chrono::milliseconds patience{100};

server_limits limits_of(const serve_options& options) {
    return {options.connections, options.silence, options.farewell};
}

std::optional<asio::ssl::context> tls_of(const serve_options& options) {
    if (!options.tls) return std::nullopt;
    return make_tls_context(*options.tls);
}

std::string traffic_text(const server& s) {
    const traffic& t = s.statistics();
    const std::string details = s.details();
    return fmt::format("{} connections, {} {}, {} bytes in, {} bytes out, {} errors{}{}",
                       t.connections, t.requests, s.unit(), t.bytes_in, t.bytes_out, t.errors,
                       details.empty() ? "" : ", ", details);
}

// Lines must be seen at once also when standard output is a file or a pipe.
void say(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

coax::awaitable<void> report(server& s, std::chrono::milliseconds every,
                             std::shared_ptr<const bool> ended) {
    coax::steady_timer timer(co_await asio::this_coro::executor);
    std::uint64_t before = s.statistics().requests;
    for (;;) {
        timer.expires_after(every);
        co_await timer.async_wait(as_value);
        if (*ended) co_return;
        const std::uint64_t now = s.statistics().requests;
        const double seconds = std::chrono::duration<double>(every).count();
        say(fmt::format("{:.0f} {}/s, {} open; {}", static_cast<double>(now - before) / seconds,
                        s.unit(), s.statistics().open, traffic_text(s)));
        before = now;
    }
}

// First signal: an orderly end within the time for farewells. Second signal: now.
coax::awaitable<void> end_on_signal(coax::io_context& io, server& s, std::shared_ptr<bool> ended) {
    asio::signal_set signals(io, SIGINT, SIGTERM);
    co_await signals.async_wait(as_value);
    *ended = true;
    s.stop();
    coax::steady_timer timer(io);
    timer.expires_after(s.limits().farewell + patience);
    timer.async_wait([&io](const error_code& error) {
        if (!error) io.stop();
    });
    signals.async_wait([&io](const error_code& error, int) {
        if (!error) io.stop();
    });
    // Nothing else keeps the context busy now but connections on their way out.
    while (s.statistics().open > 0) {
        coax::steady_timer tick(io);
        tick.expires_after(std::chrono::milliseconds(1));
        co_await tick.async_wait(as_value);
    }
    io.stop();
}

exit_status run_server(coax::io_context& io, server& s, const std::string& name,
                       const serve_options& options) {
    const auto ended = std::make_shared<bool>(false);
    asio::co_spawn(io, end_on_signal(io, s, ended), asio::detached);
    error_code broken;
    s.start([&](const error_code& error) {
        broken = error;
        io.stop();
    });
    if (options.report_every.count() > 0)
        asio::co_spawn(io, report(s, options.report_every, ended), asio::detached);
    const auto begin = steady_clock::now();
    const std::string kind = s.kind();
    say(fmt::format("{}: ready on {}; {}{}backend {}", name, to_text(s.local_endpoint()), kind,
                    kind.empty() ? "" : "; ", io.backend().to_line()));
    io.run();

    const double seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
    say(fmt::format("{}: ended after {:.1f} s; {}", name, seconds, traffic_text(s)));
    if (const std::string counters = counters_line(io); !counters.empty())
        say(fmt::format("{}: counters: {}", name, counters));
    if (broken)
        throw failure(exit_status::failed,
                      fmt::format("no more connections can be accepted: {}", broken.message()));
    return exit_status::success;
}

}  // namespace

exit_status serve_echo(const serve_options& options) {
    coax::io_context io(context_options_of(options.backend));
    echo_server s(io, options.listen, limits_of(options), options.datagrams);
    return run_server(io, s, "coax serve echo", options);
}

exit_status serve_sink(const serve_options& options) {
    coax::io_context io(context_options_of(options.backend));
    bulk_server s(io, options.listen, limits_of(options), false);
    return run_server(io, s, "coax serve sink", options);
}

exit_status serve_source(const serve_options& options) {
    coax::io_context io(context_options_of(options.backend));
    bulk_server s(io, options.listen, limits_of(options), true);
    return run_server(io, s, "coax serve source", options);
}

exit_status serve_http(const serve_options& options) {
    document_root root(options.directory);  // before the backend: the cheaper mistakes first
    auto tls = tls_of(options);
    coax::io_context io(context_options_of(options.backend));
    http_server s(io, options.listen, limits_of(options), std::move(root), std::move(tls));
    return run_server(io, s, "coax serve http", options);
}

exit_status serve_websocket(const serve_options& options) {
    auto tls = tls_of(options);
    coax::io_context io(context_options_of(options.backend));
    websocket_server s(io, options.listen, limits_of(options), options.largest_message,
                       std::move(tls));
    return run_server(io, s, "coax serve websocket", options);
}

exit_status serve_proxy(const proxy_options& options) {
    const serve_options& serve = options.serve;
    backend_options upstream = serve.backend;
    if (options.upstream_backend) upstream.specification = *options.upstream_backend;
    coax::io_context io(context_options_of(serve.backend));
    std::unique_ptr<coax::io_context> other;
    if (upstream.specification != serve.backend.specification)
        other = std::make_unique<coax::io_context>(context_options_of(upstream));
    proxy_server s(io, serve.listen, limits_of(serve), options.target, std::move(other));
    const exit_status status = run_server(io, s, "coax serve proxy", serve);
    s.finish();
    if (s.upstream_context() != nullptr)
        say("coax serve proxy: counters of the upstream's backend: " +
            counters_line(*s.upstream_context()));
    return status;
}

exit_status serve_kv(const kv_options& options) {
    const serve_options& serve = options.serve;
    coax::io_context io(context_options_of(serve.backend));
    kv_server s(io, serve.listen, limits_of(serve), options.store);
    return run_server(io, s, "coax serve kv", serve);
}

}  // namespace coax::services
