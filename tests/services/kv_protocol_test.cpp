// Requests from bytes, answers to bytes, patterns and numbers: what stands between client and
// store.
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "services/kv/glob.hpp"
#include "services/kv/keyed_hash.hpp"
#include "services/kv/number_text.hpp"
#include "services/kv/reply_writer.hpp"
#include "services/kv/request_parser.hpp"
#include "tests/services/kv_desk.hpp"

using namespace coax::services::kv;

namespace {

// Requests with their words joined by '|'; the problem last, if there is one.
std::vector<std::string> parse(std::string_view bytes, std::size_t piece,
                               request_limits limits = {}) {
    std::vector<std::string> found;
    request_parser parser(limits);
    while (!bytes.empty()) {
        const auto room = parser.room();
        const std::size_t n = std::min({bytes.size(), piece, room.size()});
        std::memcpy(room.data(), bytes.data(), n);
        parser.commit(n);
        bytes.remove_prefix(n);
        for (;;) {
            const auto o = parser.next();
            if (o == request_parser::outcome::incomplete) break;
            if (o == request_parser::outcome::broken) {
                found.push_back(parser.problem());
                return found;
            }
            std::string joined;
            for (const std::string_view word : parser.arguments())
                joined += (joined.empty() ? "" : "|") + std::string(word);
            found.push_back(joined);
        }
    }
    return found;
}

void check_parse(std::string_view bytes, const std::vector<std::string>& expected) {
    INFO(bytes);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, bytes.size()})
        CHECK(parse(bytes, piece) == expected);
}

void check_broken(std::string_view bytes, const std::string& problem, request_limits limits = {}) {
    INFO(bytes);
    CHECK(parse(bytes, 3, limits) == std::vector<std::string>{"ERR Protocol error: " + problem});
}

}  // namespace

TEST_CASE("kv: requests are read the same in whatever pieces they come") {
    check_parse("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n", {"GET|a", "PING"});
    check_parse("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n", {"SET||\r\n\r\n"});
    check_parse("*0\r\n*-1\r\n\r\n  \r\nPING\r\n", {"PING"});
    check_parse("  set  a \"b \\\"c\\x41\\n\"  'd\\'e'\nget a\r\n",
                {"set|a|b \"cA\n|d'e", "get|a"});
    const std::string big(300'000, 'x');
    CHECK(parse("*2\r\n$4\r\nECHO\r\n$300000\r\n" + big + "\r\nPING\r\n", 1'000) ==
          std::vector<std::string>{"ECHO|" + big, "PING"});
}

TEST_CASE("kv: what is no request ends the connection, with the words of Redis") {
    check_broken("*x\r\n", "invalid multibulk length");
    check_broken("*1048577\r\n", "invalid multibulk length");
    check_broken("*" + std::string(40, '1'), "invalid multibulk length");
    check_broken("*1\r\n$-1\r\n", "invalid bulk length");
    check_broken("*1\r\n$536870913\r\n", "invalid bulk length");
    check_broken("*1\r\n$5x\r\n", "invalid bulk length");
    check_broken("*1\r\n*1\r\n$1\r\na\r\n", "expected '$', got '*'");
    check_broken("*1\r\n$1\r\nabc", "expected CRLF behind a string");
    check_broken("set a \"b\r\n", "unbalanced quotes in request");
    check_broken("set a \"b\"c\r\n", "unbalanced quotes in request");
    check_broken(std::string(70'000, 'a'), "too big inline request");
    check_broken("*2\r\n$60\r\n" + std::string(60, 'a') + "\r\n$60\r\n", "invalid bulk length",
                 {100, 100, 10});
}

TEST_CASE("kv: memory of a parser grows with what came, and goes afterwards") {
    request_parser parser;
    const std::string announced = "*1048576\r\n$536870912\r\n";
    const auto room = parser.room();
    std::memcpy(room.data(), announced.data(), announced.size());
    parser.commit(announced.size());
    CHECK(parser.next() == request_parser::outcome::incomplete);
    (void)parser.room();
    CHECK(parser.bytes() < 10'000);

    kv_desk desk;
    const std::string big(3'000'000, 'x');
    desk.one.ask({"ECHO", big});
    (void)desk.one.room();
    CHECK(desk.base->buffers.used() < 200'000);
}

TEST_CASE("kv: answers in both protocols") {
    const auto written = [](int protocol) {
        std::string text;
        reply_writer w(text, protocol, 10'000);
        w.ok();
        w.error("ERR a\r\nb");
        w.integer(-5);
        w.bulk("x\r\ny");
        w.null();
        w.null_array();
        w.array(1);
        w.map(2);
        w.set(3);
        w.push(4);
        w.real(1.5);
        w.verbatim("hi");
        return text;
    };
    CHECK(written(2) ==
          "+OK\r\n-ERR a  b\r\n:-5\r\n$4\r\nx\r\ny\r\n$-1\r\n*-1\r\n*1\r\n*4\r\n*3\r\n*4\r\n"
          "$3\r\n1.5\r\n$2\r\nhi\r\n");
    CHECK(written(3) ==
          "+OK\r\n-ERR a  b\r\n:-5\r\n$4\r\nx\r\ny\r\n_\r\n_\r\n*1\r\n%2\r\n~3\r\n>4\r\n"
          ",1.5\r\n=6\r\ntxt:hi\r\n");
}

TEST_CASE("kv: a writer stops at its limit") {
    std::string text;
    reply_writer w(text, 2, 20);
    w.bulk("0123456789");
    CHECK_FALSE(w.overflowed());
    w.bulk("0123456789");
    w.integer(1);
    CHECK(w.overflowed());
    CHECK(text.size() <= 20);
}

TEST_CASE("kv: patterns") {
    const auto yes = [](std::string_view p, std::string_view t) {
        INFO(p << " on " << t);
        CHECK(glob_matches(p, t));
    };
    const auto no = [](std::string_view p, std::string_view t) {
        INFO(p << " on " << t);
        CHECK_FALSE(glob_matches(p, t));
    };
    yes("*", "");
    yes("", "");
    no("", "a");
    no("?", "");
    yes("h?llo", "hello");
    yes("h*llo", "heeeello");
    yes("*a*b*", "xaxbx");
    no("*a*b", "xaxbx");
    yes("h[ae]llo", "hallo");
    no("h[ae]llo", "hillo");
    yes("h[^e]llo", "hallo");
    no("h[^e]llo", "hello");
    yes("h[b-a]llo", "hallo");
    yes("[a-]", "-");
    yes("\\*", "*");
    no("\\*", "a");
    yes("[\\]]", "]");
    yes("[a", "a");
    yes("a\\", "a\\");
    // Exponential for who tries every star again.
    std::string stars;
    for (int i = 0; i < 200; ++i) stars += "a*";
    no(stars + "b", std::string(20'000, 'a'));
}

TEST_CASE("kv: SipHash-2-4 is that of its paper") {
    const hash_key key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
    std::string text;
    for (char c = 0; c < 15; ++c) text += c;
    CHECK(siphash<2, 4>(key, text) == 0xa129ca6149be45e5U);
    CHECK(keyed_hash(key, text) != keyed_hash({1, 2}, text));
}

TEST_CASE("kv: numbers have one form") {
    CHECK(parse_integer("-9223372036854775808").has_value());
    for (const char* text : {"", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "9223372036854775808"})
        CHECK_FALSE(parse_integer(text).has_value());
    CHECK(real_text(10.5L + 0.1L) == "10.6");
    CHECK(real_text(-0.0L) == "0");
    CHECK(real_text(3.0e3L) == "3000");
    for (const char* text :
         {"nan", "-nan", "1x", "", "+", "+-1", "--1", "infinite", "e1", " 1", "."})
        CHECK_FALSE(parse_real(text).has_value());
    CHECK(parse_real("1e2") == 100.0L);
    CHECK(parse_real("+.5") == 0.5L);
    CHECK(parse_real("-2.") == -2.0L);
}

TEST_CASE("kv: a number's reader stays within its text") {
    for (const std::string_view text : {"inf", "-inf", "+Infinity", "nan", "1", "-.5"}) {
        // No zero byte follows: who looks for one reads behind the block (seen under asan).
        const std::vector<char> block(text.begin(), text.end());
        const auto value = parse_real({block.data(), block.size()});
        CHECK(value.has_value() == (text != "nan"));
        if (text == "-inf") CHECK(value == -std::numeric_limits<long double>::infinity());
    }
}
