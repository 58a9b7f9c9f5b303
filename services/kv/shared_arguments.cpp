// Times without overflow, ranges without surprise.
#include "services/kv/shared_arguments.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include <fmt/format.h>

namespace coax::services::kv {
namespace {

void invalid_time(call& c) {
    std::string name(c.args[0]);
    for (char& letter : name)
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    c.reply.error(fmt::format("ERR invalid expire time in '{}' command", name));
}

}  // namespace

std::optional<std::int64_t> expiry_argument(call& c, std::size_t at, expiry_form form) {
    const auto number = integer_argument(c, at);
    if (!number) return std::nullopt;
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() - 1;
    const std::int64_t begin = form.absolute ? 0 : c.data.now();
    const bool fits =
        *number <= (most - begin) / form.milliseconds && *number >= -(most / form.milliseconds);
    if (!fits || (form.positive && *number <= 0)) {
        invalid_time(c);
        return std::nullopt;
    }
    return begin + *number * form.milliseconds;
}

index_range clamp_range(std::int64_t first, std::int64_t last, std::size_t size) noexcept {
    const auto length = static_cast<std::int64_t>(size);
    const auto from_begin = [length](std::int64_t at) {
        if (at >= 0) return at;
        return at < -length ? -1 : at + length;
    };
    const std::int64_t begin = std::max<std::int64_t>(from_begin(first), 0);
    const std::int64_t end = std::min(from_begin(last), length - 1);
    if (begin > end) return {0, 0};
    return {static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin + 1)};
}

}  // namespace coax::services::kv
