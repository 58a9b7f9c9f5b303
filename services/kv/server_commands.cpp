// What the server tells of itself: INFO, COMMAND, CONFIG GET, TIME.
#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "services/kv/command.hpp"
#include "services/kv/glob.hpp"
#include "services/kv/number_text.hpp"

namespace coax::services::kv {
namespace {

std::string_view policy_name(const store& data) {
    return data.limits().eviction == eviction_policy::noeviction ? "noeviction" : "allkeys-lru";
}

std::string server_section(const call& c) {
    return fmt::format(
        "# Server\r\nredis_version:{}\r\nserver_name:coax\r\nredis_mode:standalone\r\n"
        "coax_backend:{}\r\ntcp_port:{}\r\nuptime_in_seconds:{}\r\n"
        "storage:in memory only, nothing is written to disk\r\n",
        redis_version, c.facts.backend, c.facts.port, (c.data.now() - c.facts.started) / 1000);
}

std::string clients_section(const call& c) {
    return fmt::format(
        "# Clients\r\nconnected_clients:{}\r\nmaxclients:{}\r\npubsub_clients:{}\r\n"
        "client_buffers_bytes:{}\r\nclient_buffers_limit:{}\r\n",
        c.facts.clients, c.facts.connections, c.facts.subscribed_clients, c.buffers.used(),
        c.buffers.limit());
}

std::string memory_section(const call& c) {
    return fmt::format("# Memory\r\nused_memory:{}\r\nmaxmemory:{}\r\nmaxmemory_policy:{}\r\n",
                       c.data.memory(), c.data.limits().memory, policy_name(c.data));
}

std::string stats_section(const call& c) {
    const store_counts& k = c.data.counts();
    const server_facts& f = c.facts;
    return fmt::format(
        "# Stats\r\ntotal_connections_received:{}\r\ntotal_commands_processed:{}\r\n"
        "total_error_replies:{}\r\ntotal_net_input_bytes:{}\r\ntotal_net_output_bytes:{}\r\n"
        "expired_keys:{}\r\nevicted_keys:{}\r\nkeyspace_hits:{}\r\nkeyspace_misses:{}\r\n"
        "pubsub_channels:{}\r\npubsub_patterns:{}\r\nprotocol_errors:{}\r\n"
        "slow_subscribers_closed:{}\r\nstalled_clients_closed:{}\r\n"
        "buffer_limit_closed:{}\r\n",
        f.accepted, f.commands, f.refused, f.bytes_in, f.bytes_out, k.expired, k.evicted, k.hits,
        k.misses, c.channels.channels(), c.channels.patterns(), f.protocol_errors,
        f.slow_subscribers, f.stalled_clients, f.buffer_refusals);
}

std::string keyspace_section(const call& c) {
    std::string text = "# Keyspace\r\n";
    if (c.data.size() > 0)
        text += fmt::format("db0:keys={},expires={}\r\n", c.data.size(), c.data.expiring());
    return text;
}

// "INFO [section...]"; all of them without one, and for what asks for all.
void info(call& c) {
    struct section {
        std::string_view name;
        std::string (*text)(const call&);
    };
    constexpr std::array<section, 5> sections{section{"SERVER", server_section},
                                              {"CLIENTS", clients_section},
                                              {"MEMORY", memory_section},
                                              {"STATS", stats_section},
                                              {"KEYSPACE", keyspace_section}};
    const auto wanted = [&](const section& one) {
        for (const std::string_view name : c.args.subspan(1))
            if (is_word(name, one.name) || is_word(name, "ALL") || is_word(name, "DEFAULT") ||
                is_word(name, "EVERYTHING"))
                return true;
        return c.args.size() == 1;
    };
    std::string text;
    for (const section& one : sections) {
        if (!wanted(one)) continue;
        if (!text.empty()) text += "\r\n";
        text += one.text(c);
    }
    c.reply.verbatim(text);
}

void config(call& c) {
    if (!is_word(c.args[1], "GET") || c.args.size() < 3) return unknown_subcommand(c);
    const std::array<std::pair<std::string_view, std::string>, 7> known{
        {{"maxmemory", std::to_string(c.data.limits().memory)},
         {"maxmemory-policy", std::string(policy_name(c.data))},
         {"maxclients", std::to_string(c.facts.connections)},
         {"databases", "1"},
         // No persistence: benchmarks ask.
         {"save", ""},
         {"appendonly", "no"},
         {"port", std::to_string(c.facts.port)}}};
    std::vector<const std::pair<std::string_view, std::string>*> found;
    for (const auto& one : known)
        for (const std::string_view pattern : c.args.subspan(2))
            if (pattern.size() <= glob_length_max && glob_matches(pattern, one.first)) {
                found.push_back(&one);
                break;
            }
    c.reply.map(found.size());
    for (const auto* const one : found) {
        c.reply.bulk(one->first);
        c.reply.bulk(one->second);
    }
}

void describe(call& c, const command& one) {
    std::string name(one.name);
    for (char& letter : name) letter = static_cast<char>(letter - 'A' + 'a');
    c.reply.array(6);
    c.reply.bulk(name);
    c.reply.integer(one.arity);
    c.reply.set(1);
    c.reply.simple((one.flags & writes) != 0 ? "write" : "readonly");
    c.reply.integer(one.first_key);
    c.reply.integer(one.last_key);
    c.reply.integer(one.key_step);
}

void command_command(call& c) {
    if (c.args.size() == 1) {
        c.reply.array(all_commands().size());
        for (const command* const one : all_commands()) describe(c, *one);
        return;
    }
    if (is_word(c.args[1], "COUNT") && c.args.size() == 2)
        return c.reply.integer(static_cast<std::int64_t>(all_commands().size()));
    if (is_word(c.args[1], "INFO")) {
        c.reply.array(c.args.size() - 2);
        for (const std::string_view name : c.args.subspan(2)) {
            const command* const found = find_command(name);
            found == nullptr ? c.reply.null_array() : describe(c, *found);
        }
        return;
    }
    // Texts for people are in services/README.md; clients that ask get along without.
    if (is_word(c.args[1], "DOCS")) return c.reply.map(0);
    unknown_subcommand(c);
}

void time(call& c) {
    c.reply.array(2);
    c.reply.bulk(std::to_string(c.data.now() / 1000));
    c.reply.bulk(std::to_string(c.data.now() % 1000 * 1000));
}

constexpr std::array commands{
    command{"INFO", -1, 0, 0, 0, 0, info},
    command{"CONFIG", -2, 0, 0, 0, 0, config},
    command{"COMMAND", -1, 0, 0, 0, 0, command_command},
    command{"TIME", 1, 0, 0, 0, 0, time},
};

}  // namespace

std::span<const command> server_commands() { return commands; }

}  // namespace coax::services::kv
