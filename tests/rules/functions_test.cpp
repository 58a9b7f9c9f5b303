// The finder of functions over small texts: what is a body, and what only looks like one.

#include "tests/rules/functions.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

namespace {

using namespace coax::rules;

std::vector<std::string> names(std::string_view content) {
    const outline parts = outline_of(read_text("stack/x.cpp", content));
    REQUIRE(parts.balanced);
    std::vector<std::string> found;
    for (const named_range& one : parts.functions) found.push_back(one.name);
    return found;
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("functions, members and operators are found once each") {
    CHECK(names("int f() { if (x) { y(); } return 1; }\nvoid g();\n") == list{"f"});
    CHECK(names("namespace a::b {\nclass c final : public d<e> {\n public:\n  int f() const {\n}\n"
                "  bool operator==(const c&) const { return true; }\n int m_{3};\n};\n}\n") ==
          list{"f", "operator"});
    CHECK(names("extern \"C\" { void f(int a[3]) { a[0] = 1; } }") == list{"f"});
    CHECK(names("template <class T>\n  requires std::integral<T>\nT f(T t) noexcept(true) {}") ==
          list{"f"});
    CHECK(names("template <class T> requires requires(T t) { t.x(); } void f(T) {}") == list{"f"});
    CHECK(names("auto f(int i) -> std::vector<int> { return {i}; }") == list{"f"});
    CHECK(names("struct tm now(int x) { return {}; }") == list{"now"});
    CHECK(names("TEST_CASE(\"a { b\") { CHECK(1); }") == list{"TEST_CASE"});
}

TEST_CASE("a constructor's list is not its body") {
    CHECK(names("a::a(int x) : b_{x}, c_(x) { run(); }") == list{"a"});
    CHECK(names("a::a(int x) : b_(x), c_{x} {}\nint g() { return 0; }") == list{"a", "g"});
    CHECK(names("a::a() : base<int>{1} {}") == list{"a"});
    CHECK(names("a::a() try : b_{1} { f(); } catch (...) { g(); }\nint h() {}") == list{"a", "h"});
}

TEST_CASE("initialisers, enums, concepts and text hold no function") {
    CHECK(names("int x{1}; int y[] = {1, 2}; const s t = {.a = {1}};").empty());
    CHECK(names("enum class e : int { a, b };\nstruct s { int a{}; std::array<int, 2> b{{1}}; };")
              .empty());
    CHECK(names("template <class T> concept c = requires(T t) { t.f(); };").empty());
    CHECK(names("const char* a = R\"(void f() {)\"; char b = '{'; // {\n/* { */").empty());
    CHECK(names("#define F(x) if (x) { \\\n  y(); {\nint z = 1'000;").empty());
    CHECK(names("struct alignas(64) s { int a; };").empty());
    CHECK(names("struct s : base<decltype(f())> { int a; };").empty());
}

TEST_CASE("a lambda at namespace scope is measured like a function") {
    const outline parts =
        outline_of(read_text("stack/x.cpp", "const auto f = [](int a) {\n  g();\n  h();\n};\n"));
    REQUIRE(parts.functions.size() == 1);
    CHECK(parts.functions[0].lines() == 4);
}

TEST_CASE("a function is measured from its head to its closing brace") {
    const outline parts = outline_of(read_text(
        "stack/x.cpp", "// c\nint g();\ntemplate <class T>\nint\nf(T a,\n  T b)\n{\n}\n"));
    REQUIRE(parts.functions.size() == 1);
    CHECK(parts.functions[0].first_line == 4);
    CHECK(parts.functions[0].lines() == 5);
}

TEST_CASE("braces that do not pair are told") {
    CHECK_FALSE(outline_of(read_text("stack/x.cpp", "void f() {\n")).balanced);
    CHECK_FALSE(outline_of(read_text("stack/x.cpp", "void f() {}\n}\n")).balanced);
    CHECK_FALSE(outline_of(read_text("stack/x.cpp", "namespace a { void f() {}\n")).balanced);
}
