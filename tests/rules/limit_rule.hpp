// The limits of size and the words that no name may contain, with a list of exceptions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tests/rules/source_text.hpp"

namespace coax::rules {

inline constexpr std::size_t function_lines_max = 70;
inline constexpr std::size_t file_lines_max = 500;
inline constexpr std::size_t columns_max = 100;  // characters, not bytes

// One line of exceptions.txt: RULE PATH MOST REASON. It permits up to `most` instead of the limit,
// everywhere in the file.
struct exception {
    std::string rule;  // "function-lines", "file-lines", "columns", "name"
    std::string path;
    std::size_t most = 0;  // not used by "name"
    std::size_t line = 0;  // in exceptions.txt
};

// Throws std::runtime_error, naming the line, for one that has not all four parts.
std::vector<exception> read_exceptions(std::string_view content);

std::vector<finding> check_limits(const source_text& text);

// Takes out what an exception permits; an exception that permits nothing is itself a finding.
std::vector<finding> without_exceptions(std::vector<finding> found,
                                        const std::vector<exception>& list);

}  // namespace coax::rules
