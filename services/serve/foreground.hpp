// The foreground life of a server, of one context or of several shards: the line that it is ready,
// statistics, signals, the summary. Knows no protocol.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "services/program/failure.hpp"
#include "services/program/options.hpp"
#include "services/serve/server.hpp"

namespace coax::services {

// One server on its context.
struct shard {
    coax::io_context* io;
    server* serving;
};

// What runs the contexts of all shards.
struct machinery {
    std::function<void()> run;   // until stop
    std::function<void()> stop;  // any thread
    coax::backend_description backend;
};

// Until SIGINT or SIGTERM. The first shard takes the signals. Throws failure if a server breaks.
exit_status run_in_foreground(const std::string& name, const std::vector<shard>& shards,
                              const machinery& below, const serve_options& options);

}  // namespace coax::services
