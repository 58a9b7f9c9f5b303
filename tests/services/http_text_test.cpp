// The text rules of the HTTP service: targets, ranges, media types, dates, conditions.
#include <string>

#include <catch2/catch.hpp>

#include "services/http/byte_range.hpp"
#include "services/http/content_type.hpp"
#include "services/http/date.hpp"
#include "services/http/precondition.hpp"
#include "services/http/target.hpp"

using namespace coax::services;

namespace {

// "path" or "path/" for a directory; "-" if refused.
std::string resolved(std::string_view target) {
    const auto path = parse_target(target);
    if (!path) return "-";
    return path->relative + (path->directory ? "/" : "");
}

// "whole", "416" or "first+length".
std::string ranged(std::string_view field, std::uint64_t size) {
    const chosen_range chosen = choose_range(field, size);
    if (chosen.choice == range_choice::unsatisfiable) return "416";
    if (chosen.choice == range_choice::whole)
        return chosen.range == byte_range{0, size} ? "whole" : "wrong";
    return std::to_string(chosen.range.first) + "+" + std::to_string(chosen.range.length);
}

constexpr std::time_t now = 1'800'000'000;

}  // namespace

TEST_CASE("targets become paths below the root") {
    CHECK(resolved("/") == "/");
    CHECK(resolved("/a") == "a");
    CHECK(resolved("/a/") == "a/");
    CHECK(resolved("/a/b.html?x=/../y") == "a/b.html");
    CHECK(resolved("/a//b") == "a/b");
    CHECK(resolved("/a/./b/../c") == "a/c");
    CHECK(resolved("/a/..") == "/");
    CHECK(resolved("/a/.") == "a/");
    CHECK(resolved("/%41%2e%42") == "A.B");
    CHECK(resolved("/a%20b%25") == "a b%");
    CHECK(resolved("/caf%C3%A9") == "caf\xc3\xa9");
    CHECK(resolved("/...") == "...");
    // RFC 9112 3.2.2: absolute-form
    CHECK(resolved("http://host:80/a") == "a");
    CHECK(resolved("http://host") == "/");
    CHECK(resolved("http://host?x") == "/");
}

TEST_CASE("targets that lead out of the root or lie are refused") {
    for (const char* target : {"/..", "/../etc/passwd", "/a/../../b", "/%2e%2e/x", "/%2E./x",
                               "/.%2e/x", "/a%2fb", "/..%2f..%2fetc", "/a%00.html", "/%", "/%4",
                               "/%zz", "/%-1", "", "a", "*", "../x", "?x", "http//x"}) {
        INFO(target);
        CHECK(resolved(target) == "-");
    }
}

TEST_CASE("a path becomes a target that means the same") {
    CHECK(to_target({"a b/c%", true}) == "/a%20b/c%25/");
    CHECK(to_target({"", true}) == "/");
    CHECK(to_target({"\r\nx", false}) == "/%0D%0Ax");
    const auto again = parse_target(to_target({"\xff?#/\x01", false}));
    REQUIRE(again);
    CHECK(again->relative == "\xff?#/\x01");
}

TEST_CASE("one range is a part (RFC 9110 14.1.2)") {
    CHECK(ranged("bytes=0-0", 10) == "0+1");
    CHECK(ranged("bytes=2-5", 10) == "2+4");
    CHECK(ranged("bytes=2-", 10) == "2+8");
    CHECK(ranged("bytes=2-99", 10) == "2+8");
    CHECK(ranged("bytes=-3", 10) == "7+3");
    CHECK(ranged("bytes=-30", 10) == "0+10");
    CHECK(ranged("BYTES=0-1", 10) == "0+2");
    CHECK(ranged("bytes= 0-1 , ", 10) == "0+2");
    CHECK(ranged("bytes=0-99999999999999999999999", 10) == "0+10");
}

TEST_CASE("a range beyond the end cannot be satisfied") {
    CHECK(ranged("bytes=10-", 10) == "416");
    CHECK(ranged("bytes=10-12", 10) == "416");
    CHECK(ranged("bytes=-0", 10) == "416");
    CHECK(ranged("bytes=0-", 0) == "416");
    CHECK(ranged("bytes=99999999999999999999999-", 10) == "416");
    CHECK(ranged("bytes=10-11,12-13", 10) == "416");
}

TEST_CASE("ranges that are invalid, unknown or several mean the whole") {
    for (const char* field : {"", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=5-2", "bytes=a-b",
                              "bytes=1-2x", "bytes=1 - 2", "bytes=+1-2", "lines=1-2",
                              "bytes=0-1,3-4", "bytes=0-1,20-", "0-1", "bytes=0-1,x"}) {
        INFO(field);
        CHECK(ranged(field, 10) == "whole");
    }
    CHECK(ranged("bytes=-5", 0) == "whole");
}

TEST_CASE("media types come from the extension") {
    CHECK(content_type("a.html") == "text/html; charset=utf-8");
    CHECK(content_type("dir.d/A.PNG") == "image/png");
    CHECK(content_type("x.tar.gz") == "application/gzip");
    for (const char* name : {"", "a", "a.", ".html", "dir.html/a", "a.unknown"})
        CHECK(content_type(name) == "application/octet-stream");
}

TEST_CASE("dates are written and read as RFC 9110 5.6.7 has them") {
    constexpr std::time_t example = 784'111'777;
    CHECK(to_http_date(example) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", now) == example);
    CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", now) == example);
    CHECK(parse_http_date("Sun Nov  6 08:49:37 1994", now) == example);
    // Two digits more than fifty years ahead mean the past.
    CHECK(parse_http_date("Friday, 06-Nov-65 08:49:37 GMT", example) == -131'037'023);
    for (const char* text : {"", "yesterday", "Sun, 06 Nov 1994 08:49:37", "784111777",
                             "Sun, 06 Nov 1994 08:49:37 GMT x", "Sun, 36 Nov 1994 08:49:37 GMT"})
        CHECK_FALSE(parse_http_date(text, now));
}

TEST_CASE("conditions are judged in the order of RFC 9110 13.2.2") {
    const validators ours{"\"v1\"", 784'111'777};
    const std::string same = to_http_date(ours.modified);
    const std::string before = to_http_date(ours.modified - 1);
    const auto judge = [&](const condition_fields& fields) { return evaluate(fields, ours, now); };
    using enum precondition;

    CHECK(judge({}) == proceed);
    CHECK(judge({.if_none_match = "\"v1\""}) == not_modified);
    CHECK(judge({.if_none_match = "W/\"v1\""}) == not_modified);
    CHECK(judge({.if_none_match = "\"v0\", \"v1\""}) == not_modified);
    CHECK(judge({.if_none_match = "*"}) == not_modified);
    CHECK(judge({.if_none_match = "\"v0\""}) == proceed);
    CHECK(judge({.if_none_match = "v1"}) == proceed);
    CHECK(judge({.if_none_match = "\"v0,\"v1\""}) == proceed);
    CHECK(judge({.if_none_match = "\"v0\"", .if_modified_since = same}) == proceed);
    CHECK(judge({.if_modified_since = same}) == not_modified);
    CHECK(judge({.if_modified_since = before}) == proceed);
    CHECK(judge({.if_modified_since = "nonsense"}) == proceed);

    CHECK(judge({.if_match = "\"v1\""}) == proceed);
    CHECK(judge({.if_match = "*"}) == proceed);
    CHECK(judge({.if_match = "W/\"v1\""}) == failed);
    CHECK(judge({.if_match = "\"v0\"", .if_none_match = "\"v1\""}) == failed);
    CHECK(judge({.if_unmodified_since = before}) == failed);
    CHECK(judge({.if_unmodified_since = same}) == proceed);
    CHECK(judge({.if_match = "\"v1\"", .if_unmodified_since = before}) == proceed);
}

TEST_CASE("a range of another state of the file is ignored") {
    const validators ours{"\"v1\"", 784'111'777};
    const std::string same = to_http_date(ours.modified);
    const std::string later = to_http_date(ours.modified + 1);
    const auto applies = [&](std::string_view if_range) {
        return range_applies({.if_range = if_range}, ours, now);
    };
    CHECK(applies(""));
    CHECK(applies("\"v1\""));
    CHECK(applies(same));
    CHECK_FALSE(applies("W/\"v1\""));
    CHECK_FALSE(applies("\"v0\""));
    CHECK_FALSE(applies(later));
    CHECK_FALSE(applies("nonsense"));
}
