// Operations that end inside the call that started them: by default their handlers run later; with
// an immediate executor, which Boost has since 1.82, they go to that one.
#include <array>
#include <memory>
#include <stdexcept>
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
using tcp = coax::tcp;

TEST_CASE("without an immediate executor nothing runs inside the call that starts it") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::vector<error_code> ended;
    const auto note = [&](error_code ec, auto&&...) { ended.push_back(ec); };
    tcp::socket closed(w.client());
    std::array<char, 8> data{};
    bool inside = false;
    asio::post(w.client(), [&] {
        c.near.async_read_some(asio::mutable_buffer(), note);
        c.near.async_write_some(asio::const_buffer(), note);
        closed.async_read_some(asio::buffer(data), note);
        tcp::acceptor(w.client()).async_accept(note);
        inside = !ended.empty();
    });
    w.run();
    CHECK(!inside);
    CHECK(ended == std::vector<error_code>{
                       {}, {}, asio::error::bad_descriptor, asio::error::bad_descriptor});
}

#if BOOST_ASIO_VERSION >= 102700

namespace {

// Runs everything at once, as Asio's newer inline_executor; notes how often.
struct at_once {
    coax::io_context* context;
    int* count;

    template <class Function>
    void execute(Function&& f) const {
        ++*count;
        std::decay_t<Function> function(std::forward<Function>(f));
        std::move(function)();
    }
    asio::execution_context& query(asio::execution::context_t) const noexcept { return *context; }
    static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
        return asio::execution::blocking.always;
    }
    friend bool operator==(const at_once& a, const at_once& b) noexcept {
        return a.context == b.context;
    }
    friend bool operator!=(const at_once& a, const at_once& b) noexcept { return !(a == b); }
};

}  // namespace

TEST_CASE("what ends at once runs on the immediate executor: success, nothing to do, errors") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    int count = 0;
    std::vector<error_code> ended;
    const auto note = [&] {
        return asio::bind_immediate_executor(
            at_once{&w.client(), &count}, [&](error_code ec, auto&&...) { ended.push_back(ec); });
    };
    c.near.async_read_some(asio::mutable_buffer(), note());
    CHECK(ended == std::vector<error_code>(1));
    c.near.async_write_some(asio::const_buffer(), note());
    CHECK(ended == std::vector<error_code>(2));
    std::array<char, 8> data{};
    tcp::socket closed(w.client());
    closed.async_read_some(asio::buffer(data), note());
    CHECK(ended.back() == asio::error::bad_descriptor);
    closed.async_wait(tcp::socket::wait_read, note());
    tcp::acceptor acceptor(w.client());
    acceptor.async_accept(note());
    coax::udp::socket datagrams(w.client());
    datagrams.async_receive(asio::buffer(data), note());
    CHECK(ended.size() == 6);
    CHECK(ended.back() == asio::error::bad_descriptor);
    CHECK(count >= 6);
    // Nothing of them is left as work.
    CHECK(w.client().poll() == 0);
    CHECK(w.client().stopped());
    w.client().restart();
    if (kind == "kernel") return;
    // The stack has the bytes already. (The kernel is asked through the ring.)
    c.far.write_some(asio::buffer("abc", 3));
    c.near.wait(tcp::socket::wait_read);
    c.near.async_read_some(asio::buffer(data, 2), note());
    CHECK(ended.size() == 7);
    CHECK(!ended.back());
    CHECK(data[1] == 'b');
}

TEST_CASE("what must wait ignores the immediate executor") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    int count = 0;
    int reads = 0;
    asio::cancellation_signal signal;
    error_code cancelled;
    std::array<char, 8> data{};
    c.near.async_read_some(asio::buffer(data),
                           asio::bind_immediate_executor(
                               at_once{&w.client(), &count}, [&](error_code ec, std::size_t) {
                                   CHECK(!ec);
                                   CHECK(w.client().get_executor().running_in_this_thread());
                                   ++reads;
                               }));
    c.near.async_read_some(
        asio::buffer(data),
        asio::bind_cancellation_slot(
            signal.slot(),
            asio::bind_immediate_executor(at_once{&w.client(), &count},
                                          [&](error_code ec, std::size_t) { cancelled = ec; })));
    signal.emit(asio::cancellation_type::terminal);
    CHECK(!cancelled);
    c.far.write_some(asio::buffer("x", 1));
    w.run();
    CHECK(reads == 1);
    CHECK(cancelled == asio::error::operation_aborted);
    CHECK(count == 0);
}

TEST_CASE("a handler's own executor is behind its immediate one") {
    world w("wire");
    connection c(w);
    coax::io_context elsewhere;
    int count = 0;
    bool there = false;
    c.near.async_read_some(
        asio::mutable_buffer(),
        asio::bind_immediate_executor(
            at_once{&w.client(), &count},
            asio::bind_executor(elsewhere.get_executor(), [&](error_code, std::size_t) {
                there = elsewhere.get_executor().running_in_this_thread();
            })));
    CHECK(!there);
    CHECK(count == 1);
    CHECK(elsewhere.run() == 1);
    CHECK(there);
}

TEST_CASE("an immediate executor goes through composed operations and coroutines") {
    world w("wire");
    connection c(w);
    int count = 0;
    int reads = 0;
    std::array<char, 4> data{};
    c.far.write_some(asio::buffer("abcd", 4));
    c.near.wait(tcp::socket::wait_read);
    asio::async_read(c.near, asio::buffer(data),
                     asio::bind_immediate_executor(at_once{&w.client(), &count},
                                                   [&](error_code ec, std::size_t n) {
                                                       CHECK(!ec);
                                                       CHECK(n == 4);
                                                       ++reads;
                                                   }));
    CHECK(reads == 1);  // what it reads is there, so all of it ends inside the call
    CHECK(count > 0);
    w.run();
    CHECK(reads == 1);
}

TEST_CASE("an exception of an immediate handler leaves the call, and everything is in order") {
    world w("wire");
    connection c(w);
    int count = 0;
    const auto alive = std::make_shared<int>(0);
    CHECK_THROWS_WITH(
        c.near.async_read_some(asio::mutable_buffer(),
                               asio::bind_immediate_executor(at_once{&w.client(), &count},
                                                             [alive](error_code, std::size_t) {
                                                                 throw std::runtime_error("thrown");
                                                             })),
        "thrown");
    CHECK(alive.use_count() == 1);
    CHECK(w.client().poll() == 0);
    CHECK(w.client().stopped());
    w.client().restart();
}

TEST_CASE("the executor of the context as the immediate one: inside it at once, outside later") {
    world w("wire");
    connection c(w);
    bool ran = false;
    const auto start = [&] {
        ran = false;
        c.near.async_read_some(
            asio::mutable_buffer(),
            asio::bind_immediate_executor(w.client().get_executor(),
                                          [&](error_code, std::size_t) { ran = true; }));
        return ran;
    };
    CHECK(!start());
    w.run();
    CHECK(ran);
    bool inside = false;
    asio::post(w.client(), [&] { inside = start(); });
    w.run();
    CHECK(inside);
}

#endif
