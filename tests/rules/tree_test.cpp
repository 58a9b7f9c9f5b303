// The rules over the tree itself: no finding may be left.

#include <fstream>
#include <iterator>
#include <set>

#include <catch2/catch.hpp>

#include "tests/rules/include_rule.hpp"
#include "tests/rules/limit_rule.hpp"
#include "tests/rules/source_text.hpp"

namespace {

using namespace coax::rules;

const std::string root = COAX_SOURCE_DIR;

void require_none(const std::vector<finding>& found) {
    for (const finding& one : found) UNSCOPED_INFO(to_string(one));
    CHECK(found.empty());
}

}  // namespace

TEST_CASE("each area includes only what it may") {
    const std::vector<source_text> texts = read_tree(root);
    std::set<std::string> paths;
    for (const source_text& text : texts) paths.insert(text.path);
    std::vector<finding> found;
    for (const source_text& text : texts) {
        const auto more = check_includes(text, paths);
        found.insert(found.end(), more.begin(), more.end());
    }
    require_none(found);
}

TEST_CASE("files, functions, lines and names keep to the limits") {
    std::ifstream file(root + "/tests/rules/exceptions.txt");
    REQUIRE(file.is_open());
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    std::vector<finding> found;
    for (const source_text& text : read_tree_with_scripts(root)) {
        const auto more = check_limits(text);
        found.insert(found.end(), more.begin(), more.end());
    }
    require_none(without_exceptions(std::move(found), read_exceptions(content)));
}
