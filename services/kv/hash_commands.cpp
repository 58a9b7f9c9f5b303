// Hashes: fields of a key.
#include <array>

#include "services/kv/command.hpp"
#include "services/kv/number_text.hpp"

namespace coax::services::kv {
namespace {

using hash_or_wrong = std::optional<hash_value*>;

hash_or_wrong hash_of(call& c) { return holding<hash_value>(c, c.data.read(c.args[1])); }

// How many fields are new; nothing: an error has been answered.
std::optional<std::int64_t> set_fields(call& c) {
    if (c.args.size() % 2 != 0) {
        wrong_arity(c);
        return std::nullopt;
    }
    const auto there = holding_or_new<hash_value>(c, c.args[1]);
    if (!there) return std::nullopt;
    std::int64_t added = 0;
    for (std::size_t i = 2; i < c.args.size(); i += 2)
        added += there->held->set(c.args[i], c.args[i + 1]) ? 1 : 0;
    c.data.changed(there->place);
    return added;
}

void hset(call& c) {
    if (const auto added = set_fields(c)) c.reply.integer(*added);
}
void hmset(call& c) {
    if (set_fields(c)) c.reply.ok();
}

void hsetnx(call& c) {
    const auto there = holding_or_new<hash_value>(c, c.args[1]);
    if (!there) return;
    const bool is_new = there->held->find(c.args[2]) == nullptr;
    if (is_new) there->held->set(c.args[2], c.args[3]);
    c.data.changed(there->place);
    c.reply.integer(is_new ? 1 : 0);
}

void answer(call& c, const hash_value* hash, std::string_view field) {
    const std::string* const text = hash == nullptr ? nullptr : hash->find(field);
    text == nullptr ? c.reply.null() : c.reply.bulk(*text);
}

void hget(call& c) {
    if (const auto hash = hash_of(c)) answer(c, *hash, c.args[2]);
}

void hmget(call& c) {
    const auto hash = hash_of(c);
    if (!hash) return;
    c.reply.array(c.args.size() - 2);
    for (const std::string_view field : c.args.subspan(2)) answer(c, *hash, field);
}

void hgetall(call& c) {
    const auto hash = hash_of(c);
    if (!hash) return;
    if (*hash == nullptr) return c.reply.map(0);
    c.reply.map((*hash)->size());
    (*hash)->fields().for_each([&](const auto& n) {
        c.reply.bulk(n.key);
        c.reply.bulk(n.value);
    });
}

void hkeys(call& c) {
    const auto hash = hash_of(c);
    if (!hash) return;
    c.reply.array(*hash == nullptr ? 0 : (*hash)->size());
    if (*hash != nullptr) (*hash)->fields().for_each([&](const auto& n) { c.reply.bulk(n.key); });
}

void hvals(call& c) {
    const auto hash = hash_of(c);
    if (!hash) return;
    c.reply.array(*hash == nullptr ? 0 : (*hash)->size());
    if (*hash != nullptr) (*hash)->fields().for_each([&](const auto& n) { c.reply.bulk(n.value); });
}

void hdel(call& c) {
    store::place* const p = c.data.find(c.args[1]);
    const auto hash = holding<hash_value>(c, p);
    if (!hash) return;
    std::int64_t removed = 0;
    if (*hash != nullptr) {
        for (const std::string_view field : c.args.subspan(2))
            removed += (*hash)->erase(field) ? 1 : 0;
        c.data.changed(p);
    }
    c.reply.integer(removed);
}

void hexists(call& c) {
    if (const auto hash = hash_of(c))
        c.reply.integer(*hash != nullptr && (*hash)->find(c.args[2]) != nullptr ? 1 : 0);
}

void hlen(call& c) {
    if (const auto hash = hash_of(c))
        c.reply.integer(*hash == nullptr ? 0 : static_cast<std::int64_t>((*hash)->size()));
}

void hincrby(call& c) {
    const auto step = integer_argument(c, 3);
    if (!step) return;
    const auto known = hash_of(c);
    if (!known) return;
    const std::string* const text = *known == nullptr ? nullptr : (*known)->find(c.args[2]);
    const auto old = text == nullptr ? 0 : parse_integer(*text);
    if (!old) return c.reply.error("ERR hash value is not an integer");
    std::int64_t sum = 0;
    if (__builtin_add_overflow(*old, *step, &sum))
        return c.reply.error("ERR increment or decrement would overflow");
    const auto there = holding_or_new<hash_value>(c, c.args[1]);
    if (!there) return;
    there->held->set(c.args[2], std::to_string(sum));
    c.data.changed(there->place);
    c.reply.integer(sum);
}

constexpr std::array commands{
    command{"HSET", -4, writes | grows, 1, 1, 1, hset},
    command{"HMSET", -4, writes | grows, 1, 1, 1, hmset},
    command{"HSETNX", 4, writes | grows, 1, 1, 1, hsetnx},
    command{"HGET", 3, 0, 1, 1, 1, hget},
    command{"HMGET", -3, 0, 1, 1, 1, hmget},
    command{"HGETALL", 2, 0, 1, 1, 1, hgetall},
    command{"HKEYS", 2, 0, 1, 1, 1, hkeys},
    command{"HVALS", 2, 0, 1, 1, 1, hvals},
    command{"HDEL", -3, writes, 1, 1, 1, hdel},
    command{"HEXISTS", 3, 0, 1, 1, 1, hexists},
    command{"HLEN", 2, 0, 1, 1, 1, hlen},
    command{"HINCRBY", 4, writes | grows, 1, 1, 1, hincrby},
};

}  // namespace

std::span<const command> hash_commands() { return commands; }

}  // namespace coax::services::kv
