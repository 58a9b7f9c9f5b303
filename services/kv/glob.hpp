// Patterns of KEYS, SCAN and PSUBSCRIBE: * ? [a-z] [^x] and \ before what means itself.
#pragma once

#include <cstddef>
#include <string_view>

namespace coax::services::kv {

// Longer patterns are refused where they come in: a match takes at most the product of the lengths
// of pattern and text, as only the last star is ever tried again.
inline constexpr std::size_t glob_length_max = 1'024;

// The whole text, byte by byte. A class that is not closed reaches to the end of the pattern.
bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

}  // namespace coax::services::kv
