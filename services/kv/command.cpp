// Finds commands, and asks what holds for all of them.
#include "services/kv/command.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "services/kv/number_text.hpp"

namespace coax::services::kv {
namespace {

std::vector<const command*> sorted_commands() {
    std::vector<const command*> all;
    for (const auto list : {connection_commands(), string_commands(), counter_commands(),
                            key_commands(), keyspace_commands(), hash_commands(), list_commands(),
                            set_commands(), pubsub_commands(), server_commands()})
        for (const command& one : list) all.push_back(&one);
    std::ranges::sort(all, {}, [](const command* one) { return one->name; });
    return all;
}

std::string lower(std::string_view name) {
    std::string text(name);
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

void unknown_command(call& c) {
    constexpr std::size_t shown = 128;
    std::string text = fmt::format("ERR unknown command '{}', with args beginning with: ",
                                   c.args[0].substr(0, shown));
    const std::size_t most = text.size() + shown;
    for (const std::string_view argument : c.args.subspan(1)) {
        if (text.size() >= most) break;
        text += fmt::format("'{}' ", argument.substr(0, most - text.size()));
    }
    c.reply.error(text);
}

// What the arguments of a command may need, at most, once they are values of their own.
std::size_t growth(arguments args) {
    constexpr std::size_t each = 128;  // a node of a table, about
    std::size_t bytes = 0;
    for (const std::string_view one : args.subspan(1)) bytes += one.size() + each;
    return bytes;
}

}  // namespace

std::span<const command* const> all_commands() {
    static const std::vector<const command*> all = sorted_commands();
    return all;
}

const command* find_command(std::string_view name) {
    std::array<char, 24> capitals{};  // longer than any name
    if (name.size() > capitals.size()) return nullptr;
    std::ranges::transform(name, capitals.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    const std::string_view wanted(capitals.data(), name.size());
    const auto all = all_commands();
    const auto at =
        std::ranges::lower_bound(all, wanted, {}, [](const command* one) { return one->name; });
    return at != all.end() && (*at)->name == wanted ? *at : nullptr;
}

void execute(call& c) {
    ++c.facts.commands;
    const command* const found = find_command(c.args[0]);
    if (found == nullptr) return unknown_command(c);
    const auto count = static_cast<std::ptrdiff_t>(c.args.size());
    if (found->arity >= 0 ? count != found->arity : count < -found->arity) return wrong_arity(c);
    if (c.who.version < 3 && c.who.subscriptions() > 0 && (found->flags & while_listening) == 0)
        return c.reply.error(
            fmt::format("ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
                        "QUIT / RESET are allowed in this context",
                        lower(found->name)));
    if ((found->flags & grows) != 0 && !c.data.make_room(growth(c.args)))
        return c.reply.error(out_of_memory);
    found->run(c);
}

void wrong_arity(call& c) {
    c.reply.error(fmt::format("ERR wrong number of arguments for '{}' command",
                              lower(c.args[0].substr(0, 128))));
}

void unknown_subcommand(call& c) {
    c.reply.error(fmt::format("ERR unknown subcommand '{}'. Try {} HELP.", c.args[1].substr(0, 128),
                              find_command(c.args[0])->name));
}

std::optional<std::int64_t> integer_argument(call& c, std::size_t at) {
    const auto value = parse_integer(c.args[at]);
    if (!value) c.reply.error(no_integer);
    return value;
}

std::optional<std::size_t> count_argument(call& c, std::size_t at) {
    const auto value = parse_integer(c.args[at]);
    if (value && *value >= 0) return static_cast<std::size_t>(*value);
    c.reply.error("ERR value is out of range, must be positive");
    return std::nullopt;
}

}  // namespace coax::services::kv
