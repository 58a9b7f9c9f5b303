// Requests and replies without a socket: bytes in pieces of every size.
#include "services/load/dialogue.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/buffers_iterator.hpp>
#include <catch2/catch.hpp>

#include "services/load/escaped_text.hpp"

using namespace coax::services;

namespace {

std::string text_of(const dialogue::pieces& p) {
    return {boost::asio::buffers_begin(p), boost::asio::buffers_end(p)};
}

// All replies in `stream`, which comes in pieces of `step` bytes; what a dialogue leaves is brought
// again, as a connection does.
std::vector<reply> replies_in(dialogue& d, std::string_view stream, std::size_t step) {
    std::vector<reply> all;
    std::string kept;
    while (!stream.empty()) {
        kept += stream.substr(0, step);
        stream.remove_prefix(std::min(step, stream.size()));
        std::span<const char> bytes(kept);
        while (!bytes.empty()) {
            const reply r = d.take(bytes);
            if (r.state == reply_state::incomplete) break;
            all.push_back(r);
            if (r.state == reply_state::broken) return all;
        }
        kept = std::string(bytes.begin(), bytes.end());
    }
    return all;
}

load_options echo_options(std::size_t size) {
    load_options o;
    o.size = size;
    return o;
}

load_options raw_options(const raw_exchange& raw) {
    load_options o;
    o.raw = raw;
    return o;
}

load_options http_options() {
    load_options o;
    o.protocol = load_protocol::http;
    o.host = "198.18.0.1:8080";
    o.target = "/a?b";
    return o;
}

constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view chunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nTrailer: x\r\n\r\n";

}  // namespace

TEST_CASE("echoed messages are told from one another and compared, in pieces of every size") {
    for (const std::size_t size : {1U, 7U, 64U}) {
        const load_options options = echo_options(size);
        for (std::size_t step = 1; step <= 3 * size + 1; ++step) {
            const auto d = make_dialogue(options, 5, 4);
            std::string stream;
            for (int round = 0; round < 5; ++round) {
                // Sends three messages of a ring of four, so that it goes round.
                const std::string sent = text_of(d->next(3));
                REQUIRE(sent.size() == 3 * size);
                const auto got = replies_in(*d, sent, step);
                REQUIRE(got.size() == 3);
                for (const reply& r : got) CHECK(r.state == reply_state::good);
            }
        }
    }
}

TEST_CASE("an echo that is not what was sent is wrong, and the next one is right again") {
    const load_options options = echo_options(10);
    const auto d = make_dialogue(options, 0, 4);
    std::string sent = text_of(d->next(3));
    sent[13] = static_cast<char>(sent[13] ^ 1);
    const auto got = replies_in(*d, sent, 4);
    REQUIRE(got.size() == 3);
    CHECK(got[0].state == reply_state::good);
    CHECK(got[1].state == reply_state::wrong);
    CHECK(got[2].state == reply_state::good);
}

TEST_CASE("messages of an echo are sent again as they were") {
    const load_options options = echo_options(10);
    const auto d = make_dialogue(options, 0, 4);
    const std::string sent = text_of(d->next(4));
    CHECK(replies_in(*d, sent.substr(0, 25), 25).size() == 2);
    CHECK(text_of(d->again(2)) == sent.substr(20));
    CHECK(replies_in(*d, sent.substr(20), 3).size() == 2);
}

TEST_CASE("raw replies are known by their bytes, their size or their end") {
    const raw_exchange exact{"PING\r\n", "+PONG\r\n", 0, ""};
    const raw_exchange sized{"GET x\r\n", "", 9, ""};
    const raw_exchange ended{"INCR x\r\n", "", 0, "\r\n"};
    struct check {
        raw_exchange raw;
        std::string stream;
        std::vector<reply_state> states;
    };
    using enum reply_state;
    const std::vector<check> checks{
        {exact, "+PONG\r\n+PONG\r\n", {good, good}},
        {exact, "+PONG\r\n-ERR x\n+PONG\r\n", {good, wrong, good}},
        {sized, "$3\r\nabc\r\n$3\r\nxyz\r\n$3", {good, good}},
        {ended, ":1\r\n:22\r\n:333\r", {good, good}},
        {ended, "\r\n\r\n", {good, good}},
    };
    for (const check& c : checks) {
        const load_options options = raw_options(c.raw);
        for (std::size_t step = 1; step <= c.stream.size(); ++step) {
            const auto d = make_dialogue(options, 0, 3);
            CHECK(text_of(d->next(2)) == c.raw.request + c.raw.request);
            const auto got = replies_in(*d, c.stream, step);
            INFO(c.stream << " by " << step);
            REQUIRE(got.size() == c.states.size());
            for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i].state == c.states[i]);
        }
    }
}

TEST_CASE("a raw reply without its end is given up") {
    const load_options options = raw_options({"x", "", 0, "\r\n"});
    const auto d = make_dialogue(options, 0, 1);
    const auto got = replies_in(*d, std::string(2'000'000, 'y'), 65'536);
    REQUIRE(got.size() == 1);
    CHECK(got[0].state == reply_state::broken);
}

TEST_CASE("HTTP requests name target and host") {
    const load_options options = http_options();
    const auto d = make_dialogue(options, 0, 3);
    const std::string one = text_of(d->next(1));
    CHECK(one.starts_with("GET /a?b HTTP/1.1\r\nHost: 198.18.0.1:8080\r\n"));
    CHECK(one.ends_with("\r\n\r\n"));
    CHECK(text_of(d->next(3)) == one + one + one);
    CHECK(text_of(d->again(2)) == one + one);
}

TEST_CASE("HTTP replies end where their header or their chunks say, in pieces of every size") {
    struct check {
        std::string stream;
        std::vector<unsigned> statuses;
    };
    const std::string both = std::string(ok) + std::string(chunked);
    const std::vector<check> checks{
        {both + both, {200, 200, 200, 200}},
        {"HTTP/1.1 204 No Content\r\n\r\n" + both, {204, 200, 200}},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" + both, {304, 200, 200}},
        // An interim reply is none.
        {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + both, {200, 200}},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno" + both, {404, 200, 200}},
    };
    const load_options options = http_options();
    for (const check& c : checks) {
        for (std::size_t step = 1; step <= c.stream.size(); ++step) {
            const auto d = make_dialogue(options, 0, 1);
            const auto got = replies_in(*d, c.stream, step);
            INFO(c.stream << " by " << step);
            REQUIRE(got.size() == c.statuses.size());
            for (std::size_t i = 0; i < got.size(); ++i) {
                CHECK(got[i].status == c.statuses[i]);
                CHECK_FALSE(got[i].closes);
                CHECK(got[i].state ==
                      (c.statuses[i] < 400 ? reply_state::good : reply_state::failed));
            }
        }
    }
}

TEST_CASE("an HTTP reply may close the connection, or end with it") {
    const load_options options = http_options();
    const auto d = make_dialogue(options, 0, 1);
    const auto closing =
        replies_in(*d, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 1'000);
    REQUIRE(closing.size() == 1);
    CHECK(closing[0].closes);

    d->again(1);
    CHECK(replies_in(*d, "HTTP/1.0 200 OK\r\n\r\nall that comes", 7).empty());
    const reply last = d->end();
    CHECK(last.state == reply_state::good);
    CHECK(last.closes);

    d->again(1);
    CHECK(d->end().state == reply_state::incomplete);
    CHECK(replies_in(*d, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 1'000).empty());
    CHECK(d->end().state == reply_state::broken);
}

TEST_CASE("what is no HTTP breaks the connection") {
    const load_options options = http_options();
    for (const char* stream : {"+PONG\r\n+PONG\r\n", "HTTP/9.9 200 OK\r\n\r\n"}) {
        const auto d = make_dialogue(options, 0, 1);
        const auto got = replies_in(*d, stream, 100);
        INFO(stream);
        REQUIRE(got.size() == 1);
        CHECK(got[0].state == reply_state::broken);
        CHECK(got[0].problem.starts_with("no HTTP"));
    }
}

TEST_CASE("escapes stand for bytes") {
    CHECK(parse_escapes("PING\\r\\n") == "PING\r\n");
    CHECK(parse_escapes("a\\\\b\\t\\x00\\xfF.") == std::string("a\\b\t\0\xff.", 7));
    CHECK(parse_escapes("\\0") == std::string(1, '\0'));
    CHECK(parse_escapes("") == "");
    CHECK(parse_escapes("'\"$") == "'\"$");
    for (const char* bad : {"\\", "x\\", "\\q", "\\x", "\\x1", "\\xg0", "\\x-1", "\\u0041"}) {
        INFO(bad);
        CHECK_FALSE(parse_escapes(bad).has_value());
    }
}
