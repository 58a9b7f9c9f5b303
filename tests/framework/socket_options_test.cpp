// Options of TCP sockets that Asio does not have, on every transport.
#include <string>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

using boost::system::error_code;
using coax_test::connection;
using coax_test::world;
using tcp = coax::tcp;

namespace {

template <class Socket>
std::string congestion_of(Socket& s) {
    tcp::congestion is;
    s.get_option(is);
    return std::string(is.name());
}

}  // namespace

TEST_CASE("the congestion control is read and chosen by name, on the kernel as on the stack") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    CHECK(!congestion_of(c.near).empty());
    c.near.set_option(tcp::congestion("reno"));  // the one that every kernel has
    CHECK(congestion_of(c.near) == (kind == "wire" ? "newreno" : "reno"));
    error_code ec;
    c.near.set_option(tcp::congestion("no such"), ec);
    CHECK(ec == boost::system::errc::no_such_file_or_directory);
    CHECK(congestion_of(c.near) == (kind == "wire" ? "newreno" : "reno"));
    CHECK_THROWS_AS(tcp::congestion("sixteen letters!"), std::length_error);
}

TEST_CASE("an acceptor's congestion control is that of the sockets it accepts") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    tcp::acceptor acceptor(w.server(), w.listen_address());
    acceptor.set_option(tcp::congestion("reno"));
    tcp::socket near(w.client());
    tcp::socket far(w.server());
    int done = 0;
    acceptor.async_accept(far, [&](error_code ec) { done += ec ? 0 : 1; });
    near.async_connect(acceptor.local_endpoint(), [&](error_code ec) { done += ec ? 0 : 1; });
    w.run();
    REQUIRE(done == 2);
    CHECK(congestion_of(far) == congestion_of(acceptor));
}

TEST_CASE("ECN, pacing and the idle window are coax's stack's, and no options of the kernel") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    error_code ec;
    c.near.set_option(tcp::pacing(true), ec);
    error_code other;
    c.near.set_option(tcp::explicit_congestion_notification(true), other);
    if (kind == "kernel") {
        error_code third;
        c.near.set_option(tcp::window_after_idle(tcp::idle_window::validate), third);
        CHECK(third == boost::asio::error::no_protocol_option);
        CHECK(ec == boost::asio::error::no_protocol_option);
        CHECK(other == boost::asio::error::no_protocol_option);
        return;
    }
    CHECK(!ec);
    CHECK(!other);
    tcp::window_after_idle idle;
    c.near.get_option(idle);
    CHECK(idle.value() == tcp::idle_window::decay);
    c.near.set_option(tcp::window_after_idle(tcp::idle_window::validate));
    c.near.get_option(idle);
    CHECK(idle.value() == tcp::idle_window::validate);
    c.near.set_option(tcp::window_after_idle(static_cast<tcp::idle_window>(4)), ec);
    CHECK(ec == boost::asio::error::invalid_argument);
    tcp::pacing paced;
    c.near.get_option(paced);
    CHECK(paced.value());
    tcp::explicit_congestion_notification ecn;
    c.near.get_option(ecn);
    CHECK(ecn.value());
}

TEST_CASE("options that Linux refuses are refused by the stack, too") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    error_code ec;
    c.near.set_option(tcp::socket::send_low_watermark(4096), ec);
    CHECK(ec == boost::asio::error::no_protocol_option);
    c.near.set_option(tcp::socket::receive_low_watermark(4), ec);
    CHECK(!ec);
}
