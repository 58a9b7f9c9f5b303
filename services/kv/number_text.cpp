// Strict readers of numbers.
#include "services/kv/number_text.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

#include <fmt/format.h>

namespace coax::services::kv {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    const std::string_view digits = text.substr(text.front() == '-' ? 1 : 0);
    if (digits.empty() || (digits.front() == '0' && text.size() > 1)) return std::nullopt;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<long double> parse_real(std::string_view text) noexcept {
    constexpr std::size_t longest = 5'000;  // what the largest number has without exponent
    if (text.size() > longest) return std::nullopt;
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    if (is_word(text, "INF") || is_word(text, "INFINITY")) {
        constexpr long double infinity = std::numeric_limits<long double>::infinity();
        return negative ? -infinity : infinity;
    }
    // A second sign is none, and neither is a word a number. libstdc++ 12 must not see words: for
    // them from_chars reads on behind the end, up to the next zero byte.
    if (text.empty() || !(text.front() == '.' || is_digit(text.front()))) return std::nullopt;
    long double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return negative ? -value : value;
}

std::string real_text(long double value) {
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    std::string text = fmt::format("{:.17f}", value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text == "-0" ? "0" : text;
}

bool is_word(std::string_view text, std::string_view upper) noexcept {
    if (text.size() != upper.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if ((c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c) != upper[i]) return false;
    }
    return true;
}

}  // namespace coax::services::kv
