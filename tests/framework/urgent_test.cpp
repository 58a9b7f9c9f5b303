// Urgent data and the flags of sending, as Asio has them, the same on both transports.
#include <array>
#include <string>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::connection;
using coax_test::world;
using tcp = coax::tcp;
using base = asio::socket_base;

namespace {

struct result {
    bool done = false;
    error_code ec;
    std::string text;
};

void reads(tcp::socket& s, std::string& room, result& r, int flags = 0) {
    s.async_receive(asio::buffer(room), flags,
                    [&](error_code ec, std::size_t n) { r = {true, ec, room.substr(0, n)}; });
}

std::string read_now(world& w, tcp::socket& s, int flags = 0) {
    std::string room(32, ' ');
    result r;
    reads(s, room, r, flags);
    w.run_until([&] { return r.done; });
    CHECK(!r.ec);
    return r.text;
}

}  // namespace

TEST_CASE("an urgent octet is waited for, read apart, and is where at_mark() says") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    CHECK(!c.far.at_mark());  // from now on this program minds it
    bool urgent = false;
    c.far.async_wait(base::wait_error, [&](error_code ec) {
        CHECK(!ec);
        urgent = true;
    });
    std::string room(8, ' ');
    result apart;
    reads(c.far, room, apart, base::message_out_of_band);
    CHECK(c.near.send(asio::buffer("ab", 2)) == 2);
    CHECK(c.near.send(asio::buffer("c!", 2), base::message_out_of_band) == 2);
    CHECK(c.near.send(asio::buffer("de", 2)) == 2);
    w.run_until([&] { return urgent && apart.done; });
    CHECK(!apart.ec);
    CHECK(apart.text == "!");
    std::string before;
    while (!c.far.at_mark()) before += read_now(w, c.far);
    CHECK(before == "abc");
    std::string after;
    while (after.size() < 2) after += read_now(w, c.far);
    CHECK(after == "de");
    CHECK(!c.far.at_mark());
    error_code ec;
    c.far.receive(asio::buffer(room), base::message_out_of_band, ec);
    CHECK(ec == asio::error::invalid_argument);
}

TEST_CASE("out_of_band_inline keeps the urgent octet in the stream") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    base::out_of_band_inline option;
    c.far.get_option(option);
    CHECK(!option.value());
    c.far.set_option(base::out_of_band_inline(true));
    c.far.get_option(option);
    CHECK(option.value());
    CHECK(c.near.send(asio::buffer("abc!", 4), base::message_out_of_band) == 4);
    CHECK(c.near.send(asio::buffer("de", 2)) == 2);
    bool urgent = false;
    c.far.async_wait(base::wait_error, [&](error_code) { urgent = true; });
    w.run_until([&] { return urgent; });
    std::string before;
    while (!c.far.at_mark()) before += read_now(w, c.far);
    CHECK(before == "abc");
    std::string after;
    while (after.size() < 3) after += read_now(w, c.far);
    CHECK(after == "!de");
}

TEST_CASE("a read of urgent data is cancelled as any other") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::string room(8, ' ');
    result r;
    reads(c.far, room, r, base::message_out_of_band);
    c.far.cancel();
    w.run_until([&] { return r.done; });
    CHECK(r.ec == asio::error::operation_aborted);
}

TEST_CASE("a promise of more, and the end of a record, do not change the stream") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    CHECK(c.near.send(asio::buffer("ab", 2), tcp::message_more) == 2);
    std::size_t sent = 0;
    c.near.async_send(asio::buffer("cd", 2), base::message_end_of_record,
                      [&](error_code ec, std::size_t n) {
                          CHECK(!ec);
                          sent = n;
                      });
    std::string all;
    while (all.size() < 4) all += read_now(w, c.far);
    w.run_until([&] { return sent != 0; });
    CHECK(all == "abcd");
}
