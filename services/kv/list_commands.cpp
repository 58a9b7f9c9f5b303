// Lists: both ends at once, the middle by index.
#include <algorithm>
#include <array>
#include <limits>

#include "services/kv/command.hpp"
#include "services/kv/shared_arguments.hpp"

namespace coax::services::kv {
namespace {

using list_or_wrong = std::optional<list_value*>;

list_or_wrong list_of(call& c) { return holding<list_value>(c, c.data.read(c.args[1])); }

void push(call& c, bool front) {
    const auto there = holding_or_new<list_value>(c, c.args[1]);
    if (!there) return;
    for (const std::string_view item : c.args.subspan(2)) there->held->push(front, item);
    c.data.changed(there->place);
    c.reply.integer(static_cast<std::int64_t>(there->held->size()));
}
void lpush(call& c) { push(c, true); }
void rpush(call& c) { push(c, false); }

void pop(call& c, bool front) {
    if (c.args.size() > 3) return wrong_arity(c);
    const bool many = c.args.size() == 3;
    const auto count = many ? count_argument(c, 2) : 1;
    if (!count) return;
    store::place* const p = c.data.find(c.args[1]);
    const auto list = holding<list_value>(c, p);
    if (!list) return;
    if (*list == nullptr) return many ? c.reply.null_array() : c.reply.null();
    const std::size_t n = std::min(*count, (*list)->size());
    if (many) c.reply.array(n);
    for (std::size_t i = 0; i < n; ++i) c.reply.bulk((*list)->pop(front));
    c.data.changed(p);
}
void lpop(call& c) { pop(c, true); }
void rpop(call& c) { pop(c, false); }

void llen(call& c) {
    if (const auto list = list_of(c))
        c.reply.integer(*list == nullptr ? 0 : static_cast<std::int64_t>((*list)->size()));
}

struct ends {
    std::int64_t first;
    std::int64_t last;
};
std::optional<ends> range_arguments(call& c) {
    const auto first = integer_argument(c, 2);
    if (!first) return std::nullopt;
    const auto last = integer_argument(c, 3);
    if (!last) return std::nullopt;
    return ends{*first, *last};
}

void lrange(call& c) {
    const auto range = range_arguments(c);
    if (!range) return;
    const auto list = list_of(c);
    if (!list) return;
    const auto [first, count] =
        clamp_range(range->first, range->last, *list == nullptr ? 0 : (*list)->size());
    c.reply.array(count);
    for (std::size_t i = 0; i < count; ++i) c.reply.bulk((*list)->items()[first + i]);
}

void ltrim(call& c) {
    const auto range = range_arguments(c);
    if (!range) return;
    store::place* const p = c.data.find(c.args[1]);
    const auto list = holding<list_value>(c, p);
    if (!list) return;
    if (list_value* const held = *list; held != nullptr) {
        const auto [first, count] = clamp_range(range->first, range->last, held->size());
        held->trim(first, count);
        c.data.changed(p);
    }
    c.reply.ok();
}

// An index, from the end if negative; nothing: there is no such item.
std::optional<std::size_t> position(std::int64_t index, std::size_t size) {
    const auto length = static_cast<std::int64_t>(size);
    if (index >= length || index < -length) return std::nullopt;
    return static_cast<std::size_t>(index < 0 ? index + length : index);
}

void lindex(call& c) {
    const auto list = list_of(c);
    if (!list) return;
    if (*list == nullptr) return c.reply.null();
    const auto index = integer_argument(c, 2);
    if (!index) return;
    const auto at = position(*index, (*list)->size());
    at ? c.reply.bulk((*list)->items()[*at]) : c.reply.null();
}

void lset(call& c) {
    store::place* const p = c.data.find(c.args[1]);
    const auto list = holding<list_value>(c, p);
    if (!list) return;
    if (*list == nullptr) return c.reply.error("ERR no such key");
    const auto index = integer_argument(c, 2);
    if (!index) return;
    const auto at = position(*index, (*list)->size());
    if (!at) return c.reply.error("ERR index out of range");
    (*list)->set(*at, c.args[3]);
    c.data.changed(p);
    c.reply.ok();
}

void lrem(call& c) {
    const auto count = integer_argument(c, 2);
    if (!count) return;
    store::place* const p = c.data.find(c.args[1]);
    const auto list = holding<list_value>(c, p);
    if (!list) return;
    if (*list == nullptr) return c.reply.integer(0);
    // Zero: all of them. The magnitude of the least number is one more than the largest.
    const std::uint64_t most = *count > 0   ? static_cast<std::uint64_t>(*count)
                               : *count < 0 ? 0 - static_cast<std::uint64_t>(*count)
                                            : std::numeric_limits<std::uint64_t>::max();
    const std::size_t removed = (*list)->remove(c.args[3], most, *count < 0);
    c.data.changed(p);
    c.reply.integer(static_cast<std::int64_t>(removed));
}

constexpr std::array commands{
    command{"LPUSH", -3, writes | grows, 1, 1, 1, lpush},
    command{"RPUSH", -3, writes | grows, 1, 1, 1, rpush},
    command{"LPOP", -2, writes, 1, 1, 1, lpop},
    command{"RPOP", -2, writes, 1, 1, 1, rpop},
    command{"LLEN", 2, 0, 1, 1, 1, llen},
    command{"LRANGE", 4, 0, 1, 1, 1, lrange},
    command{"LTRIM", 4, writes, 1, 1, 1, ltrim},
    command{"LINDEX", 3, 0, 1, 1, 1, lindex},
    command{"LSET", 4, writes | grows, 1, 1, 1, lset},
    command{"LREM", 4, writes, 1, 1, 1, lrem},
};

}  // namespace

std::span<const command> list_commands() { return commands; }

}  // namespace coax::services::kv
