// Options of TCP beyond Asio's own: what coax::tcp names for them is the same on every transport,
// and does what it says on the userspace stack.
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::connection;
using coax_test::world;
using namespace std::chrono_literals;
using tcp = coax::tcp;

namespace {

template <class Option>
auto read_back(tcp::socket& s) {
    Option option;
    s.get_option(option);
    return option.value();
}

}  // namespace

TEST_CASE("options of TCP come back as they were set, and have the defaults of Linux") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    tcp::socket s(w.client(), tcp::v4());
    CHECK(!read_back<tcp::cork>(s));
    CHECK(read_back<tcp::user_timeout>(s) == 0);
    CHECK(read_back<tcp::keep_alive_idle>(s) == 7200);
    CHECK(read_back<tcp::keep_alive_interval>(s) == 75);
    CHECK(read_back<tcp::keep_alive_count>(s) == 9);
    s.set_option(tcp::cork(true));
    s.set_option(tcp::user_timeout(1500));
    s.set_option(tcp::keep_alive_idle(10));
    s.set_option(tcp::keep_alive_interval(3));
    s.set_option(tcp::keep_alive_count(2));
    CHECK(read_back<tcp::cork>(s));
    CHECK(read_back<tcp::user_timeout>(s) == 1500);
    CHECK(read_back<tcp::keep_alive_idle>(s) == 10);
    CHECK(read_back<tcp::keep_alive_interval>(s) == 3);
    CHECK(read_back<tcp::keep_alive_count>(s) == 2);
    s.set_option(tcp::cork(false));
    CHECK(!read_back<tcp::cork>(s));
    error_code ec;
    s.set_option(tcp::keep_alive_idle(0), ec);
    CHECK(ec == asio::error::invalid_argument);
    s.set_option(tcp::keep_alive_count(128), ec);
    CHECK(ec == asio::error::invalid_argument);
    s.set_option(tcp::user_timeout(-1), ec);
    CHECK(ec == asio::error::invalid_argument);
}

TEST_CASE("what a cork holds arrives when it is pulled, in one piece") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    c.near.set_option(tcp::cork(true));
    CHECK(asio::write(c.near, asio::buffer("ab", 2)) == 2);
    CHECK(asio::write(c.near, asio::buffer("cd", 2)) == 2);
    std::string text(16, ' ');
    std::size_t got = 0;
    c.far.async_read_some(asio::buffer(text), [&](error_code ec, std::size_t n) {
        CHECK(!ec);
        got = n;
    });
    c.near.set_option(tcp::cork(false));
    w.run_until([&] { return got != 0; });
    CHECK((kind == "kernel" || got == 4));  // the kernel's cork has a clock of its own
    CHECK(text.substr(0, got) == std::string("abcd").substr(0, got));
}

TEST_CASE("a peer that vanished is noticed by keep-alive, and by the user timeout") {
    const bool writes = GENERATE(false, true);
    CAPTURE(writes);
    world w("wire");
    connection c(w);
    if (writes) {
        c.far.set_option(tcp::user_timeout(5000));
    } else {
        c.far.set_option(tcp::socket::keep_alive(true));
        c.far.set_option(tcp::keep_alive_idle(10));
        c.far.set_option(tcp::keep_alive_interval(3));
        c.far.set_option(tcp::keep_alive_count(2));
    }
    w.freeze_client();
    const auto began = w.server().now();
    error_code ended;
    std::array<char, 8> data{};
    c.far.async_read_some(asio::buffer(data), [&](error_code ec, std::size_t) { ended = ec; });
    if (writes) CHECK(asio::write(c.far, asio::buffer("x", 1)) == 1);
    w.run_until([&] { return static_cast<bool>(ended); });
    const auto expected = writes ? 5s : 16s;
    CHECK(w.server().now() - began >= expected - 100ms);
    // The moment of the first transmission is known to one retransmission timeout.
    CHECK(w.server().now() - began <= expected + 300ms);
    CHECK(ended == asio::error::timed_out);
}
