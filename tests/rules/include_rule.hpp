// Who may include whom (README.md of each area, and the table in include_rule.cpp).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/rules/source_text.hpp"

namespace coax::rules {

// Each include of `text` that its place in the tree forbids. `tree` holds every path that exists,
// from the root; names ending in .skel.h are generated and exist always.
std::vector<finding> check_includes(const source_text& text, const std::set<std::string>& tree);

}  // namespace coax::rules
