// What Asio asks of every asynchronous operation, whatever it does: starts only when told to, takes
// memory from the handler's allocator and gives it back before the handler runs, calls it once, as
// an rvalue, on its executor, and obeys its cancellation slot. On every transport.
#include <array>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/datagrams.hpp"
#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::connection;
using coax_test::world;
using tcp = coax::tcp;

namespace {

// Notes what is allocated, and what of it is not given back.
struct memory_account {
    int all = 0;
    int live = 0;
};
template <class T>
struct accounting_allocator {
    using value_type = T;
    explicit accounting_allocator(memory_account& a) : account(&a) {}
    template <class U>
    accounting_allocator(const accounting_allocator<U>& other) : account(other.account) {}
    T* allocate(std::size_t n) {
        ++account->all;
        ++account->live;
        return std::allocator<T>().allocate(n);
    }
    void deallocate(T* p, std::size_t n) {
        --account->live;
        std::allocator<T>().deallocate(p, n);
    }
    friend bool operator==(const accounting_allocator& a, const accounting_allocator& b) {
        return a.account == b.account;
    }
    memory_account* account;
};

// A handler that can only be moved, and only be called as an rvalue; with an allocator.
struct particular_handler {
    using allocator_type = accounting_allocator<int>;
    memory_account& account;
    int& calls;
    std::unique_ptr<int> only_moved = std::make_unique<int>(0);

    allocator_type get_allocator() const noexcept { return allocator_type(account); }
    template <class... Arguments>
    void operator()(error_code, Arguments&&...) && {
        CHECK(only_moved != nullptr);
        CHECK(account.live == 0);
        ++calls;
    }
};
struct particular_on_strand : particular_handler {
    using executor_type = asio::strand<coax::executor>;
    executor_type strand;

    executor_type get_executor() const noexcept { return strand; }
};

}  // namespace

TEST_CASE("handler memory comes from the handler, and is back when it runs: every operation") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    int calls = 0;
    int started = 0;
    // Runs the operation that `start` starts, and then what `after` does to end it.
    const auto check = [&](const char* what, auto start, auto after) {
        CAPTURE(what);
        memory_account account;
        start(particular_handler{account, calls});
        ++started;
        CHECK(account.all > 0);
        after();
        w.run_until([&] { return calls == started; });
        CHECK(account.live == 0);
    };
    const auto nothing = [] {};
    std::array<char, 8> data{};
    const auto buffer = asio::buffer(data);
    check("write", [&](auto h) { c.near.async_write_some(buffer, std::move(h)); }, nothing);
    check("wait", [&](auto h) { c.far.async_wait(c.far.wait_read, std::move(h)); }, nothing);
    check("read", [&](auto h) { c.far.async_read_some(buffer, std::move(h)); }, nothing);
    check(
        "read that waits", [&](auto h) { c.far.async_read_some(buffer, std::move(h)); },
        [&] { c.near.write_some(buffer); });
    check(
        "read that is cancelled", [&](auto h) { c.far.async_read_some(buffer, std::move(h)); },
        [&] { c.far.cancel(); });
    check(
        "read on a strand",
        [&](auto h) {
            c.far.async_read_some(
                buffer,
                particular_on_strand{std::move(h), asio::make_strand(w.server().get_executor())});
        },
        [&] { c.near.write_some(buffer); });
    check(
        "empty read", [&](auto h) { c.far.async_read_some(asio::mutable_buffer(), std::move(h)); },
        nothing);
    tcp::acceptor acceptor(w.server(), w.listen_address());
    tcp::socket late(w.client());
    check(
        "accept", [&](auto h) { acceptor.async_accept(std::move(h)); },
        [&] { late.async_connect(acceptor.local_endpoint(), [](error_code) {}); });
    tcp::socket refused(w.client());
    const auto nobody = acceptor.local_endpoint();
    acceptor.close();
    check("connect", [&](auto h) { refused.async_connect(nobody, std::move(h)); }, nothing);
    coax::steady_timer timer(w.client(), std::chrono::milliseconds(1));
    check("timer", [&](auto h) { timer.async_wait(std::move(h)); }, nothing);
    tcp::resolver resolver(w.client());
    check(
        "resolve", [&](auto h) { resolver.async_resolve("127.0.0.1", "80", std::move(h)); },
        nothing);
    coax_test::datagram_pair d(w);
    check(
        "receive", [&](auto h) { d.far.async_receive(buffer, std::move(h)); },
        [&] { d.near.send(buffer); });
    check("send", [&](auto h) { d.near.async_send(buffer, std::move(h)); }, nothing);
}

TEST_CASE("nothing begins before a deferred operation is called") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::array<char, 8> data{};
    auto read = c.far.async_read_some(asio::buffer(data), asio::deferred);
    auto write = c.near.async_write_some(asio::buffer("late", 4), asio::deferred);
    auto wait = c.near.async_wait(tcp::socket::wait_write, asio::deferred);
    w.run();
    CHECK(c.far.available() == 0);
    std::size_t got = 0;
    std::move(read)([&](error_code ec, std::size_t n) { got = ec ? 0 : n; });
    std::move(write)([](error_code, std::size_t) {});
    w.run();
    CHECK(got == 4);
    // Never called: nothing is left of it.
    {
        [[maybe_unused]] const auto dropped = std::move(wait);
    }
    w.run();
}

TEST_CASE("a handler is called directly only where its executor is the running one, by value") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::array<char, 8> data{};
    const coax::executor never =
        asio::require(w.server().get_executor(), asio::execution::blocking.never);
    std::vector<std::string> order;
    // Both reads end in one turn. What may not block is queued behind the second one.
    c.far.async_read_some(asio::buffer(data, 1),
                          asio::bind_executor(never, [&](error_code, std::size_t) {
                              order.push_back("never blocking");
                          }));
    c.far.async_read_some(asio::buffer(data, 1),
                          [&](error_code, std::size_t) { order.push_back("own"); });
    c.near.write_some(asio::buffer("ab", 2));
    w.run();
    CHECK(order == std::vector<std::string>{"own", "never blocking"});
}

TEST_CASE("what has ended already is not cancelled any more") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    asio::cancellation_signal signal;
    std::vector<error_code> ended;
    const auto note = [&](error_code ec, std::size_t) { ended.push_back(ec); };
    c.near.async_read_some(asio::mutable_buffer(),
                           asio::bind_cancellation_slot(signal.slot(), note));
    signal.emit(asio::cancellation_type::all);
    c.near.cancel();
    w.run();
    CHECK(ended == std::vector<error_code>(1));
    if (kind == "kernel") return;
    // The same with bytes, which on the kernel are still on their way through the ring.
    c.far.write_some(asio::buffer("x", 1));
    c.near.wait(tcp::socket::wait_read);
    std::array<char, 8> data{};
    c.near.async_read_some(asio::buffer(data), asio::bind_cancellation_slot(signal.slot(), note));
    signal.emit(asio::cancellation_type::all);
    w.run();
    CHECK(ended == std::vector<error_code>(2));
}

TEST_CASE("a coroutine lets terminal cancellation through alone, until it says otherwise") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    const bool lets_all_through = GENERATE(false, true);
    world w(kind);
    connection c(w);
    asio::cancellation_signal signal;
    error_code result;
    bool reading = false;
    bool over = false;
    asio::co_spawn(
        w.client(),
        [&]() -> asio::awaitable<void> {
            if (lets_all_through) {
                co_await asio::this_coro::reset_cancellation_state(
                    asio::enable_total_cancellation());
            }
            std::array<char, 8> data{};
            reading = true;
            const auto [ec, n] = co_await c.near.async_read_some(
                asio::buffer(data), asio::as_tuple(asio::use_awaitable));
            result = ec;
        },
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr) { over = true; }));
    w.run_until([&] { return reading; });
    signal.emit(asio::cancellation_type::total);
    if (!lets_all_through) c.far.write_some(asio::buffer("x", 1));
    w.run_until([&] { return over; });
    CHECK((result == asio::error::operation_aborted) == lets_all_through);
    CHECK((lets_all_through || !result));
}

TEST_CASE("as_default_on: the token is the object's") {
    using token = asio::as_tuple_t<asio::use_awaitable_t<>>;
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    connection c(w);
    std::size_t got = 0;
    asio::co_spawn(
        w.server(),
        [&]() -> asio::awaitable<void> {
            auto s = asio::as_tuple(asio::use_awaitable).as_default_on(std::move(c.far));
            static_assert(std::is_same_v<decltype(s), token::as_default_on_t<tcp::socket>>);
            std::array<char, 8> data{};
            const auto [ec, n] = co_await s.async_read_some(asio::buffer(data));
            got = ec ? 0 : n;
            const auto [end, none] = co_await s.async_receive(asio::buffer(data));
            CHECK(end == asio::error::eof);
            CHECK(none == 0);
        },
        asio::detached);
    c.near.async_write_some(asio::buffer("abc", 3),
                            [&](error_code, std::size_t) { c.near.close(); });
    w.run();
    CHECK(got == 3);
}
