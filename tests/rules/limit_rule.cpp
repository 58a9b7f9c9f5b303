// Measures files, lines and functions, and reads names. Knows nothing of what is reasonable: the
// numbers and words are in the header and the tables.

#include "tests/rules/limit_rule.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "tests/rules/functions.hpp"

namespace coax::rules {
namespace {

constexpr std::array<std::string_view, 6> refused_words{"utils", "helpers", "manager",
                                                        "impl",  "common",  "misc"};

std::size_t width(std::string_view line) {
    return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    }));
}

// The refused word that stands alone in `name`, between its ends, '_', '.', '-' and '/'.
std::string_view refused_word(std::string_view name) {
    std::size_t begin = 0;
    while (begin <= name.size()) {
        const std::size_t end = std::min(name.find_first_of("_.-/", begin), name.size());
        const std::string_view part = name.substr(begin, end - begin);
        for (const std::string_view word : refused_words) {
            if (part == word || (word.ends_with('s') && part == word.substr(0, word.size() - 1))) {
                return word;
            }
        }
        begin = end + 1;
    }
    return {};
}

void check_name(const source_text& text, std::string_view name, std::size_t line,
                std::vector<finding>& found) {
    if (const std::string_view word = refused_word(name); !word.empty()) {
        found.push_back({"name", text.path, line,
                         "'" + std::string(name) + "' says nothing: " + std::string(word)});
    }
}

std::string measure(std::string_view what, std::size_t value, std::size_t most) {
    return std::string(what) + " " + std::to_string(value) + " of at most " + std::to_string(most);
}

void check_code(const source_text& text, std::vector<finding>& found) {
    const outline parts = outline_of(text);
    if (!parts.balanced) {
        found.push_back({"outline", text.path, 1, "braces cannot be followed (#if branches?)"});
    }
    for (const named_range& part : parts.functions) {
        check_name(text, part.name, part.first_line, found);
        if (part.lines() <= function_lines_max) continue;
        found.push_back({"function-lines", text.path, part.first_line,
                         measure(part.name + ": lines", part.lines(), function_lines_max)});
    }
    for (const named_range& part : parts.classes) {
        check_name(text, part.name, part.first_line, found);
    }
    if (text.lines.empty() || !text.lines.front().starts_with("//")) {
        found.push_back({"first-comment", text.path, 1, "must say what the file does"});
    }
    if (text.path.ends_with(".hpp") &&
        std::find(text.lines.begin(), text.lines.end(), "#pragma once") == text.lines.end()) {
        found.push_back({"pragma-once", text.path, 1, "a header without #pragma once"});
    }
}

// `name() {` up to the first line that is only `}`.
void check_script(const source_text& text, std::vector<finding>& found) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.lines.size(); ++i) {
        const std::string& line = text.lines[i];
        if (line.ends_with("() {") && line.front() != ' ') begin = i + 1;
        if (line != "}" || begin == 0) continue;
        if (i + 2 - begin > function_lines_max) {
            found.push_back({"function-lines", text.path, begin,
                             measure("lines", i + 2 - begin, function_lines_max)});
        }
        begin = 0;
    }
}

// The measured number stands in the text of a finding, after the word before " of at most ".
std::size_t measured(const finding& found) {
    const std::size_t end = found.what.find(" of at most ");
    if (end == std::string::npos) return 0;
    const std::size_t begin = found.what.rfind(' ', end - 1) + 1;
    return std::stoul(found.what.substr(begin, end - begin));
}

}  // namespace

std::vector<exception> read_exceptions(std::string_view content) {
    std::vector<exception> list;
    std::istringstream lines{std::string(content)};
    std::string line;
    for (std::size_t number = 1; std::getline(lines, line); ++number) {
        if (line.empty() || line.front() == '#') continue;
        std::istringstream parts(line);
        exception one;
        one.line = number;
        std::string reason;
        if (!(parts >> one.rule >> one.path >> one.most >> reason)) {
            throw std::runtime_error("exceptions.txt:" + std::to_string(number) +
                                     ": RULE PATH MOST REASON expected");
        }
        list.push_back(one);
    }
    return list;
}

std::vector<finding> check_limits(const source_text& text) {
    std::vector<finding> found;
    check_name(text, text.path, 1, found);
    if (text.lines.size() > file_lines_max) {
        found.push_back(
            {"file-lines", text.path, 1, measure("lines", text.lines.size(), file_lines_max)});
    }
    for (std::size_t i = 0; i < text.lines.size(); ++i) {
        if (const std::size_t columns = width(text.lines[i]); columns > columns_max) {
            found.push_back(
                {"columns", text.path, i + 1, measure("columns", columns, columns_max)});
        }
    }
    const bool code = text.path.ends_with("pp") || text.path.ends_with(".c");
    if (code) check_code(text, found);
    if (!code && !text.path.ends_with("CMakeLists.txt")) check_script(text, found);
    return found;
}

std::vector<finding> without_exceptions(std::vector<finding> found,
                                        const std::vector<exception>& list) {
    std::vector<finding> idle;
    for (const exception& one : list) {
        const auto permitted = [&](const finding& f) {
            return f.rule == one.rule && f.path == one.path && measured(f) <= one.most;
        };
        const auto removed = std::erase_if(found, permitted);
        if (removed == 0) {
            idle.push_back({"exception", "tests/rules/exceptions.txt", one.line,
                            "permits nothing any more: " + one.rule + " " + one.path});
        }
    }
    found.insert(found.end(), idle.begin(), idle.end());
    return found;
}

}  // namespace coax::rules
