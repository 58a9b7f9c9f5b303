// The rules themselves over small texts: each finds what it is for, and nothing else.

#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/rules/include_rule.hpp"
#include "tests/rules/limit_rule.hpp"

namespace {

using namespace coax::rules;

const std::set<std::string> tree{"stack/base/a.hpp",  "stack/wire/a.hpp",  "stack/tcp/a.hpp",
                                 "stack/ip/a.hpp",    "stack/ingress.hpp", "stack/stack.hpp",
                                 "stack/device.hpp",  "backends/ring.hpp", "framework/a.hpp",
                                 "services/echo.hpp", "tests/rules/a.hpp"};

bool allowed(const std::string& path, const std::string& include) {
    return check_includes(read_text(path, "// x\n#include " + include + "\n"), tree).empty();
}

std::string lines(std::size_t count, std::string_view line) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text.append(line).append("\n");
    return text;
}

std::vector<std::string> rules_broken(const std::string& path, std::string_view content) {
    std::vector<std::string> names;
    for (const finding& one : check_limits(read_text(path, content))) names.push_back(one.rule);
    return names;
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("includes between areas") {
    CHECK(allowed("framework/x.cpp", "\"stack/tcp/a.hpp\""));
    CHECK(allowed("framework/x.cpp", "<boost/asio/post.hpp>"));
    CHECK(allowed("backends/x.cpp", "\"stack/device.hpp\""));
    CHECK(allowed("backends/x.cpp", "\"backends/xdp/steer.skel.h\""));
    CHECK(allowed("backends/x.cpp", "<linux/if_xdp.h>"));
    CHECK(allowed("services/x.cpp", "<coax/tcp.hpp>"));
    CHECK(allowed("tests/x.cpp", "\"stack/tcp/a.hpp\""));
    CHECK_FALSE(allowed("stack/x.cpp", "\"framework/a.hpp\""));
    CHECK_FALSE(allowed("stack/x.cpp", "\"backends/ring.hpp\""));
    CHECK_FALSE(allowed("backends/x.cpp", "\"stack/tcp/a.hpp\""));
    CHECK_FALSE(allowed("backends/x.cpp", "<boost/asio/post.hpp>"));
    CHECK_FALSE(allowed("framework/x.cpp", "\"services/echo.hpp\""));
    CHECK_FALSE(allowed("framework/x.cpp", "<boost/beast/http.hpp>"));
    CHECK_FALSE(allowed("services/x.cpp", "\"framework/a.hpp\""));
    CHECK_FALSE(allowed("services/x.cpp", "\"stack/stack.hpp\""));
    CHECK_FALSE(allowed("services/x.cpp", "\"tests/rules/a.hpp\""));
    CHECK_FALSE(allowed("tests/x.cpp", "\"a.hpp\""));
}

TEST_CASE("includes between the layers of the stack") {
    CHECK(allowed("stack/wire/x.cpp", "\"stack/base/a.hpp\""));
    CHECK(allowed("stack/tcp/x.cpp", "\"stack/wire/a.hpp\""));
    CHECK(allowed("stack/tcp/x.cpp", "\"stack/device.hpp\""));
    CHECK(allowed("stack/tcp/x.cpp", "\"stack/tcp/a.hpp\""));
    CHECK(allowed("stack/ingress.cpp", "\"stack/tcp/a.hpp\""));
    CHECK(allowed("stack/stack.hpp", "\"stack/ingress.hpp\""));
    CHECK(allowed("stack/tcp/x.cpp", "<boost/intrusive/list.hpp>"));
    CHECK_FALSE(allowed("stack/base/x.cpp", "\"stack/wire/a.hpp\""));
    CHECK_FALSE(allowed("stack/base/x.cpp", "\"stack/device.hpp\""));
    CHECK_FALSE(allowed("stack/tcp/x.cpp", "\"stack/ip/a.hpp\""));
    CHECK_FALSE(allowed("stack/tcp/x.cpp", "\"stack/ingress.hpp\""));
    CHECK_FALSE(allowed("stack/ip/x.cpp", "\"stack/stack.hpp\""));
    CHECK_FALSE(allowed("stack/new_folder/x.cpp", "\"stack/base/a.hpp\""));
}

TEST_CASE("the stack is refused clocks, threads and system headers") {
    CHECK(allowed("stack/tcp/x.cpp", "<vector>"));
    CHECK(allowed("stack/base/x.cpp", "<chrono>"));
    for (const char* name : {"<thread>", "<atomic>", "<random>", "<coroutine>", "<sys/socket.h>",
                             "<unistd.h>", "<boost/asio/buffer.hpp>", "<fmt/core.h>"}) {
        CHECK_FALSE(allowed("stack/tcp/x.cpp", name));
    }
}

TEST_CASE("includes in comments and text are none") {
    const auto text =
        read_text("stack/x.cpp",
                  "// #include <thread>\n/*\n#include <thread>\n*/\nauto a = R\"(\n#include "
                  "<thread>\n)\";\n#  include <vector>  // the one\n");
    REQUIRE(text.includes.size() == 1);
    CHECK(text.includes[0].name == "vector");
    CHECK(text.includes[0].line == 8);
}

TEST_CASE("limits hold to the line and to the column") {
    const std::string body = lines(68, "  f();");
    CHECK(rules_broken("stack/x.cpp", "// x\nvoid f() {\n" + body + "}\n").empty());
    CHECK(rules_broken("stack/x.cpp", "// x\nvoid f() {\n" + body + "  g();\n}\n") ==
          list{"function-lines"});
    CHECK(rules_broken("stack/x.cpp", lines(500, "//")).empty());
    CHECK(rules_broken("stack/x.cpp", lines(501, "//")) == list{"file-lines"});
    CHECK(rules_broken("stack/x.cpp", "//" + std::string(98, 'x')).empty());
    CHECK(rules_broken("stack/x.cpp", "//" + std::string(99, 'x')) == list{"columns"});
    CHECK(rules_broken("stack/x.cpp", "//" + lines(1, lines(1, "")) + "//\xc3\xa4").empty());
    CHECK(rules_broken("tests/net/x.sh", "f() {\n" + lines(68, "  g") + "}\n").empty());
    CHECK(rules_broken("tests/net/x.sh", "f() {\n" + lines(69, "  g") + "}\n") ==
          list{"function-lines"});
}

TEST_CASE("names that say nothing, headers without guard, files without a word") {
    CHECK(rules_broken("stack/tcp_utils.cpp", "// x\n") == list{"name"});
    CHECK(rules_broken("stack/impl/a.cpp", "// x\n") == list{"name"});
    CHECK(rules_broken("stack/x.cpp", "// x\nclass socket_manager {};\n") == list{"name"});
    CHECK(rules_broken("stack/x.cpp", "// x\nvoid misc() {}\n") == list{"name"});
    CHECK(rules_broken("stack/simple.cpp", "// x\nclass common_sense_of_implication {};\n") ==
          list{"name"});
    CHECK(rules_broken("stack/x.cpp", "// x\nvoid implode() {}\n").empty());
    CHECK(rules_broken("stack/x.hpp", "// x\nvoid f();\n") == list{"pragma-once"});
    CHECK(rules_broken("stack/x.cpp", "void f();\n") == list{"first-comment"});
    CHECK(rules_broken("stack/x.cpp", "// x\nvoid f() {\n") == list{"outline"});
}

TEST_CASE("an exception permits as much as it says, and must be needed") {
    const auto text = read_text("stack/x.cpp", lines(520, "//"));
    const auto left = [&](std::string_view content) {
        return without_exceptions(check_limits(text), read_exceptions(content)).size();
    };
    CHECK(left("# none\n") == 1);
    CHECK(left("file-lines stack/x.cpp 520 a table of the RFC\n") == 0);
    CHECK(left("file-lines stack/x.cpp 519 a table of the RFC\n") == 2);
    CHECK(left("file-lines stack/y.cpp 520 a table of the RFC\n") == 2);
    CHECK_THROWS_AS(read_exceptions("file-lines stack/x.cpp 520\n"), std::runtime_error);
}
