// Chooses the transport by the kind of backend.
#include "framework/transport/open.hpp"

#include <utility>
#include <variant>

#include "backends/spec.hpp"
#include "framework/engine.hpp"
#include "framework/randomness.hpp"
#include "framework/resolver/host_name.hpp"
#include "framework/transport/kernel_transport.hpp"
#include "framework/transport/stack_transport.hpp"
#include "framework/transport/stack_values.hpp"

namespace coax::detail {

namespace {

stack::idle_window idle_window_of(backends::tcp_choices::idle_window what) {
    using wanted = backends::tcp_choices::idle_window;
    switch (what) {
        case wanted::standard: break;
        case wanted::keep: return stack::idle_window::keep;
        case wanted::restart: return stack::idle_window::restart;
        case wanted::decay: return stack::idle_window::decay;
        case wanted::validate: return stack::idle_window::validate;
    }
    return stack::tcp_config().after_idle;
}

stack::stack_config config_of(const backends::tcp_choices& what) {
    using wanted = backends::tcp_choices::ecn_use;
    stack::stack_config config;
    stack::tcp_config& tcp = config.tcp;
    if (const auto known = stack::congestion_algorithm_named(what.congestion))
        tcp.congestion = *known;
    switch (what.ecn) {
        case wanted::standard: break;
        case wanted::off: tcp.ecn = stack::ecn_use::off; break;
        case wanted::accept: tcp.ecn = stack::ecn_use::accept; break;
        case wanted::on: tcp.ecn = stack::ecn_use::request; break;
    }
    tcp.pacing = what.pacing;
    tcp.after_idle = idle_window_of(what.idle);
    return config;
}

dns_resolver::options names_of(const backends::name_choices& what) {
    dns_resolver::options o;
    for (const stack::endpoint& server : what.servers)
        o.servers.push_back(to_asio(server, server.address.is_v4() ? AF_INET : AF_INET6));
    for (const std::string& domain : what.search)
        if (const auto name = dns::to_host_name(domain)) o.search.push_back(*name);
    if (!what.hosts.empty()) o.hosts_path = what.hosts;
    if (!what.configuration.empty()) o.configuration_path = what.configuration;
    return o;
}

stack_transport::settings settings_of(const backends::wire_spec& what) {
    return {what.addresses, {}, config_of(what.tcp), names_of(what.names)};
}
stack_transport::settings settings_of(const backends::xdp_spec& what) {
    return {what.addresses, what.gateway, config_of(what.tcp), names_of(what.names)};
}

// The addresses that the driver really has, where the specification left the choice to it.
void complete_addresses(stack_transport::settings& s, const backends::driver& medium) {
    if (!s.addresses.empty()) return;
    for (const std::string& text : medium.describe().addresses)
        if (const auto address = stack::ip_prefix::parse(text)) s.addresses.push_back(*address);
}

template <class Opened>
Opened unwrap(std::variant<Opened, backends::failure> result) {
    if (auto* const failed = std::get_if<backends::failure>(&result))
        throw backend_error(failed->message);
    return std::move(std::get<Opened>(result));
}

struct opener {
    engine& where;
    const context_options& options;
    const backends::spec& whole;
    shard_place* place;

    std::unique_ptr<transport> operator()(const backends::kernel_spec&) const {
        kernel_limits limits;
        limits.shared_ports = place != nullptr;
        return std::make_unique<kernel_transport>(where, where.ring(), limits);
    }
    std::unique_ptr<backends::driver> open_medium() const {
        if (place != nullptr) return std::move(place->medium);
        return unwrap(backends::open_driver(whole));
    }
    template <class Spec>
    std::unique_ptr<transport> operator()(const Spec& what) const {
        auto medium = open_medium();
        auto settings = settings_of(what);
        complete_addresses(settings, *medium);
        settings.seed = options.seed;
        settings.names.families = {false, false};
        for (const stack::ip_prefix& own : settings.addresses)
            (own.address.is_v4() ? settings.names.families.v4 : settings.names.families.v6) = true;
        return std::make_unique<stack_transport>(where, std::move(medium),
                                                 make_random_source(options.seed), settings);
    }
};

}  // namespace

std::unique_ptr<transport> open_transport(engine& where, const context_options& options,
                                          shard_place* place) {
    const auto spec = unwrap(backends::parse_spec(options.backend));
    return std::visit(opener{where, options, spec, place}, spec);
}

std::vector<shard_place> open_shard_places(const context_options& options, unsigned count) {
    const auto spec = unwrap(backends::parse_spec(options.backend));
    std::vector<shard_place> places(count);
    if (std::holds_alternative<backends::kernel_spec>(spec)) return places;
    auto media = unwrap(backends::open_shard_drivers(spec, count));
    for (unsigned i = 0; i != count; ++i) places[i].medium = std::move(media[i]);
    return places;
}

}  // namespace coax::detail
