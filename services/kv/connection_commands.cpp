// The connection itself: which protocol, whose it is, whether it lives.
#include <array>

#include <fmt/format.h>

#include "services/kv/command.hpp"
#include "services/kv/number_text.hpp"

namespace coax::services::kv {
namespace {

constexpr std::string_view no_password =
    "ERR AUTH <password> called without any password configured for the default user. Are you "
    "sure your configuration is correct?";

void ping(call& c) {
    if (c.args.size() > 2) return wrong_arity(c);
    const bool given = c.args.size() == 2;
    if (c.who.version < 3 && c.who.subscriptions() > 0) {
        c.reply.array(2);
        c.reply.bulk("pong");
        return c.reply.bulk(given ? c.args[1] : std::string_view());
    }
    given ? c.reply.bulk(c.args[1]) : c.reply.simple("PONG");
}

void echo(call& c) { c.reply.bulk(c.args[1]); }

void select(call& c) {
    const auto number = integer_argument(c, 1);
    if (!number) return;
    *number == 0 ? c.reply.ok() : c.reply.error("ERR DB index is out of range");
}

void quit(call& c) {
    c.who.quit = true;
    c.reply.ok();
}

void auth(call& c) { c.reply.error(no_password); }

bool is_client_name(std::string_view name) {
    constexpr std::size_t longest = 256;
    if (name.size() > longest) return false;
    for (const char letter : name)
        if (letter < '!' || letter > '~') return false;
    return true;
}

constexpr std::string_view bad_name =
    "ERR Client names cannot contain spaces, newlines or special characters.";

void answer_hello(call& c) {
    c.reply.map(7);
    c.reply.bulk("server");
    c.reply.bulk("redis");
    c.reply.bulk("version");
    c.reply.bulk(redis_version);
    c.reply.bulk("proto");
    c.reply.integer(c.who.version);
    c.reply.bulk("id");
    c.reply.integer(static_cast<std::int64_t>(c.who.id));
    c.reply.bulk("mode");
    c.reply.bulk("standalone");
    c.reply.bulk("role");
    c.reply.bulk("master");
    c.reply.bulk("modules");
    c.reply.array(0);
}

void hello(call& c) {
    int version = c.who.version;
    if (c.args.size() > 1) {
        const auto wanted = parse_integer(c.args[1]);
        if (!wanted) return c.reply.error("ERR Protocol version is not an integer or out of range");
        if (*wanted != 2 && *wanted != 3)
            return c.reply.error("NOPROTO unsupported protocol version");
        version = static_cast<int>(*wanted);
    }
    for (std::size_t at = 2; at < c.args.size(); ++at) {
        if (is_word(c.args[at], "AUTH") && at + 2 < c.args.size())
            return c.reply.error(no_password);
        if (!is_word(c.args[at], "SETNAME") || at + 1 == c.args.size())
            return c.reply.error(
                fmt::format("ERR Syntax error in HELLO option '{}'", c.args[at].substr(0, 128)));
        if (!is_client_name(c.args[++at])) return c.reply.error(bad_name);
        c.who.name = c.args[at];
    }
    c.who.version = version;
    c.reply.protocol(version);
    answer_hello(c);
}

void client_info(call& c) {
    c.reply.verbatim(fmt::format("id={} addr={} name={} age={} db=0 sub={} psub={} resp={}\n",
                                 c.who.id, c.who.address, c.who.name,
                                 (c.data.now() - c.who.connected) / 1000, c.who.channels().size(),
                                 c.who.patterns().size(), c.who.version));
}

void client_command(call& c) {
    const std::string_view what = c.args[1];
    if (is_word(what, "ID") && c.args.size() == 2)
        return c.reply.integer(static_cast<std::int64_t>(c.who.id));
    if (is_word(what, "INFO") && c.args.size() == 2) return client_info(c);
    if (is_word(what, "GETNAME") && c.args.size() == 2)
        return c.who.name.empty() ? c.reply.null() : c.reply.bulk(c.who.name);
    if (is_word(what, "SETNAME") && c.args.size() == 3) {
        if (!is_client_name(c.args[2])) return c.reply.error(bad_name);
        c.who.name = c.args[2];
        return c.reply.ok();
    }
    // What a client library tells of itself: accepted, not kept.
    if (is_word(what, "SETINFO") && c.args.size() == 4) return c.reply.ok();
    unknown_subcommand(c);
}

// Back to what a new connection is.
void reset(call& c) {
    c.channels.forget(c.who);
    c.who.name.clear();
    c.who.version = 2;
    c.reply.protocol(2);
    c.reply.simple("RESET");
}

constexpr std::array commands{
    command{"PING", -1, while_listening, 0, 0, 0, ping},
    command{"ECHO", 2, 0, 0, 0, 0, echo},
    command{"SELECT", 2, 0, 0, 0, 0, select},
    command{"QUIT", -1, while_listening, 0, 0, 0, quit},
    command{"AUTH", -2, 0, 0, 0, 0, auth},
    command{"HELLO", -1, 0, 0, 0, 0, hello},
    command{"CLIENT", -2, 0, 0, 0, 0, client_command},
    command{"RESET", 1, while_listening, 0, 0, 0, reset},
};

}  // namespace

std::span<const command> connection_commands() { return commands; }

}  // namespace coax::services::kv
