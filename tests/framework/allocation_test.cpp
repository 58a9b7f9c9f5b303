// Heap allocations per message on the steady path: none, for the default spelling.
#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::world;

namespace {

std::atomic<std::size_t> allocations{0};

void* try_counted(std::size_t size, std::size_t alignment) noexcept {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (size == 0) size = 1;
    if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
    return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* counted(std::size_t size, std::size_t alignment) {
    void* const memory = try_counted(size, alignment);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace

// All of them: what one of these gives, no other allocator's delete may take.
void* operator new(std::size_t size) { return counted(size, 1); }
void* operator new[](std::size_t size) { return counted(size, 1); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return try_counted(size, 1);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return try_counted(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return try_counted(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return try_counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace {

constexpr int warm_up = 300;
constexpr int measured = 1000;

// Allocations of `measured` round trips of 64 bytes between coroutines of this executor, which
// await with `token`; `read` and `write` are given the socket, the buffer and the token.
template <class Executor, class Coroutine = asio::awaitable<void, Executor>, class Token,
          class Read, class Write>
std::size_t count_echo(const std::string& kind, Token token, Read read, Write write) {
    using socket = asio::basic_stream_socket<coax::tcp, Executor>;
    using asio::co_spawn;
    using coax::co_spawn;
    world w(kind);
    asio::basic_socket_acceptor<coax::tcp, Executor> acceptor(w.server(), w.listen_address());
    std::size_t before = 0;
    std::size_t after = 0;
    co_spawn(
        w.server(),
        [&]() -> Coroutine {
            socket s = co_await acceptor.async_accept(token);
            std::array<char, 64> data{};
            for (int i = 0; i < warm_up + measured; ++i) {
                co_await read(s, asio::buffer(data), token);
                co_await write(s, asio::buffer(data), token);
            }
        },
        asio::detached);
    co_spawn(
        w.client(),
        [&]() -> Coroutine {
            socket s(w.client());
            co_await s.async_connect(acceptor.local_endpoint(), token);
            s.set_option(coax::tcp::no_delay(true));
            std::array<char, 64> data{};
            for (int i = 0; i < warm_up + measured; ++i) {
                if (i == warm_up) before = allocations;
                co_await write(s, asio::buffer(data), token);
                co_await read(s, asio::buffer(data), token);
            }
            after = allocations;
        },
        asio::detached);
    w.run();
    REQUIRE(after != 0);
    return after - before;
}

constexpr auto plain_read = [](auto& s, auto buffer, auto token) {
    return asio::async_read(s, buffer, token);
};
constexpr auto plain_write = [](auto& s, auto buffer, auto token) {
    return asio::async_write(s, buffer, token);
};
// With a limit that never passes.
constexpr auto limited_read = [](auto& s, auto buffer, auto token) {
    return coax::timeout(
        std::chrono::seconds(5),
        [&s, buffer](auto inner) { return asio::async_read(s, buffer, std::move(inner)); }, token);
};

// Echo with callbacks, without coroutines.
class callback_echo {
  public:
    callback_echo(coax::fast_socket s, bool starts) : socket_(std::move(s)), starts_(starts) {}
    void start() {
        if (starts_) write();
        else read();
    }
    std::size_t counted() const { return after_ - before_; }

  private:
    void read() {
        asio::async_read(socket_, asio::buffer(data_), [this](error_code ec, std::size_t) {
            if (ec) return;
            if (!starts_) return write();
            if (++rounds_ == warm_up) before_ = allocations;
            if (rounds_ < warm_up + measured) return write();
            after_ = allocations;
            socket_.close();
        });
    }
    void write() {
        asio::async_write(socket_, asio::buffer(data_), [this](error_code ec, std::size_t) {
            if (!ec) read();
        });
    }

    coax::fast_socket socket_;
    bool starts_;
    int rounds_ = 0;
    std::size_t before_ = 0;
    std::size_t after_ = 0;
    std::array<char, 64> data_{};
};

}  // namespace

TEST_CASE("no allocation per message, however it is spelled") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    using any = asio::any_io_executor;
    using concrete = coax::executor;
    const asio::use_awaitable_t<concrete> awaitable;
    CHECK(count_echo<concrete>(kind, asio::deferred, plain_read, plain_write) == 0);
    CHECK(count_echo<concrete>(kind, awaitable, plain_read, plain_write) == 0);
    CHECK(count_echo<any>(kind, asio::deferred, plain_read, plain_write) == 0);
    CHECK(count_echo<any>(kind, asio::use_awaitable, plain_read, plain_write) == 0);
    CHECK(count_echo<concrete>(kind, asio::deferred, limited_read, plain_write) == 0);
    CHECK(count_echo<any>(kind, asio::use_awaitable, limited_read, plain_write) == 0);
    using task = coax::task<>;
    CHECK(count_echo<concrete, task>(kind, asio::deferred, plain_read, plain_write) == 0);
    CHECK(count_echo<any, task>(kind, asio::deferred, plain_read, plain_write) == 0);
    CHECK(count_echo<concrete, task>(kind, asio::deferred, limited_read, plain_write) == 0);
}

TEST_CASE("no allocation per message with callbacks") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    coax::fast_acceptor acceptor(w.server(), w.listen_address());
    coax::fast_socket accepted(w.server());
    coax::fast_socket connected(w.client());
    acceptor.async_accept(accepted, [](error_code ec) { REQUIRE(!ec); });
    connected.async_connect(acceptor.local_endpoint(), [](error_code ec) { REQUIRE(!ec); });
    w.run();
    callback_echo server(std::move(accepted), false);
    callback_echo client(std::move(connected), true);
    server.start();
    client.start();
    w.run();
    CHECK(client.counted() == 0);
}

TEST_CASE("no allocation per timer wait and per post") {
    coax::virtual_clock clock;
    coax::io_context io({.clock = &clock});
    std::size_t before = 0;
    std::size_t after = 0;
    asio::co_spawn(
        io,
        [&]() -> coax::awaitable<> {
            coax::fast_timer timer(co_await asio::this_coro::executor);
            for (int i = 0; i < 1100; ++i) {
                if (i == 100) before = allocations;
                timer.expires_after(std::chrono::milliseconds(1));
                co_await timer.async_wait();
                co_await asio::post(asio::deferred);
            }
            after = allocations;
        },
        asio::detached);
    io.run();
    CHECK(after - before == 0);
}

TEST_CASE("no allocation per datagram with deferred") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    const coax::udp::endpoint where(w.listen_address().address(), 0);
    coax::fast_udp_socket server(w.server(), where);
    std::size_t before = 0;
    std::size_t after = 0;
    asio::co_spawn(
        w.server(),
        [&]() -> coax::awaitable<> {
            std::array<char, 64> data{};
            for (;;) {
                coax::udp::endpoint from;
                const auto [ec, n] = co_await server.async_receive_from(
                    asio::buffer(data), from, asio::as_tuple(asio::deferred));
                if (ec) co_return;
                co_await server.async_send_to(asio::buffer(data, n), from);
            }
        },
        asio::detached);
    asio::co_spawn(
        w.client(),
        [&]() -> coax::awaitable<> {
            coax::fast_udp_socket s(co_await asio::this_coro::executor);
            co_await s.async_connect(server.local_endpoint());
            std::array<char, 64> data{};
            for (int i = 0; i < warm_up + measured; ++i) {
                if (i == warm_up) before = allocations;
                co_await s.async_send(asio::buffer(data));
                co_await s.async_receive(asio::buffer(data));
            }
            after = allocations;
            server.close();
        },
        asio::detached);
    w.run();
    CHECK(after - before == 0);
}
