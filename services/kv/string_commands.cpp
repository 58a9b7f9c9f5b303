// Strings: GET, SET and what is between them.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "services/kv/command.hpp"
#include "services/kv/number_text.hpp"
#include "services/kv/shared_arguments.hpp"

namespace coax::services::kv {
namespace {

// Room for `size` bytes. std::string would double itself, which is too much of a large one.
void reserve(std::string& text, std::size_t size) {
    constexpr std::size_t large = std::size_t{1} << 20;
    if (size <= text.capacity() || size < large) return;
    std::string larger;
    larger.reserve(size + large);
    larger = text;
    text = std::move(larger);
}

using text_or_wrong = std::optional<std::string*>;

text_or_wrong text_of(call& c, std::string_view key) {
    return holding<std::string>(c, c.data.read(key));
}

void answer(call& c, const std::string* text) {
    text == nullptr ? c.reply.null() : c.reply.bulk(*text);
}

void get(call& c) {
    if (const auto text = text_of(c, c.args[1])) answer(c, *text);
}

struct set_options {
    bool only_new = false;
    bool only_known = false;
    bool get = false;
    bool keep_expiry = false;
    bool has_expiry = false;
    std::int64_t expires = no_expiry;
};

// An expiry with its number; false: no such option, or an error that has been answered.
bool read_expiry_option(call& c, std::size_t& at, set_options& options, bool& answered) {
    struct unit {
        std::string_view word;
        std::int64_t milliseconds;
        bool absolute;
    };
    constexpr std::array<unit, 4> units{
        unit{"EX", 1000, false}, {"PX", 1, false}, {"EXAT", 1000, true}, {"PXAT", 1, true}};
    const auto* const u =
        std::ranges::find_if(units, [&](const unit& one) { return is_word(c.args[at], one.word); });
    if (u == units.end() || at + 1 >= c.args.size() || options.has_expiry) return false;
    ++at;
    const auto when = expiry_argument(c, at, {u->milliseconds, u->absolute, true});
    answered = !when;
    options.has_expiry = true;
    if (when) options.expires = *when;
    return when.has_value();
}

std::optional<set_options> read_set_options(call& c) {
    set_options options;
    for (std::size_t at = 3; at < c.args.size(); ++at) {
        bool answered = false;
        if (is_word(c.args[at], "NX")) {
            options.only_new = true;
        } else if (is_word(c.args[at], "XX")) {
            options.only_known = true;
        } else if (is_word(c.args[at], "GET")) {
            options.get = true;
        } else if (is_word(c.args[at], "KEEPTTL")) {
            options.keep_expiry = true;
        } else if (!read_expiry_option(c, at, options, answered)) {
            if (!answered) c.reply.error(syntax_error);
            return std::nullopt;
        }
    }
    if ((options.only_new && options.only_known) || (options.keep_expiry && options.has_expiry)) {
        c.reply.error(syntax_error);
        return std::nullopt;
    }
    return options;
}

void set(call& c) {
    const auto options = read_set_options(c);
    if (!options) return;
    store::place* const p = c.data.find(c.args[1]);
    if (options->get) {
        const auto old = holding<std::string>(c, p);
        if (!old) return;
        answer(c, *old);
    }
    if ((options->only_new && p != nullptr) || (options->only_known && p == nullptr)) {
        if (!options->get) c.reply.null();
        return;
    }
    store::place* const placed =
        c.data.assign(c.args[1], std::string(c.args[2]), options->keep_expiry);
    if (options->has_expiry) c.data.set_expiry(placed, options->expires);
    if (!options->get) c.reply.ok();
}

void setnx(call& c) {
    const bool is_new = c.data.find(c.args[1]) == nullptr;
    if (is_new) c.data.assign(c.args[1], std::string(c.args[2]));
    c.reply.integer(is_new ? 1 : 0);
}

void set_with_expiry(call& c, std::int64_t unit) {
    const auto when = expiry_argument(c, 2, {unit, false, true});
    if (!when) return;
    c.data.set_expiry(c.data.assign(c.args[1], std::string(c.args[3])), *when);
    c.reply.ok();
}
void setex(call& c) { set_with_expiry(c, 1000); }
void psetex(call& c) { set_with_expiry(c, 1); }

void getset(call& c) {
    const auto old = holding<std::string>(c, c.data.read(c.args[1]));
    if (!old) return;
    answer(c, *old);
    c.data.assign(c.args[1], std::string(c.args[2]));
}

void getdel(call& c) {
    const auto old = text_of(c, c.args[1]);
    if (!old) return;
    answer(c, *old);
    c.data.erase(c.args[1]);
}

void mget(call& c) {
    c.reply.array(c.args.size() - 1);
    for (const std::string_view key : c.args.subspan(1)) {
        store::place* const p = c.data.read(key);
        answer(c, p == nullptr ? nullptr : std::get_if<std::string>(&p->value.held));
    }
}

void mset(call& c) {
    if (c.args.size() % 2 == 0) return wrong_arity(c);
    for (std::size_t i = 1; i < c.args.size(); i += 2)
        c.data.assign(c.args[i], std::string(c.args[i + 1]));
    c.reply.ok();
}

void append(call& c) {
    store::place* const p = c.data.find(c.args[1]);
    const auto old = holding<std::string>(c, p);
    if (!old) return;
    const std::size_t before = *old == nullptr ? 0 : (*old)->size();
    if (before + c.args[2].size() > string_limit) return c.reply.error(string_too_long);
    if (*old == nullptr) {
        c.data.assign(c.args[1], std::string(c.args[2]));
    } else {
        reserve(**old, before + c.args[2].size());
        **old += c.args[2];
        c.data.changed(p);
    }
    c.reply.integer(static_cast<std::int64_t>(before + c.args[2].size()));
}

void strlen(call& c) {
    if (const auto text = text_of(c, c.args[1]))
        c.reply.integer(*text == nullptr ? 0 : static_cast<std::int64_t>((*text)->size()));
}

void getrange(call& c) {
    const auto first = integer_argument(c, 2);
    if (!first) return;
    const auto last = integer_argument(c, 3);
    if (!last) return;
    const auto text = text_of(c, c.args[1]);
    if (!text) return;
    if (*text == nullptr || (*first < 0 && *last < 0 && *first > *last)) return c.reply.bulk("");
    // As Redis: a last byte that lies before the beginning is the first one (not so in lists).
    const auto size = static_cast<std::int64_t>((*text)->size());
    const index_range r = clamp_range(*first, std::max(*last, -size), (*text)->size());
    c.reply.bulk(std::string_view(**text).substr(r.first, r.count));
}

void setrange(call& c) {
    const auto offset = integer_argument(c, 2);
    if (!offset) return;
    if (*offset < 0) return c.reply.error("ERR offset is out of range");
    const std::string_view piece = c.args[3];
    const auto at = static_cast<std::size_t>(*offset);
    if (at > string_limit || at + piece.size() > string_limit)
        return c.reply.error(string_too_long);
    // Before the key is looked up: room is made by removing keys.
    if (!piece.empty() && !c.data.make_room(at + piece.size())) return c.reply.error(out_of_memory);
    store::place* p = c.data.find(c.args[1]);
    const auto old = holding<std::string>(c, p);
    if (!old) return;
    if (piece.empty())
        return c.reply.integer(*old == nullptr ? 0 : static_cast<std::int64_t>((*old)->size()));
    if (p == nullptr) p = c.data.assign(c.args[1], std::string());
    auto& text = std::get<std::string>(p->value.held);
    reserve(text, at + piece.size());
    if (text.size() < at + piece.size()) text.resize(at + piece.size());
    text.replace(at, piece.size(), piece);
    c.data.changed(p);
    c.reply.integer(static_cast<std::int64_t>(text.size()));
}

constexpr std::array commands{
    command{"GET", 2, 0, 1, 1, 1, get},
    command{"SET", -3, writes | grows, 1, 1, 1, set},
    command{"SETNX", 3, writes | grows, 1, 1, 1, setnx},
    command{"SETEX", 4, writes | grows, 1, 1, 1, setex},
    command{"PSETEX", 4, writes | grows, 1, 1, 1, psetex},
    command{"GETSET", 3, writes | grows, 1, 1, 1, getset},
    command{"GETDEL", 2, writes, 1, 1, 1, getdel},
    command{"MGET", -2, 0, 1, -1, 1, mget},
    command{"MSET", -3, writes | grows, 1, -1, 2, mset},
    command{"APPEND", 3, writes | grows, 1, 1, 1, append},
    command{"STRLEN", 2, 0, 1, 1, 1, strlen},
    command{"GETRANGE", 4, 0, 1, 1, 1, getrange},
    command{"SETRANGE", 4, writes | grows, 1, 1, 1, setrange},
};

}  // namespace

std::span<const command> string_commands() { return commands; }

}  // namespace coax::services::kv
