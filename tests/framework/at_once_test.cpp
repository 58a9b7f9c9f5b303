// A coax::task goes on without a turn of the loop where its socket need not wait, but not for ever;
// whoever composes operations is never entered inside the call that starts one.
#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::connection;
using coax_test::world;

namespace {

// A composed operation that looks at its state behind the start of a write, as Asio allows.
struct looks_behind {
    coax::tcp::socket& socket;
    bool& inside;
    bool& entered_inside;
    bool started = false;

    template <class Self>
    void operator()(Self& self, error_code ec = {}, std::size_t n = 0) {
        entered_inside = entered_inside || inside;
        if (started) return self.complete(ec, n);
        started = true;
        bool& flag = inside;
        flag = true;
        socket.async_write_some(asio::buffer("x", 1), std::move(self));
        flag = false;
    }
};

template <class Token>
auto write_and_look(coax::tcp::socket& s, bool& inside, bool& entered_inside, Token&& token) {
    return asio::async_compose<Token, void(error_code, std::size_t)>(
        looks_behind{s, inside, entered_inside}, token, s);
}

}  // namespace

TEST_CASE("at once: writes that need not wait, so often in one run of a handler") {
    world w("wire");
    connection c(w);
    bool posted_ran = false;
    std::optional<int> before_posted;
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<> {
            asio::post(w.client(), [&] { posted_ran = true; });
            for (int i = 0; i != 200; ++i) {
                if (posted_ran && !before_posted) before_posted = i;
                co_await asio::async_write(c.near, asio::buffer("x", 1), asio::deferred);
            }
        },
        asio::detached);
    w.run_until([&] { return before_posted.has_value(); });
    CHECK(*before_posted > 4);
    CHECK(*before_posted < 40);
}

TEST_CASE("at once: reads of what is there, and then the wait for more") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::string got;
    error_code end;
    coax::co_spawn(
        w.server(),
        [&]() -> coax::task<> {
            for (std::array<char, 2> some{};;) {
                const auto [ec, n] = co_await c.far.async_read_some(asio::buffer(some),
                                                                    asio::as_tuple(asio::deferred));
                end = ec;
                if (ec) co_return;
                got.append(some.data(), n);
            }
        },
        asio::detached);
    const std::string sent = "what comes in one piece is read in many, at once or later";
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<> {
            co_await asio::async_write(c.near, asio::buffer(sent), asio::deferred);
            co_await asio::async_write(c.near, asio::buffer(sent), asio::deferred);
            c.near.shutdown(asio::socket_base::shutdown_send);
        },
        asio::detached);
    w.run_until([&] { return end.failed(); });
    CHECK(end == asio::error::eof);
    CHECK(got == sent + sent);
}

TEST_CASE("at once: more than the send buffer holds, with a reader that comes later") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::string sent(3'000'000, '.');
    for (std::size_t i = 0; i < sent.size(); i += 7) sent[i] = static_cast<char>('a' + i % 26);
    std::string got(sent.size(), ' ');
    std::optional<std::size_t> written;
    bool read = false;
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<> {
            written = co_await asio::async_write(c.near, asio::buffer(sent), asio::deferred);
        },
        asio::detached);
    coax::co_spawn(
        w.server(),
        [&]() -> coax::task<> {
            co_await asio::async_read(c.far, asio::buffer(got), asio::deferred);
            read = true;
        },
        asio::detached);
    w.run_until([&] { return read && written.has_value(); });
    CHECK(*written == sent.size());
    CHECK(got == sent);
}

TEST_CASE("at once: not inside a composed operation that is not known to end there") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    bool inside = false;
    bool entered_inside = false;
    std::size_t wrote = 0;
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<> {
            for (int i = 0; i != 3; ++i)
                wrote += co_await write_and_look(c.near, inside, entered_inside, asio::deferred);
        },
        asio::detached);
    w.run_until([&] { return wrote == 3; });
    CHECK_FALSE(entered_inside);
}

TEST_CASE("at once: nothing of it for a task on another context than its socket's") {
    world w("wire");
    connection c(w);
    bool here = true;
    int wrote = 0;
    coax::co_spawn(
        w.server(),  // which does not turn inside the client's handlers
        [&]() -> coax::task<> {
            for (int i = 0; i != 3; ++i, ++wrote) {
                co_await asio::async_write(c.near, asio::buffer("x", 1), asio::deferred);
                here = here && w.server().get_executor().running_in_this_thread();
            }
        },
        asio::detached);
    w.run_until([&] { return wrote == 3; });
    CHECK(here);
}

TEST_CASE("at once: errors too, and an operation on a closed socket") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    error_code written;
    error_code read;
    bool over = false;
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<> {
            c.near.shutdown(asio::socket_base::shutdown_send);
            const auto [broken, n] = co_await asio::async_write(c.near, asio::buffer("x", 1),
                                                                asio::as_tuple(asio::deferred));
            written = broken;
            c.near.close();
            std::array<char, 1> one{};
            const auto [bad, m] =
                co_await c.near.async_read_some(asio::buffer(one), asio::as_tuple(asio::deferred));
            read = bad;
            over = n == 0 && m == 0;
        },
        asio::detached);
    w.run_until([&] { return over; });
    CHECK(written == asio::error::broken_pipe);
    CHECK(read == asio::error::bad_descriptor);
}
