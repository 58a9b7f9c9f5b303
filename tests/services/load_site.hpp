// Servers for loads in this process, on kernel sockets over loopback or on a wire, and a load's
// options against them.
#pragma once

#include <memory>
#include <string>

#include "services/bulk/bulk_server.hpp"
#include "services/load/crew.hpp"
#include "services/program/endpoint_text.hpp"
#include "services/serve/background_server.hpp"

class load_site {
  public:
    using make = std::function<std::unique_ptr<coax::services::server>(coax::io_context&,
                                                                       const coax::tcp::endpoint&)>;

    // `kind`: kernel or wire. The name keeps wires apart.
    load_site(const std::string& kind, const std::string& name, const make& made)
        : kernel_(kind == "kernel"),
          wire_("wire:" + name),
          server_({kernel_ ? "kernel" : wire_ + ",ip=198.18.0.1/24", {}},
                  [&](coax::io_context& io) {
                      auto s = made(io, *coax::services::parse_endpoint(kernel_ ? "127.0.0.1:0"
                                                                                : "198.18.0.1:7"));
                      endpoint = s->local_endpoint();
                      return s;
                  }) {}

    // A short load of four connections.
    coax::services::load_options options(coax::services::load_protocol protocol) const {
        coax::services::load_options o;
        o.protocol = protocol;
        o.backend.specification = kernel_ ? "kernel" : wire_;
        o.connect = endpoint;
        o.connections = 4;
        o.duration = std::chrono::milliseconds(50);
        return o;
    }

    coax::tcp::endpoint endpoint;

  private:
    bool kernel_;
    std::string wire_;
    coax::services::background_server server_;
};

// Server of echo, over UDP, too.
inline load_site echo_site_on(const std::string& kind, const std::string& name) {
    return {kind, name, [](coax::io_context& io, const coax::tcp::endpoint& at) {
                return std::make_unique<coax::services::echo_server>(
                    io, at, coax::services::server_limits{}, true);
            }};
}
inline load_site bulk_site_on(const std::string& kind, const std::string& name, bool sends) {
    return {kind, name, [sends](coax::io_context& io, const coax::tcp::endpoint& at) {
                return std::make_unique<coax::services::bulk_server>(
                    io, at, coax::services::server_limits{}, sends);
            }};
}

inline coax::services::load_result run_load_of(const coax::services::load_options& options) {
    const coax::services::interruption interrupted;
    return coax::services::run_crew(options, coax::services::make_part_of, interrupted,
                                    [](const coax::services::load_moment&) {});
}

// On a busy machine a short time may pass without a message: then again, for longer.
template <class Enough>
coax::services::load_result run_load_until(coax::services::load_options options, Enough enough) {
    for (int tries = 0;; ++tries) {
        const coax::services::load_result r = run_load_of(options);
        if (enough(r) || !r.counts.errors.empty() || tries == 6) return r;
        options.duration *= 3;
    }
}
inline coax::services::load_result run_some_load(const coax::services::load_options& options) {
    return run_load_until(options, [](const coax::services::load_result& r) {
        return r.counts.messages + r.counts.mismatches > 0;
    });
}
