// Finds the function bodies of a C++ file by its braces: enough grammar to tell a function from a
// class, a namespace and an initialiser, and no more.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/rules/source_text.hpp"

namespace coax::rules {

struct named_range {
    std::string name;  // as written before its parameters; for a class, the class's
    std::size_t first_line = 0;
    std::size_t last_line = 0;
    std::size_t lines() const { return last_line - first_line + 1; }
};

struct outline {
    std::vector<named_range> functions;  // outermost ones; a lambda counts with what holds it
    std::vector<named_range> classes;    // struct, class, union, enum and namespace
    bool balanced = true;                // false: the braces could not be followed to the end
};

outline outline_of(const source_text& text);

}  // namespace coax::rules
