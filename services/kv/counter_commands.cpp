// Strings that are numbers.
#include <array>
#include <cmath>
#include <limits>

#include "services/kv/command.hpp"
#include "services/kv/number_text.hpp"

namespace coax::services::kv {
namespace {

void add_to(call& c, std::int64_t step) {
    store::place* const p = c.data.find(c.args[1]);
    const auto text = holding<std::string>(c, p);
    if (!text) return;
    const auto old = *text == nullptr ? 0 : parse_integer(**text);
    if (!old) return c.reply.error(no_integer);
    std::int64_t sum = 0;
    if (__builtin_add_overflow(*old, step, &sum))
        return c.reply.error("ERR increment or decrement would overflow");
    c.data.assign(c.args[1], std::to_string(sum), true);
    c.reply.integer(sum);
}

void incr(call& c) { add_to(c, 1); }
void decr(call& c) { add_to(c, -1); }
void incrby(call& c) {
    if (const auto step = integer_argument(c, 2)) add_to(c, *step);
}
void decrby(call& c) {
    const auto step = integer_argument(c, 2);
    if (!step) return;
    if (*step == std::numeric_limits<std::int64_t>::min())
        return c.reply.error("ERR decrement would overflow");
    add_to(c, -*step);
}

void incrbyfloat(call& c) {
    const auto text = holding<std::string>(c, c.data.find(c.args[1]));
    if (!text) return;
    const auto old = *text == nullptr ? 0.0L : parse_real(**text);
    const auto step = parse_real(c.args[2]);
    if (!old || !step) return c.reply.error(no_real);
    const long double sum = *old + *step;
    if (!std::isfinite(sum)) return c.reply.error("ERR increment would produce NaN or Infinity");
    const std::string result = real_text(sum);
    c.data.assign(c.args[1], result, true);
    c.reply.bulk(result);
}

constexpr std::array commands{
    command{"INCR", 2, writes | grows, 1, 1, 1, incr},
    command{"DECR", 2, writes | grows, 1, 1, 1, decr},
    command{"INCRBY", 3, writes | grows, 1, 1, 1, incrby},
    command{"DECRBY", 3, writes | grows, 1, 1, 1, decrby},
    command{"INCRBYFLOAT", 3, writes | grows, 1, 1, 1, incrbyfloat},
};

}  // namespace

std::span<const command> counter_commands() { return commands; }

}  // namespace coax::services::kv
