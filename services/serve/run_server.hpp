// The commands `coax serve ...`: which server, on what, until when.
#pragma once

#include <string_view>

#include "services/kv/kv_options.hpp"
#include "services/program/failure.hpp"
#include "services/program/options.hpp"
#include "services/serve/server.hpp"

namespace coax::services {

// `coax serve echo`, `coax serve http DIR`, ...: return when a signal ended them.
// Throw failure or coax::backend_error if the server cannot start.
exit_status serve_echo(const serve_options& options);
exit_status serve_http(const serve_options& options);
exit_status serve_websocket(const serve_options& options);
exit_status serve_sink(const serve_options& options);
exit_status serve_source(const serve_options& options);
exit_status serve_proxy(const proxy_options& options);
exit_status serve_kv(const kv_options& options);

}  // namespace coax::services
