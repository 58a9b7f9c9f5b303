// The way through the Asio face: an echo of 64 bytes between two contexts on the wire, one thread,
// a virtual clock, each end a coroutine. A unit is a round trip, with everything that lies between
// both coroutines. Prints wall time per unit, or runs one spelling for a profiler.

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include <boost/asio.hpp>

#include <coax/coax.hpp>

namespace {

namespace asio = boost::asio;

constexpr std::size_t message_bytes = 64;
constexpr std::uint64_t default_units = 100'000;

class contexts {
  public:
    contexts() : server_(options("198.18.7.1/24")), client_(options("198.18.7.2/24")) {}

    coax::io_context& server() { return server_; }
    coax::io_context& client() { return client_; }
    // Both in turn, as long as somebody has work.
    void run() {
        for (bool working = true; working;) {
            working = false;
            std::size_t ran = 0;
            for (coax::io_context* each : {&server_, &client_}) {
                each->restart();
                ran += each->poll();
                working = working || !each->stopped();
            }
            idle_ = ran == 0 ? idle_ + 1 : 0;
            if (idle_ > 8 && working)
                clock_.advance_to(std::min(server_.next_deadline(), client_.next_deadline()));
        }
    }

  private:
    coax::context_options options(const std::string& address) {
        return {.backend = "wire:bench_await,ip=" + address, .seed = 7, .clock = &clock_};
    }

    coax::virtual_clock clock_;
    coax::io_context server_;
    coax::io_context client_;
    int idle_ = 0;
};

void finished(const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
}

// `Coroutine` on sockets of `Executor`, which wait with `token`.
template <class Coroutine, class Executor, class Token>
void echo(std::uint64_t units, Token token) {
    using asio::co_spawn;
    using coax::co_spawn;
    using socket = asio::basic_stream_socket<coax::tcp, Executor>;
    contexts both;
    const coax::tcp::endpoint where(asio::ip::make_address("198.18.7.1"), 7);
    asio::basic_socket_acceptor<coax::tcp, Executor> acceptor(both.server(), where);
    co_spawn(
        both.server(),
        [&]() -> Coroutine {
            socket s = co_await acceptor.async_accept(token);
            s.set_option(coax::tcp::no_delay(true));
            std::array<char, message_bytes> data{};
            for (std::uint64_t i = 0; i != units; ++i) {
                const std::size_t n = co_await s.async_read_some(asio::buffer(data), token);
                co_await asio::async_write(s, asio::buffer(data, n), token);
            }
        },
        finished);
    co_spawn(
        both.client(),
        [&]() -> Coroutine {
            socket s(both.client());
            co_await s.async_connect(where, token);
            s.set_option(coax::tcp::no_delay(true));
            std::array<char, message_bytes> data{};
            for (std::uint64_t i = 0; i != units; ++i) {
                co_await asio::async_write(s, asio::buffer(data), token);
                co_await asio::async_read(s, asio::buffer(data), token);
            }
        },
        finished);
    both.run();
}

struct spelling {
    const char* name;
    const char* what;
    void (*run)(std::uint64_t units);
};

constexpr std::array spellings{
    spelling{"task", "coax::task, fast_socket",
             [](std::uint64_t n) { echo<coax::task<>, coax::executor>(n, asio::deferred); }},
    spelling{"awaitable", "coax::awaitable, fast_socket, deferred",
             [](std::uint64_t n) { echo<coax::awaitable<>, coax::executor>(n, asio::deferred); }},
    spelling{"any", "asio::awaitable, coax::tcp::socket, use_awaitable",
             [](std::uint64_t n) {
                 echo<asio::awaitable<void>, asio::any_io_executor>(n, asio::use_awaitable);
             }},
};

int usage() {
    std::fputs("usage: bench_await [SPELLING] [--units N]   spellings:", stderr);
    for (const spelling& each : spellings) std::fprintf(stderr, " %s", each.name);
    std::fputs("\nexample: bench_await task --units 20000\n", stderr);
    return 2;
}

void measure(const spelling& each, std::uint64_t units) {
    const auto start = std::chrono::steady_clock::now();
    each.run(units);
    const std::chrono::duration<double, std::nano> lasted =
        std::chrono::steady_clock::now() - start;
    std::printf("%-10s %8.0f  %s\n", each.name, lasted.count() / static_cast<double>(units),
                each.what);
}

}  // namespace

int main(int count, char** words) {
    std::uint64_t units = default_units;
    std::string_view one;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        if (word == "--units" && i + 1 < count) units = std::strtoull(words[++i], nullptr, 10);
        else if (word.starts_with("-") || !one.empty()) return usage();
        else one = word;
    }
    if (units == 0) return usage();
    if (one.empty()) std::printf("%-10s %8s  %s\n", "spelling", "ns/unit", "what");
    bool known = one.empty();
    for (const spelling& each : spellings) {
        if (!one.empty() && one != each.name) continue;
        known = true;
        if (one.empty()) measure(each, units);
        else each.run(units);
    }
    return known ? 0 : usage();
}
