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

TEST_CASE("no allocation per message with deferred") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    coax::fast_acceptor acceptor(w.server(), w.listen_address());
    constexpr int warm_up = 300;
    constexpr int measured = 1000;
    std::size_t before = 0;
    std::size_t after = 0;
    asio::co_spawn(
        w.server(),
        [&]() -> coax::awaitable<> {
            coax::fast_socket s = co_await acceptor.async_accept();
            std::array<char, 64> data{};
            for (;;) {
                const auto [ec, n] =
                    co_await s.async_read_some(asio::buffer(data), asio::as_tuple(asio::deferred));
                if (ec) co_return;
                co_await asio::async_write(s, asio::buffer(data, n));
            }
        },
        asio::detached);
    asio::co_spawn(
        w.client(),
        [&]() -> coax::awaitable<> {
            coax::fast_socket s(co_await asio::this_coro::executor);
            co_await s.async_connect(acceptor.local_endpoint());
            s.set_option(coax::tcp::no_delay(true));
            std::array<char, 64> data{};
            for (int i = 0; i < warm_up + measured; ++i) {
                if (i == warm_up) before = allocations;
                co_await asio::async_write(s, asio::buffer(data));
                co_await asio::async_read(s, asio::buffer(data));
            }
            after = allocations;
        },
        asio::detached);
    w.run();
    CHECK(after - before == 0);
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
    constexpr int warm_up = 300;
    constexpr int measured = 1000;
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
