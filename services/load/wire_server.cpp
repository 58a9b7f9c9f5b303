// From a protocol to its server.
#include "services/load/wire_server.hpp"

#include <cstdio>

#include <fmt/format.h>

#include "services/bulk/bulk_server.hpp"
#include "services/program/endpoint_text.hpp"

namespace coax::services {
namespace {

std::unique_ptr<server> make_server(coax::io_context& io, const load_options& options) {
    const server_limits limits{.connections = options.connections + 1'024};
    if (options.protocol == load_protocol::http)
        return std::make_unique<http_server>(io, options.connect, limits, document_root("."));
    if (options.protocol == load_protocol::tcp_stream)
        return std::make_unique<bulk_server>(io, options.connect, limits,
                                             options.direction != stream_direction::send);
    return std::make_unique<echo_server>(io, options.connect, limits,
                                         options.protocol == load_protocol::udp_echo);
}

const char* what_is_served(const load_options& options) {
    if (options.protocol == load_protocol::http) return "the files of this directory";
    if (options.protocol == load_protocol::tcp_stream)
        return options.direction == stream_direction::send ? "a sink" : "a source";
    return "echo";
}

}  // namespace

wire_server::wire_server(const load_options& options)
    : server_(wire_host(options.backend, options.connect.address()),
              [&options](coax::io_context& io) { return make_server(io, options); }) {
    fmt::print(stderr,
               "coax load {}: nobody else lives on a wire: this program also serves {} on {}, on a "
               "second thread\n",
               to_text(options.protocol), what_is_served(options), to_text(options.connect));
}

}  // namespace coax::services
