// What the HTTP service decides to answer, with real files.
#include <array>
#include <filesystem>
#include <string>

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "services/http/answer.hpp"
#include "services/http/date.hpp"
#include "services/program/failure.hpp"
#include "tests/services/temporary_directory.hpp"

using namespace coax::services;

namespace {

constexpr std::time_t now = 1'800'000'000;

// A directory www with files in it, and a secret beside it.
struct tree {
    tree() {
        directory.write("secret", "secret");
        directory.write("www/index.html", "<p>hello</p>");
        directory.write("www/data.bin", "0123456789");
        directory.write("www/sub/index.html", "sub");
        directory.write("www/empty", "");
        std::filesystem::create_directories(directory / "www/bare");
        std::filesystem::create_symlink("data.bin", directory / "www/inside");
        std::filesystem::create_symlink("../secret", directory / "www/outside");
        std::filesystem::create_symlink(directory / "secret", directory / "www/absolute");
        std::filesystem::create_symlink("..", directory / "www/up");
        std::filesystem::create_symlink("loop", directory / "www/loop");
        ::mkfifo((directory / "www/fifo").c_str(), 0600);
    }

    temporary_directory directory;
};

struct site : tree {
    answer get(const char* target,
               std::initializer_list<std::pair<http::field, std::string>> fields = {},
               http::verb verb = http::verb::get) const {
        request_header request;
        request.method(verb);
        request.target(target);
        request.version(11);
        request.set(http::field::host, "test");
        for (const auto& [name, value] : fields) request.set(name, value);
        return make_answer(request, true, root, now);
    }
    unsigned status(const char* target) const { return get(target).head.result_int(); }

    document_root root{directory / "www"};
};

std::string body_of(const answer& a) {
    if (!a.file) return a.text;
    std::string body(static_cast<std::size_t>(a.range.length), '\0');
    body.resize(a.file->read(a.range.first, body));
    return body;
}

std::string field_of(const answer& a, http::field name) { return std::string(a.head[name]); }

}  // namespace

TEST_CASE("a file is answered with its type, length and validators") {
    const site s;
    const answer a = s.get("/data.bin");
    CHECK(a.head.result_int() == 200);
    CHECK(body_of(a) == "0123456789");
    CHECK(a.send_body);
    CHECK(a.keep_alive());
    CHECK(field_of(a, http::field::content_length) == "10");
    CHECK(field_of(a, http::field::content_type) == "application/octet-stream");
    CHECK(field_of(a, http::field::date) == to_http_date(now));
    CHECK_FALSE(field_of(a, http::field::etag).empty());
    CHECK_FALSE(field_of(a, http::field::last_modified).empty());
    CHECK(s.get("/empty").head.result_int() == 200);
    CHECK(field_of(s.get("/empty"), http::field::content_length) == "0");
}

TEST_CASE("a directory is answered by its index.html, with a slash") {
    const site s;
    CHECK(body_of(s.get("/")) == "<p>hello</p>");
    CHECK(field_of(s.get("/"), http::field::content_type) == "text/html; charset=utf-8");
    CHECK(body_of(s.get("/sub/")) == "sub");
    const answer moved = s.get("/sub?x");
    CHECK(moved.head.result_int() == 301);
    CHECK(field_of(moved, http::field::location) == "/sub/");
    CHECK(s.status("/bare/") == 404);
    CHECK(s.status("/data.bin/") == 404);
}

TEST_CASE("nothing outside the root is served") {
    const site s;
    CHECK(s.status("/../secret") == 400);
    CHECK(s.status("/%2e%2e/secret") == 400);
    CHECK(s.status("/outside") == 403);
    CHECK(s.status("/absolute") == 403);
    CHECK(s.status("/up/secret") == 403);
    CHECK(s.status("/up/") == 403);
    CHECK(s.status("/loop") == 404);
    CHECK(body_of(s.get("/inside")) == "0123456789");
}

TEST_CASE("what is no regular file is not found and does not block") {
    const site s;
    CHECK(s.status("/fifo") == 404);
    CHECK(s.status("/nothing") == 404);
    const std::string long_name = "/" + std::string(300, 'x');
    CHECK(s.status(long_name.c_str()) == 404);
}

TEST_CASE("HEAD is answered as GET, without the body") {
    const site s;
    const answer a = s.get("/data.bin", {{http::field::range, "bytes=0-1"}}, http::verb::head);
    CHECK(a.head.result_int() == 200);  // RFC 9110 14.2: Range is for GET
    CHECK(field_of(a, http::field::content_length) == "10");
    CHECK_FALSE(a.send_body);
    CHECK_FALSE(s.get("/nothing", {}, http::verb::head).send_body);
}

TEST_CASE("ranges are cut, refused or ignored") {
    const site s;
    const answer part = s.get("/data.bin", {{http::field::range, "bytes=2-4"}});
    CHECK(part.head.result_int() == 206);
    CHECK(body_of(part) == "234");
    CHECK(field_of(part, http::field::content_range) == "bytes 2-4/10");
    CHECK(field_of(part, http::field::content_length) == "3");
    CHECK(body_of(s.get("/data.bin", {{http::field::range, "bytes=-2"}})) == "89");

    const answer beyond = s.get("/data.bin", {{http::field::range, "bytes=10-"}});
    CHECK(beyond.head.result_int() == 416);
    CHECK(field_of(beyond, http::field::content_range) == "bytes */10");

    const answer stale =
        s.get("/data.bin", {{http::field::range, "bytes=2-4"}, {http::field::if_range, "\"old\""}});
    CHECK(stale.head.result_int() == 200);
    CHECK(body_of(stale) == "0123456789");
}

TEST_CASE("conditions spare the body") {
    const site s;
    const std::string etag = field_of(s.get("/data.bin"), http::field::etag);
    const answer same = s.get("/data.bin", {{http::field::if_none_match, etag}});
    CHECK(same.head.result_int() == 304);
    CHECK_FALSE(same.send_body);
    CHECK(field_of(same, http::field::etag) == etag);
    CHECK(s.get("/data.bin", {{http::field::if_match, "\"other\""}}).head.result_int() == 412);
    s.directory.write("www/data.bin", "changed");
    CHECK(s.get("/data.bin", {{http::field::if_none_match, etag}}).head.result_int() == 200);
}

TEST_CASE("other methods and bad requests are refused") {
    const site s;
    const answer post = s.get("/", {}, http::verb::post);
    CHECK(post.head.result_int() == 405);
    CHECK(field_of(post, http::field::allow) == "GET, HEAD");
    request_header request;
    request.method_string("BREW");
    request.target("/");
    request.version(11);
    request.set(http::field::host, "test");
    CHECK(make_answer(request, true, s.root, now).head.result_int() == 501);

    request.clear();
    request.method(http::verb::get);
    request.target("/");
    request.version(11);
    CHECK(make_answer(request, true, s.root, now).head.result_int() == 400);  // no Host
    request.insert(http::field::host, "a");
    request.insert(http::field::host, "b");
    CHECK(make_answer(request, true, s.root, now).head.result_int() == 400);
    request.erase(http::field::host);
    request.version(10);
    CHECK(make_answer(request, false, s.root, now).head.result_int() == 200);
}

TEST_CASE("a root that cannot be read is the user's mistake") {
    CHECK_THROWS_AS(document_root("/nonexistent/directory"), failure);
    const site s;
    CHECK_THROWS_AS(document_root(s.directory / "secret"), failure);
}
