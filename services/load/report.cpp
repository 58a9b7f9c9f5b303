// Formats load results.
#include "services/load/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "services/program/endpoint_text.hpp"

namespace coax::services {
namespace {

using json_object = nlohmann::ordered_json;

constexpr unsigned steps_per_half = 10;  // of the curve in the JSON
constexpr std::array<std::pair<const char*, double>, 6> percentiles{{{"p50", 50},
                                                                     {"p90", 90},
                                                                     {"p99", 99},
                                                                     {"p99_9", 99.9},
                                                                     {"p99_99", 99.99},
                                                                     {"p99_999", 99.999}}};

// Nanoseconds as microseconds with the histogram's three digits and a bit.
double microseconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000.0; }

double megabits_per_second(const load_result& r) {
    return r.per_second(r.counts.bytes_sent + r.counts.bytes_received) * 8e-6;
}

bool is_stream(const load_options& asked) { return asked.protocol == load_protocol::tcp_stream; }

std::string loop_text(const load_options& asked) {
    if (is_stream(asked)) return "bulk";
    if (asked.rate > 0) return fmt::format("open loop, {:g}/s asked", asked.rate);
    if (asked.think_time.count() > 0)
        return fmt::format("closed loop, {:g} s to think",
                           std::chrono::duration<double>(asked.think_time).count());
    return "closed loop";
}

std::string load_text(const load_options& asked, const load_result& r) {
    std::string text = fmt::format("{} to {}, {} of {} connections, ", to_text(asked.protocol),
                                   to_text(asked.connect), r.connected, asked.connections);
    if (asked.protocol == load_protocol::http) text += fmt::format("GET {}, ", asked.target);
    else if (asked.raw) text += fmt::format("requests of {} bytes, ", asked.raw->request.size());
    else text += fmt::format("{} bytes, ", asked.size);
    if (asked.pipeline > 1) text += fmt::format("{} under way each, ", asked.pipeline);
    const std::size_t threads = std::min(asked.threads, asked.connections);  // none without work
    if (threads > 1) text += fmt::format("{} threads, ", threads);
    return text + fmt::format("{}, {:.2f} s", loop_text(asked), r.seconds);
}

std::string errors_text(const load_counts& c) {
    std::string text = fmt::format("{}", c.all_errors());
    std::string kinds;
    for (const auto& [kind, times] : c.errors)
        kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", times, kind);
    return kinds.empty() ? text : text + " (" + kinds + ")";
}

std::string latency_text(const histogram& h) {
    const auto at = [&](double percent) { return microseconds(h.percentile(percent)); };
    return fmt::format(
        "p50 {:.1f}  p90 {:.1f}  p99 {:.1f}  p99.9 {:.1f}  p99.99 {:.1f}  p99.999 {:.1f}  "
        "max {:.1f}",
        at(50), at(90), at(99), at(99.9), at(99.99), at(99.999), microseconds(h.max()));
}

// The kind that comes first in the alphabet: kept for those who read it from before there were
// kinds.
std::string first_error(const load_counts& c) {
    return c.errors.empty() ? "" : c.errors.begin()->first;
}

json_object latency_json(const histogram& h) {
    json_object json;
    for (const auto& [name, percent] : percentiles)
        json[name] = microseconds(h.percentile(percent));
    json["max"] = microseconds(h.max());
    json["mean"] = h.mean() / 1000;
    return json;
}

json_object backend_json(const coax::backend_description& backend) {
    return {{"kind", backend.kind},           {"interface", backend.interface},
            {"mode", backend.mode},           {"queues", backend.queues},
            {"offloads", backend.offloads},   {"mtu", backend.mtu},
            {"addresses", backend.addresses}, {"notes", backend.notes}};
}

void add_asked(json_object& json, const load_options& asked) {
    json["connect"] = to_text(asked.connect);
    json["connections"] = asked.connections;
    json["size"] = asked.size;
    json["rate"] = asked.rate;
    json["threads"] = asked.threads;
    json["pipeline"] = asked.pipeline;
    json["think_time"] = std::chrono::duration<double>(asked.think_time).count();
    json["warmup"] = std::chrono::duration<double>(asked.warmup).count();
}

}  // namespace

std::string bottleneck_text(const load_options& asked, const load_result& r) {
    if (!r.is_bottleneck()) return {};
    return fmt::format(
        "this program's own core was the limit ({:.0f} % at work, {:.0f} % waiting for it): the "
        "server may be faster than these figures; give it {}",
        100 * r.busy, 100 * r.waiting,
        asked.threads == 1 ? "a core of its own, or more --threads" : "more cores");
}

std::string load_table(const load_options& asked, const load_result& r) {
    const load_counts& c = r.counts;
    std::string text;
    const auto row = [&](std::string_view name, const std::string& value) {
        text += fmt::format("{:<12} {}\n", name, value);
    };
    row("load", load_text(asked, r));
    row("backend", r.backend.to_line());
    if (!is_stream(asked))
        row("messages", fmt::format("{}, {:.0f}/s", c.messages, r.per_second(c.messages)));
    row("bytes", fmt::format("{} sent, {} received, {:.1f} Mbit/s", c.bytes_sent, c.bytes_received,
                             megabits_per_second(r)));
    row("errors", errors_text(c));
    if (c.late > 0) row("late", fmt::format("{} answers after their time, or twice", c.late));
    if (c.reconnects > 0) row("reconnects", fmt::format("{}", c.reconnects));
    for (const auto& [status, times] : c.statuses)
        row(fmt::format("status {}", status),
            fmt::format("{}{}", times, asked.warmup.count() > 0 ? " (warm-up included)" : ""));
    if (!is_stream(asked)) {
        row("mismatches", fmt::format("{}", c.mismatches));
        row("latency us", latency_text(c.latency));
    }
    row("own CPU", fmt::format("{:.0f} %", 100 * r.busy));
    if (r.is_bottleneck()) row("BOTTLENECK", bottleneck_text(asked, r));
    return text;
}

std::string load_json(const load_options& asked, const load_result& r) {
    const load_counts& c = r.counts;
    json_object json;
    json["protocol"] = to_text(asked.protocol);
    json["messages"] = c.messages;
    json["messages_per_second"] = r.per_second(c.messages);
    json["bytes_sent"] = c.bytes_sent;
    json["bytes_received"] = c.bytes_received;
    json["megabits_per_second"] = megabits_per_second(r);
    json["errors"] = c.all_errors();
    json["errors_by_kind"] = json_object::object();
    for (const auto& [kind, times] : c.errors) json["errors_by_kind"][kind] = times;
    json["timeouts"] = c.timeouts;
    json["mismatches"] = c.mismatches;
    json["late"] = c.late;
    json["reconnects"] = c.reconnects;
    json["statuses"] = json_object::object();
    for (const auto& [status, times] : c.statuses) json["statuses"][std::to_string(status)] = times;
    json["latency_us"] = latency_json(c.latency);
    json["seconds"] = r.seconds;
    json["cpu_seconds"] = r.cpu_seconds;
    json["own_cpu_busy"] = r.busy;
    json["own_cpu_waiting"] = r.waiting;
    json["bottleneck"] = r.is_bottleneck();
    json["connected"] = r.connected;
    add_asked(json, asked);
    json["backend"] = r.backend.to_line();
    json["backend_details"] = backend_json(r.backend);
    json["first_error"] = first_error(c);
    json["counters"] = json_object::object();
    for (const coax::counter& each : r.counters)
        if (each.value != 0) json["counters"][std::string(each.name)] = each.value;
    json["version"] = COAX_VERSION;
    json["percentiles"] = json_object::array();
    for (const histogram::step& s : c.latency.distribution(steps_per_half))
        json["percentiles"].push_back({s.percent, microseconds(s.value)});
    return json.dump(2, ' ', false, json_object::error_handler_t::replace) + "\n";
}

std::string load_line(const load_options& asked, const load_moment& now,
                      const load_moment& before) {
    const auto seconds = [](std::chrono::nanoseconds d) {
        return std::chrono::duration<double>(d).count();
    };
    if (!now.exchanging)
        return fmt::format("{:.0f} s: {} of {} connected, {} errors", seconds(now.since_begin),
                           now.connected, asked.connections, now.errors);
    const double passed = std::max(0.001, seconds(now.since_begin - before.since_begin));
    const auto rate = [&](std::uint64_t to, std::uint64_t from) {
        return static_cast<double>(to - std::min(from, to)) / passed;
    };
    std::string text = fmt::format("{:.0f} of {:.0f} s{}: ", seconds(now.since_begin),
                                   std::ceil(seconds(asked.warmup + asked.duration)),
                                   now.since_begin < asked.warmup ? " (warm-up)" : "");
    if (is_stream(asked))
        text += fmt::format("{:.1f} Mbit/s", rate(now.bytes, before.bytes) * 8e-6);
    else text += fmt::format("{:.0f}/s", rate(now.messages, before.messages));
    text += fmt::format(", {} errors", now.errors);
    if (now.mismatches > 0) text += fmt::format(", {} mismatches", now.mismatches);
    text += fmt::format(", own core {:.0f} %", 100 * std::min(1.0, now.busy));
    if (now.busy > load_result::bottleneck_from) text += ": THE LOAD ITSELF IS THE LIMIT";
    return text;
}

}  // namespace coax::services
