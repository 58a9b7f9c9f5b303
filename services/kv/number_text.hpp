// Numbers as they stand in requests and values: the whole text and nothing around it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coax::services::kv {

// Decimal, "-" allowed, no "+", no leading zeros, so that the text is the number's only one.
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;
// Decimal or with exponent, also inf; no NaN.
std::optional<long double> parse_real(std::string_view text) noexcept;

// Without exponent, at most 17 digits behind the point, no zeros at their end.
std::string real_text(long double value);

// Equal but for the case of ASCII letters; `upper` is written in capitals.
bool is_word(std::string_view text, std::string_view upper) noexcept;

}  // namespace coax::services::kv
