// SO_SNDBUF and SO_RCVBUF on the stack: what they report, and what setting them does.
#include <string>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::connection;
using coax_test::world;
using namespace std::chrono_literals;

namespace {

template <class Option>
int size_of(coax::tcp::socket& s) {
    Option is;
    s.get_option(is);
    return is.value();
}

int send_size(coax::tcp::socket& s) { return size_of<asio::socket_base::send_buffer_size>(s); }
int receive_size(coax::tcp::socket& s) {
    return size_of<asio::socket_base::receive_buffer_size>(s);
}

// Reads all that is there each millisecond, so that there are round trips to be measured.
struct slow_reader {
    coax::tcp::socket& from;
    std::size_t left;
    coax::steady_timer pause{from.get_executor()};
    std::string room = std::string(1 << 20, '\0');

    void start() {
        from.async_read_some(asio::buffer(room), [this](error_code ec, std::size_t n) {
            REQUIRE(!ec);
            left -= n;
            if (left == 0) return;
            pause.expires_after(1ms);
            pause.async_wait([this](error_code) { start(); });
        });
    }
};

void transfer(world& w, connection& c, std::size_t bytes) {
    const std::string all(bytes, 'x');
    bool written = false;
    asio::async_write(c.near, asio::buffer(all), [&](error_code ec, std::size_t) {
        CHECK(!ec);
        written = true;
    });
    slow_reader reader{c.far, bytes};
    reader.start();
    w.run_until([&] { return written && reader.left == 0; });
}

}  // namespace

TEST_CASE("the sizes of the buffers are those that tuning made of them") {
    world w("wire");
    connection c(w);
    const int sending = send_size(c.near);
    const int receiving = receive_size(c.far);
    CHECK(sending == 128 * 1024);
    CHECK(receiving == 128 * 1024);
    transfer(w, c, 16 << 20);
    CHECK(send_size(c.near) > sending);
    CHECK(receive_size(c.far) > receiving);
    CHECK(static_cast<std::uint64_t>(send_size(c.near)) == c.near.info().send_buffer_max);
    CHECK(static_cast<std::uint64_t>(receive_size(c.far)) == c.far.info().receive_buffer_max);
}

TEST_CASE("a size that was set is reported as it was set, and tuning leaves it") {
    world w("wire");
    connection c(w);
    c.near.set_option(asio::socket_base::send_buffer_size(100'000));
    c.far.set_option(asio::socket_base::receive_buffer_size(90'000));
    CHECK(send_size(c.near) == 100'000);
    CHECK(receive_size(c.far) == 90'000);
    transfer(w, c, 4 << 20);
    CHECK(send_size(c.near) == 100'000);
    CHECK(receive_size(c.far) == 90'000);
    c.near.set_option(asio::socket_base::send_buffer_size(200'000));  // by the user alone
    CHECK(send_size(c.near) == 200'000);
}
