// Makes the servers and what they run on: one context, or a group of shards.
#include "services/serve/run_server.hpp"

#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "services/bulk/bulk_server.hpp"
#include "services/echo/echo_server.hpp"
#include "services/http/http_server.hpp"
#include "services/kv/kv_server.hpp"
#include "services/program/context.hpp"
#include "services/proxy/proxy_server.hpp"
#include "services/serve/foreground.hpp"
#include "services/serve/tls_context.hpp"
#include "services/websocket/websocket_server.hpp"

namespace coax::services {
namespace {

server_limits limits_of(const serve_options& options) {
    return {options.connections, options.silence, options.farewell};
}

std::optional<asio::ssl::context> tls_of(const serve_options& options) {
    if (!options.tls) return std::nullopt;
    return make_tls_context(*options.tls);
}

// A server whose clients share what it holds can't be several.
void refuse_shards(const serve_options& options, const char* why) {
    if (options.shards.count > 1)
        throw failure(exit_status::usage, fmt::format("{}: leave --shards out", why));
}

exit_status run_server(coax::io_context& io, server& s, const std::string& name,
                       const serve_options& options) {
    return run_in_foreground(name, {{&io, &s}},
                             {[&io] { io.run(); }, [&io] { io.stop(); }, io.backend()}, options);
}

// `make`: called with a context and the endpoint to listen on, for each shard.
template <class Make>
exit_status run_shards(const std::string& name, const serve_options& options, const Make& make) {
    if (options.shards.count == 1 && !options.shards.pin) {
        coax::io_context io(context_options_of(options.backend));
        const auto alone = make(io, options.listen);
        return run_server(io, *alone, name, options);
    }
    coax::shard_group group(context_options_of(options.backend), options.shards);
    using pointer = decltype(make(group[0], options.listen));
    std::vector<pointer> servers;
    std::vector<shard> shards;
    coax::tcp::endpoint at = options.listen;
    for (std::size_t i = 0; i != group.size(); ++i) {
        servers.push_back(make(group[i], at));
        shards.push_back({&group[i], servers.back().get()});
        at = servers.back()->local_endpoint();  // port 0: the one that the first has got
    }
    return run_in_foreground(
        name, shards, {[&group] { group.run(); }, [&group] { group.stop(); }, group.backend()},
        options);
}

}  // namespace

exit_status serve_echo(const serve_options& options) {
    return run_shards(
        "coax serve echo", options, [&](coax::io_context& io, const coax::tcp::endpoint& at) {
            return std::make_unique<echo_server>(io, at, limits_of(options), options.datagrams);
        });
}

exit_status serve_sink(const serve_options& options) {
    return run_shards("coax serve sink", options,
                      [&](coax::io_context& io, const coax::tcp::endpoint& at) {
                          return std::make_unique<bulk_server>(io, at, limits_of(options), false);
                      });
}

exit_status serve_source(const serve_options& options) {
    return run_shards("coax serve source", options,
                      [&](coax::io_context& io, const coax::tcp::endpoint& at) {
                          return std::make_unique<bulk_server>(io, at, limits_of(options), true);
                      });
}

exit_status serve_http(const serve_options& options) {
    // Before the backend: the cheaper mistakes first.
    static_cast<void>(document_root(options.directory));
    static_cast<void>(tls_of(options));
    return run_shards(
        "coax serve http", options, [&](coax::io_context& io, const coax::tcp::endpoint& at) {
            return std::make_unique<http_server>(io, at, limits_of(options),
                                                 document_root(options.directory), tls_of(options));
        });
}

exit_status serve_websocket(const serve_options& options) {
    static_cast<void>(tls_of(options));
    return run_shards("coax serve websocket", options,
                      [&](coax::io_context& io, const coax::tcp::endpoint& at) {
                          return std::make_unique<websocket_server>(
                              io, at, limits_of(options), options.largest_message, tls_of(options));
                      });
}

exit_status serve_proxy(const proxy_options& options) {
    const serve_options& serve = options.serve;
    refuse_shards(serve, "a proxy has its two sides in one place each");
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
        fmt::print("coax serve proxy: counters of the upstream's backend: {}\n",
                   counters_line(*s.upstream_context()));
    std::fflush(stdout);
    return status;
}

exit_status serve_kv(const kv_options& options) {
    const serve_options& serve = options.serve;
    refuse_shards(serve, "kv has one store, which one thread keeps");
    coax::io_context io(context_options_of(serve.backend));
    kv_server s(io, serve.listen, limits_of(serve), options.store);
    return run_server(io, s, "coax serve kv", serve);
}

}  // namespace coax::services
