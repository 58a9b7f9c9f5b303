// Sets and sorted sets, as far as they go here: README.md names what is left out.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "services/kv/command.hpp"
#include "services/kv/number_text.hpp"
#include "services/kv/shared_arguments.hpp"

namespace coax::services::kv {
namespace {

void sadd(call& c) {
    const auto there = holding_or_new<set_value>(c, c.args[1]);
    if (!there) return;
    std::int64_t added = 0;
    for (const std::string_view member : c.args.subspan(2))
        added += there->held->add(member) ? 1 : 0;
    c.data.changed(there->place);
    c.reply.integer(added);
}

template <class T>
void remove_members(call& c) {
    store::place* const p = c.data.find(c.args[1]);
    const auto held = holding<T>(c, p);
    if (!held) return;
    std::int64_t removed = 0;
    if (*held != nullptr) {
        for (const std::string_view member : c.args.subspan(2))
            removed += (*held)->erase(member) ? 1 : 0;
        c.data.changed(p);
    }
    c.reply.integer(removed);
}

template <class T>
void tell_size(call& c) {
    if (const auto held = holding<T>(c, c.data.read(c.args[1])))
        c.reply.integer(*held == nullptr ? 0 : static_cast<std::int64_t>((*held)->size()));
}

void sismember(call& c) {
    if (const auto held = holding<set_value>(c, c.data.read(c.args[1])))
        c.reply.integer(*held != nullptr && (*held)->members().find(c.args[2]) != nullptr ? 1 : 0);
}

void smembers(call& c) {
    const auto held = holding<set_value>(c, c.data.read(c.args[1]));
    if (!held) return;
    c.reply.set(*held == nullptr ? 0 : (*held)->size());
    if (*held != nullptr) (*held)->members().for_each([&](const auto& n) { c.reply.bulk(n.key); });
}

// The count of "POP key [count]": 1 without one; nothing: an error has been answered.
std::optional<std::size_t> pop_count(call& c) {
    if (c.args.size() > 3) {
        c.reply.error(syntax_error);
        return std::nullopt;
    }
    if (c.args.size() < 3) return 1;
    return count_argument(c, 2);
}

void spop(call& c) {
    const auto count = pop_count(c);
    if (!count) return;
    const bool many = c.args.size() == 3;
    store::place* const p = c.data.find(c.args[1]);
    const auto held = holding<set_value>(c, p);
    if (!held) return;
    if (*held == nullptr) return many ? c.reply.set(0) : c.reply.null();
    const std::size_t n = std::min(*count, (*held)->size());
    if (many) c.reply.set(n);
    for (std::size_t i = 0; i < n; ++i) c.reply.bulk((*held)->pop(c.data.chance()));
    c.data.changed(p);
}

std::optional<double> score_argument(std::string_view text) {
    const auto score = parse_real(text);
    if (!score) return std::nullopt;
    return static_cast<double>(*score);
}

void zadd(call& c) {
    for (const std::string_view option : {"NX", "XX", "GT", "LT", "CH", "INCR"})
        if (is_word(c.args[2], option))
            return c.reply.error("ERR options of ZADD are not supported by this server");
    if (c.args.size() % 2 != 0) return c.reply.error(syntax_error);
    std::vector<double> scores;
    for (std::size_t i = 2; i < c.args.size(); i += 2) {
        const auto score = score_argument(c.args[i]);
        if (!score) return c.reply.error(no_real);
        scores.push_back(*score);
    }
    const auto there = holding_or_new<sorted_value>(c, c.args[1]);
    if (!there) return;
    std::int64_t added = 0;
    for (std::size_t i = 0; i < scores.size(); ++i)
        added += there->held->set(c.args[3 + 2 * i], scores[i]) ? 1 : 0;
    c.data.changed(there->place);
    c.reply.integer(added);
}

void zscore(call& c) {
    const auto held = holding<sorted_value>(c, c.data.read(c.args[1]));
    if (!held) return;
    const auto score = *held == nullptr ? std::nullopt : (*held)->score(c.args[2]);
    score ? c.reply.real(*score) : c.reply.null();
}

// Member and score, with RESP3 as a pair of its own when there may be several.
void answer_ranked(call& c, const sorted_value::ranked& one, bool paired) {
    if (paired && c.reply.protocol() >= 3) c.reply.array(2);
    c.reply.bulk(one.second);
    c.reply.real(one.first);
}

void zpopmin(call& c) {
    const auto count = pop_count(c);
    if (!count) return;
    const bool many = c.args.size() == 3;
    store::place* const p = c.data.find(c.args[1]);
    const auto held = holding<sorted_value>(c, p);
    if (!held) return;
    if (*held == nullptr) return c.reply.array(0);
    const std::size_t n = std::min(*count, (*held)->size());
    c.reply.array(many && c.reply.protocol() >= 3 ? n : 2 * n);
    for (std::size_t i = 0; i < n; ++i) answer_ranked(c, (*held)->pop(), many);
    c.data.changed(p);
}

void zrange(call& c) {
    const bool with_scores = c.args.size() == 5 && is_word(c.args[4], "WITHSCORES");
    if (c.args.size() > 4 && !with_scores) return c.reply.error(syntax_error);
    const auto first = integer_argument(c, 2);
    if (!first) return;
    const auto last = integer_argument(c, 3);
    if (!last) return;
    const auto held = holding<sorted_value>(c, c.data.read(c.args[1]));
    if (!held) return;
    if (*held == nullptr) return c.reply.array(0);
    const index_range range = clamp_range(*first, *last, (*held)->size());
    const bool flat = with_scores && c.reply.protocol() < 3;
    c.reply.array(flat ? 2 * range.count : range.count);
    if (range.count == 0) return;
    auto at = std::next((*held)->ranking().begin(), static_cast<std::ptrdiff_t>(range.first));
    for (std::size_t i = 0; i < range.count; ++i, ++at)
        with_scores ? answer_ranked(c, *at, true) : c.reply.bulk(at->second);
}

constexpr std::array commands{
    command{"SADD", -3, writes | grows, 1, 1, 1, sadd},
    command{"SREM", -3, writes, 1, 1, 1, remove_members<set_value>},
    command{"SCARD", 2, 0, 1, 1, 1, tell_size<set_value>},
    command{"SISMEMBER", 3, 0, 1, 1, 1, sismember},
    command{"SMEMBERS", 2, 0, 1, 1, 1, smembers},
    command{"SPOP", -2, writes, 1, 1, 1, spop},
    command{"ZADD", -4, writes | grows, 1, 1, 1, zadd},
    command{"ZREM", -3, writes, 1, 1, 1, remove_members<sorted_value>},
    command{"ZCARD", 2, 0, 1, 1, 1, tell_size<sorted_value>},
    command{"ZSCORE", 3, 0, 1, 1, 1, zscore},
    command{"ZRANGE", -4, 0, 1, 1, 1, zrange},
    command{"ZPOPMIN", -2, writes, 1, 1, 1, zpopmin},
};

}  // namespace

std::span<const command> set_commands() { return commands; }

}  // namespace coax::services::kv
