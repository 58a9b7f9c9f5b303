// SUBSCRIBE and its kin: one answer per channel, each a push in RESP3.
#include <array>
#include <string>
#include <vector>

#include "services/kv/command.hpp"
#include "services/kv/glob.hpp"

namespace coax::services::kv {
namespace {

constexpr std::string_view no_memory = "ERR no memory for more subscriptions";

void confirm(call& c, std::string_view what, std::string_view name) {
    c.reply.push(3);
    c.reply.bulk(what);
    c.reply.bulk(name);
    c.reply.integer(static_cast<std::int64_t>(c.who.subscriptions()));
}

void subscribe_to(call& c, topic kind, std::string_view what) {
    for (const std::string_view name : c.args.subspan(1)) {
        if (kind == topic::pattern && name.size() > glob_length_max)
            return c.reply.error(pattern_too_long);
        if (!c.channels.subscribe(c.who, kind, name)) return c.reply.error(no_memory);
        confirm(c, what, name);
    }
}

void unsubscribe_from(call& c, topic kind, std::string_view what) {
    for (const std::string_view name : c.args.subspan(1)) {
        c.channels.unsubscribe(c.who, kind, name);
        confirm(c, what, name);
    }
    if (c.args.size() > 1) return;
    const auto& own = kind == topic::channel ? c.who.channels() : c.who.patterns();
    if (own.empty()) {
        c.reply.push(3);
        c.reply.bulk(what);
        c.reply.null();
        c.reply.integer(static_cast<std::int64_t>(c.who.subscriptions()));
        return;
    }
    while (!own.empty()) {
        const std::string name = *own.begin();
        c.channels.unsubscribe(c.who, kind, name);
        confirm(c, what, name);
    }
}

void subscribe(call& c) { subscribe_to(c, topic::channel, "subscribe"); }
void psubscribe(call& c) { subscribe_to(c, topic::pattern, "psubscribe"); }
void unsubscribe(call& c) { unsubscribe_from(c, topic::channel, "unsubscribe"); }
void punsubscribe(call& c) { unsubscribe_from(c, topic::pattern, "punsubscribe"); }

void publish(call& c) {
    c.reply.integer(static_cast<std::int64_t>(c.channels.publish(c.args[1], c.args[2])));
}

constexpr std::array commands{
    command{"SUBSCRIBE", -2, while_listening, 0, 0, 0, subscribe},
    command{"PSUBSCRIBE", -2, while_listening, 0, 0, 0, psubscribe},
    command{"UNSUBSCRIBE", -1, while_listening, 0, 0, 0, unsubscribe},
    command{"PUNSUBSCRIBE", -1, while_listening, 0, 0, 0, punsubscribe},
    command{"PUBLISH", 3, 0, 0, 0, 0, publish},
};

}  // namespace

std::span<const command> pubsub_commands() { return commands; }

}  // namespace coax::services::kv
