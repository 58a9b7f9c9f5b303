// Formats load results.
#include "services/load/report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "services/program/endpoint_text.hpp"

namespace coax::services {
namespace {

// Nanoseconds as microseconds with the histogram's three digits and a bit.
double microseconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000.0; }

double busy_share(const load_result& r) { return r.seconds > 0 ? r.cpu_seconds / r.seconds : 0; }

}  // namespace

std::string load_table(const load_options& asked, const load_result& result,
                       const coax::io_context& io) {
    const histogram& h = result.latency;
    std::string text;
    const auto row = [&](std::string_view name, const std::string& value) {
        text += fmt::format("{:<12} {}\n", name, value);
    };
    row("load",
        fmt::format("echo to {}, {} of {} connections, {} bytes, {:.2f} s", to_text(asked.connect),
                    result.connected, asked.connections, asked.size, result.seconds));
    row("backend", io.backend().to_line());
    row("messages", fmt::format("{}, {:.0f}/s", result.messages, result.messages_per_second()));
    row("errors", fmt::format("{}{}", result.errors,
                              result.errors > 0 ? " (" + result.first_error + ")" : ""));
    row("mismatches", fmt::format("{}", result.mismatches));
    row("latency us", fmt::format("p50 {:.1f}  p90 {:.1f}  p99 {:.1f}  p99.9 {:.1f}  max {:.1f}",
                                  microseconds(h.percentile(50)), microseconds(h.percentile(90)),
                                  microseconds(h.percentile(99)), microseconds(h.percentile(99.9)),
                                  microseconds(h.max())));
    row("own CPU", fmt::format("{:.0f} %", 100 * busy_share(result)));
    return text;
}

std::string load_json(const load_options& asked, const load_result& result,
                      const coax::io_context& io) {
    const coax::backend_description& backend = io.backend();
    const histogram& h = result.latency;
    nlohmann::ordered_json json;
    json["messages"] = result.messages;
    json["messages_per_second"] = result.messages_per_second();
    json["errors"] = result.errors;
    json["mismatches"] = result.mismatches;
    json["latency_us"] = {{"p50", microseconds(h.percentile(50))},
                          {"p90", microseconds(h.percentile(90))},
                          {"p99", microseconds(h.percentile(99))},
                          {"p99_9", microseconds(h.percentile(99.9))},
                          {"max", microseconds(h.max())}};
    json["backend"] = backend.to_line();
    json["backend_details"] = {{"kind", backend.kind},           {"interface", backend.interface},
                               {"mode", backend.mode},           {"queues", backend.queues},
                               {"offloads", backend.offloads},   {"mtu", backend.mtu},
                               {"addresses", backend.addresses}, {"notes", backend.notes}};
    json["connect"] = to_text(asked.connect);
    json["connections"] = asked.connections;
    json["connected"] = result.connected;
    json["size"] = asked.size;
    json["seconds"] = result.seconds;
    json["own_cpu_busy"] = busy_share(result);
    json["first_error"] = result.first_error;
    json["counters"] = nlohmann::ordered_json::object();
    for (const coax::counter& c : io.counters())
        if (c.value != 0) json["counters"][std::string(c.name)] = c.value;
    json["version"] = COAX_VERSION;
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace coax::services
