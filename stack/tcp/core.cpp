// Making and ending the shared state, and the one look-up everybody shares.
#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

core::core(const tcp_config& configuration, random_source& source)
    : config(configuration),
      randomness(source),
      keys(source),
      bbr_control(configuration.paced_connections_max),
      blocks(configuration.buffer_memory_bytes),
      flights(configuration.flight_memory_bytes),
      resets_allowed(configuration.resets_per_second_max),
      bindings(configuration.connections_max),
      connections(configuration.connections_max),
      rare_states(configuration.connections_max),
      tunings(configuration.tuned_connections_max),
      totals(configuration.connections_max),
      half_opens(configuration.half_open_max),
      time_waits(configuration.time_wait_max),
      replies(configuration.reply_queue_max),
      recoveries(configuration.connections_max),
      pacings(configuration.paced_connections_max),
      validations(configuration.connections_max) {
    for (std::uint32_t& c : port_counters) c = static_cast<std::uint32_t>(source.next());
}

core::~core() = default;

const flow& core::ends_of(reference r) noexcept {
    switch (r.which()) {
        case reference::kind::half_open: return half_opens.at(r.index())->ends_;
        case reference::kind::time_wait: return time_waits.at(r.index())->ends_;
        default: return connections.at(r.index())->ends_;
    }
}

reference core::find_flow(const flow& ends, std::uint32_t hash) noexcept {
    return table.find(hash, [&](reference r) { return same(ends_of(r), ends); });
}

reference core::find_in_table(const wire::ipv4_key& key) noexcept {
    const reference to = table.find(hash_of(key), [&](reference r) {
        const flow& ends = ends_of(r);
        return is_ipv4(ends) && ipv4_key_of(ends) == key;
    });
    if (!to.is_none()) recent.note(key, to);
    return to;
}

}  // namespace coax::stack::tcp
