// A source file of the tree as the rules see it: its lines, and its tokens without comments, string
// contents and preprocessor lines. Knows C++'s letters, not its grammar.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coax::rules {

struct token {
    std::string text;      // identifier or number, one punctuator, or "" for a literal
    std::size_t line = 0;  // from 1
};

struct include_line {
    std::string name;  // without its quotes or angles
    bool angled = false;
    std::size_t line = 0;
};

struct source_text {
    std::string path;  // from the root of the tree, with slashes
    std::vector<std::string> lines;
    std::vector<token> tokens;
    std::vector<include_line> includes;
};

// What a rule found. `limit` names the rule; `what` says where exactly in the file.
struct finding {
    std::string rule;
    std::string path;
    std::size_t line = 0;
    std::string what;
};

source_text read_text(std::string path, std::string_view content);

// Every source of the areas of the tree (.cpp .hpp .c .h), in order of path. Throws
// std::runtime_error when `root` has no areas: an empty tree must not pass as a clean one.
std::vector<source_text> read_tree(const std::string& root);

// Every file of the tree that people write, of the suffixes that the limits hold for.
std::vector<source_text> read_tree_with_scripts(const std::string& root);

std::string to_string(const finding& found);

}  // namespace coax::rules
