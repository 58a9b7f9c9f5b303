// All keys together: KEYS, SCAN and what empties the store.
#include <array>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "services/kv/command.hpp"
#include "services/kv/glob.hpp"
#include "services/kv/number_text.hpp"

namespace coax::services::kv {
namespace {

bool is_pattern(call& c, std::string_view text) {
    if (text.size() <= glob_length_max) return true;
    c.reply.error(pattern_too_long);
    return false;
}

void answer_names(call& c, const std::vector<std::string_view>& names) {
    c.reply.array(names.size());
    for (const std::string_view name : names) c.reply.bulk(name);
}

void keys(call& c) {
    if (!is_pattern(c, c.args[1])) return;
    std::vector<std::string_view> found;
    c.data.for_each([&](const store::place& p) {
        if (!c.data.is_over(p.value) && glob_matches(c.args[1], p.key)) found.push_back(p.key);
    });
    answer_names(c, found);
}

struct scan_options {
    std::string_view pattern = "*";
    std::string_view type;
    std::int64_t count = 10;
};

std::optional<scan_options> read_scan_options(call& c) {
    scan_options options;
    for (std::size_t at = 2; at < c.args.size(); at += 2) {
        if (at + 1 == c.args.size()) {
            c.reply.error(syntax_error);
            return std::nullopt;
        }
        if (is_word(c.args[at], "MATCH")) {
            options.pattern = c.args[at + 1];
        } else if (is_word(c.args[at], "TYPE")) {
            options.type = c.args[at + 1];
        } else if (is_word(c.args[at], "COUNT")) {
            const auto count = integer_argument(c, at + 1);
            if (!count) return std::nullopt;
            options.count = *count;
        }
        if (!is_word(c.args[at], "MATCH") && !is_word(c.args[at], "TYPE") &&
            (!is_word(c.args[at], "COUNT") || options.count < 1)) {
            c.reply.error(syntax_error);
            return std::nullopt;
        }
    }
    if (!is_pattern(c, options.pattern)) return std::nullopt;
    return options;
}

bool is_type(const entry& e, std::string_view name) {
    std::string lower(name.substr(0, 16));
    for (char& letter : lower)
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    return lower == type_name(e.held);
}

void scan(call& c) {
    std::uint64_t cursor = 0;
    const std::string_view text = c.args[1];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cursor);
    if (error != std::errc{} || end != text.data() + text.size())
        return c.reply.error("ERR invalid cursor");
    const auto options = read_scan_options(c);
    if (!options) return;
    std::vector<std::string_view> found;
    std::int64_t seen = 0;
    // Buckets may be empty: not many more of them than keys are asked for.
    std::int64_t steps =
        options->count > (std::int64_t{1} << 40) ? options->count : options->count * 10;
    do {
        cursor = c.data.scan(cursor, [&](const store::place& p) {
            ++seen;
            if (c.data.is_over(p.value) || !glob_matches(options->pattern, p.key)) return;
            if (options->type.empty() || is_type(p.value, options->type)) found.push_back(p.key);
        });
    } while (cursor != 0 && seen < options->count && --steps > 0);
    c.reply.array(2);
    c.reply.bulk(fmt::format_int(cursor).str());
    answer_names(c, found);
}

void randomkey(call& c) {
    const store::place* const p = c.data.random();
    p == nullptr ? c.reply.null() : c.reply.bulk(p->key);
}

void dbsize(call& c) { c.reply.integer(static_cast<std::int64_t>(c.data.size())); }

void flush(call& c) {
    if (c.args.size() > 2 ||
        (c.args.size() == 2 && !is_word(c.args[1], "ASYNC") && !is_word(c.args[1], "SYNC")))
        return c.reply.error(syntax_error);
    c.data.clear();
    c.reply.ok();
}

constexpr std::array commands{
    command{"KEYS", 2, 0, 0, 0, 0, keys},           command{"SCAN", -2, 0, 0, 0, 0, scan},
    command{"RANDOMKEY", 1, 0, 0, 0, 0, randomkey}, command{"DBSIZE", 1, 0, 0, 0, 0, dbsize},
    command{"FLUSHDB", -1, writes, 0, 0, 0, flush}, command{"FLUSHALL", -1, writes, 0, 0, 0, flush},
};

}  // namespace

std::span<const command> keyspace_commands() { return commands; }

}  // namespace coax::services::kv
