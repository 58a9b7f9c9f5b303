// Reads and writes of one buffer in a coax::task: tried before the coroutine is suspended, then an
// operation without a handler. Results, cancellation and the end are those of the general way.
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
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

std::optional<error_code> code_of(const std::exception_ptr& e) {
    if (!e) return std::nullopt;
    try {
        std::rethrow_exception(e);
    } catch (const boost::system::system_error& failure) {
        return failure.code();
    }
}

struct flag_at_end {
    bool& flag;
    ~flag_at_end() { flag = true; }
};

}  // namespace

TEST_CASE("task transfer: a whole buffer from many pieces, and its end before that") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::string got(100, ' ');
    std::size_t whole = 0;
    std::optional<error_code> end;
    std::array<char, 100> rest{};
    coax::co_spawn(
        w.server(),
        [&]() -> coax::task<> {
            whole = co_await asio::async_read(c.far, asio::buffer(got), asio::deferred);
            co_await asio::async_read(c.far, asio::buffer(rest), asio::deferred);
        },
        [&](const std::exception_ptr& e) { end = code_of(e); });
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<> {
            coax::fast_timer pause(w.client().get_executor());
            for (int i = 0; i != 11; ++i) {
                co_await asio::async_write(c.near, asio::buffer("0123456789", 10), asio::deferred);
                pause.expires_after(std::chrono::milliseconds(2));
                co_await pause.async_wait();
            }
            c.near.shutdown(asio::socket_base::shutdown_send);
        },
        asio::detached);
    w.run_until([&] { return end.has_value(); });
    CHECK(whole == 100);
    CHECK(got.substr(90) == "0123456789");
    CHECK(*end == asio::error::eof);
    CHECK(std::string(rest.data(), 10) == "0123456789");
}

TEST_CASE("task transfer: cancelled where Asio's would be") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::array<char, 8> data{};
    asio::cancellation_signal stop;
    std::string seen;
    bool over = false;
    const auto body = [&]() -> coax::task<> {
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation(),
                                                           asio::enable_total_cancellation());
        co_await asio::this_coro::throw_if_cancelled(false);
        try {
            co_await c.far.async_read_some(asio::buffer(data), asio::deferred);
        } catch (const boost::system::system_error& e) {
            seen += e.code() == asio::error::operation_aborted ? "some " : "? ";
        }
        try {
            co_await asio::async_read(c.far, asio::buffer(data), asio::deferred);
        } catch (const boost::system::system_error& e) {
            seen += e.code() == asio::error::operation_aborted ? "all " : "? ";
        }
        const std::size_t n = co_await c.far.async_read_some(asio::buffer(data), asio::deferred);
        seen += std::to_string(n);
    };
    coax::co_spawn(w.server(), body,
                   asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr& e) {
                       CHECK_FALSE(e);
                       over = true;
                   }));
    const auto turn_until = [&](const std::string& what) {
        w.run_until([&] { return seen == what; });
    };
    const auto emit = [&](asio::cancellation_type_t type) {
        asio::post(w.server(), [&stop, type] { stop.emit(type); });
    };
    emit(asio::cancellation_type::total);
    turn_until("some ");
    bool sent = false;
    asio::async_write(c.near, asio::buffer("abc", 3),
                      [&](error_code, std::size_t) { sent = true; });
    w.run_until([&] { return sent && c.far.available() == 0 && data[2] == 'c'; });
    emit(asio::cancellation_type::total);  // three bytes are through: no effect
    bool passed = false;
    asio::post(w.server(), [&] { passed = true; });
    w.run_until([&] { return passed; });
    CHECK(seen == "some ");
    emit(asio::cancellation_type::terminal);
    turn_until("some all ");
    asio::async_write(c.near, asio::buffer("de", 2), [&](error_code, std::size_t) {});
    w.run_until([&] { return over; });
    CHECK(seen == "some all 2");
}

TEST_CASE("task transfer: empty buffers, a closed socket, several readers") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::string order;
    int left = 3;
    const auto reader = [&](char name) -> coax::task<> {
        std::array<char, 2> two{};
        co_await asio::async_read(c.far, asio::buffer(two), asio::deferred);
        order += name;
        order.append(two.data(), 2);
        --left;
    };
    coax::co_spawn(w.server(), [&] { return reader('A'); }, asio::detached);
    coax::co_spawn(w.server(), [&] { return reader('B'); }, asio::detached);
    std::optional<error_code> closed;
    coax::co_spawn(
        w.client(),
        [&]() -> coax::task<> {
            CHECK(co_await asio::async_write(c.near, asio::buffer("", 0), asio::deferred) == 0);
            CHECK(co_await asio::async_write(c.near, asio::buffer("1234", 4), asio::deferred) == 4);
            c.near.close();
            co_await asio::async_write(c.near, asio::buffer("5", 1), asio::deferred);
        },
        [&](const std::exception_ptr& e) {
            closed = code_of(e);
            --left;
        });
    w.run_until([&] { return left == 0; });
    CHECK(order == "A12B34");
    CHECK(closed == error_code(asio::error::bad_descriptor));
}

TEST_CASE("task transfer: ended by close(), destroyed with its context") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    bool destroyed = false;
    std::optional<error_code> end;
    {
        world w(kind);
        connection c(w);
        connection other(w);
        std::array<char, 8> data{};
        coax::co_spawn(
            w.client(),
            [&]() -> coax::task<> {
                co_await asio::async_read(c.near, asio::buffer(data), asio::deferred);
            },
            [&](const std::exception_ptr& e) { end = code_of(e); });
        coax::co_spawn(
            w.server(),
            [&]() -> coax::task<> {
                const flag_at_end flag{destroyed};
                auto own = std::make_unique<coax::tcp::socket>(std::move(other.far));
                co_await own->async_read_some(asio::buffer(data), asio::deferred);
            },
            asio::detached);
        bool turned = false;
        asio::post(w.client(), [&] { turned = true; });
        w.run_until([&] { return turned; });
        c.near.close();
        w.run_until([&] { return end.has_value(); });
        CHECK(*end == asio::error::operation_aborted);
        CHECK_FALSE(destroyed);
        c.near = coax::tcp::socket(w.client());
    }
    CHECK(destroyed);
}
