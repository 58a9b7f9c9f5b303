// Counters of a shard, added up and spelled.
#include "services/serve/account.hpp"

#include <fmt/format.h>

namespace coax::services {

account account_of(const coax::io_context& io, const server& s) {
    account a{s.statistics(), s.details(), {}, io.backend().queues};
    for (const coax::counter& c : io.counters())
        if (c.value != 0) a.counters[c.name] += c.value;
    return a;
}

account total_of(const std::vector<account>& all) {
    if (all.size() == 1) return all.front();
    account total;
    for (const account& one : all) {
        total.counts.connections += one.counts.connections;
        total.counts.open += one.counts.open;
        total.counts.requests += one.counts.requests;
        total.counts.bytes_in += one.counts.bytes_in;
        total.counts.bytes_out += one.counts.bytes_out;
        total.counts.errors += one.counts.errors;
        for (const auto& [name, value] : one.counters) total.counters[name] += value;
    }
    return total;
}

std::string traffic_text(const account& a, const char* unit) {
    const traffic& t = a.counts;
    return fmt::format("{} connections, {} {}, {} bytes in, {} bytes out, {} errors{}{}",
                       t.connections, t.requests, unit, t.bytes_in, t.bytes_out, t.errors,
                       a.details.empty() ? "" : ", ", a.details);
}

std::string shard_text(std::size_t number, const account& a, const char* unit) {
    const auto counted = [&a](const char* name) {
        const auto found = a.counters.find(name);
        return found == a.counters.end() ? 0 : found->second;
    };
    std::string text = fmt::format("shard {}", number);
    if (!a.queues.empty()) text += fmt::format(" (queue {})", a.queues.front());
    text += ": " + traffic_text(a, unit);
    if (!a.queues.empty())
        text += fmt::format("; {} frames in, {} out, {} handed over to others, {} taken over",
                            counted("device.frames_received"), counted("device.frames_sent"),
                            counted("shards.handed_over"), counted("shards.taken_over"));
    return text;
}

std::string counters_text(const account& a) {
    std::string line;
    for (const auto& [name, value] : a.counters)
        line += fmt::format("{}{}={}", line.empty() ? "" : " ", name, value);
    return line;
}

}  // namespace coax::services
