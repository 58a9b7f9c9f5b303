// Operations that one thread starts while another runs the context, or is about to: they are handed
// over, and the socket may have been closed, destroyed or moved when they arrive.
#include <array>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;

// A context that a thread of its own runs from hold() on, where it is kept inside a handler. Only
// starts, closes and destructions are allowed from then on.
class busy_context {
  public:
    busy_context() : guard_(asio::make_work_guard(io)) {}
    ~busy_context() {
        guard_.reset();
        if (runner_.joinable()) runner_.join();
    }
    busy_context(const busy_context&) = delete;
    busy_context& operator=(const busy_context&) = delete;

    // Returns when the thread is inside the handler; `last` runs there when it is let go.
    template <class Function>
    void hold(Function last) {
        std::atomic<bool> inside{false};
        held_ = true;
        asio::post(io, [this, last, &inside]() mutable {
            inside = true;
            inside.notify_one();
            held_.wait(true);
            last();
        });
        runner_ = std::thread([this] { io.run(); });
        inside.wait(false);
    }
    void let_go() {
        held_ = false;
        held_.notify_one();
    }

    coax::io_context io{{.backend = "kernel"}};

  private:
    std::atomic<bool> held_{false};
    asio::executor_work_guard<coax::io_context::executor_type> guard_;
    std::thread runner_;
};

template <class Future>
error_code error_of(Future& result) {
    try {
        result.get();
    } catch (const system_error& e) {
        return e.code();
    }
    return {};
}

const asio::ip::tcp::endpoint anywhere(asio::ip::address_v4::loopback(), 0);

}  // namespace

TEST_CASE("operations are started and sockets closed while another thread enters run()") {
    for (int round = 0; round != 50; ++round) {
        coax::io_context io({.backend = "kernel"});
        auto guard = asio::make_work_guard(io);
        coax::steady_timer first(io, coax::steady_timer::time_point::min());
        coax::steady_timer second(io, coax::steady_timer::time_point::min());
        coax::tcp::acceptor never(io, {asio::ip::address_v4::loopback(), 0});
        std::thread runner([&] { io.run(); });
        auto one = first.async_wait(asio::use_future);
        auto accepted = never.async_accept(asio::use_future);
        auto other = second.async_wait(asio::use_future);
        never.close();
        one.get();
        other.get();
        CHECK_THROWS(accepted.get());
        guard.reset();
        runner.join();
    }
}

TEST_CASE("a start is under way, and the context's thread closes the socket") {
    busy_context c;
    coax::tcp::acceptor a(c.io, anywhere);
    c.hold([&] { a.close(); });
    auto accepted = a.async_accept(asio::use_future);
    auto readable = a.async_wait(coax::tcp::acceptor::wait_read, asio::use_future);
    c.let_go();
    CHECK(error_of(accepted) == asio::error::operation_aborted);
    CHECK(error_of(readable) == asio::error::operation_aborted);
}

TEST_CASE("a start is under way, and the starting thread closes or destroys the socket") {
    busy_context c;
    std::optional<coax::tcp::acceptor> a(std::in_place, c.io, anywhere);
    c.hold([] {});
    auto accepted = a->async_accept(asio::use_future);
    if (GENERATE(false, true)) a->close();
    a.reset();
    c.let_go();
    CHECK(error_of(accepted) == asio::error::operation_aborted);
}

TEST_CASE("a start is under way, and the socket moves: the operation goes with what was open") {
    busy_context c;
    coax::tcp::acceptor first(c.io, anywhere);
    const auto where = first.local_endpoint();
    c.hold([] {});
    auto accepted = first.async_accept(asio::use_future);
    coax::tcp::acceptor second(std::move(first));
    c.let_go();
    asio::io_context plain;
    asio::ip::tcp::socket client(plain);
    client.connect(where);
    CHECK_FALSE(error_of(accepted));
    auto other = second.async_accept(asio::use_future);
    second.close();
    CHECK(error_of(other) == asio::error::operation_aborted);
}

TEST_CASE("a closed socket is started from another thread") {
    busy_context c;
    coax::tcp::socket s(c.io);
    c.hold([] {});
    c.let_go();
    std::array<char, 1> octet{};
    auto read = s.async_read_some(asio::buffer(octet), asio::use_future);
    CHECK(error_of(read) == asio::error::bad_descriptor);
    // Opened by the connect, in the context's thread.
    asio::io_context plain;
    asio::ip::tcp::acceptor a(plain, anywhere);
    auto connected = s.async_connect(a.local_endpoint(), asio::use_future);
    CHECK_FALSE(error_of(connected));
}
