// The backend `kernel` against Boost.Asio's epoll: the same echo program on loopback, and the same
// stream in one direction, on either library at both ends, server and client on a core each, in
// interleaved rounds of one run. Prints medians of messages per second and of the server's
// processor time per message. For a profiler, or to count system calls, one library and one case.
// Usage: bench_kernel_echo [--quick] | LIBRARY SCENARIO CONNECTIONS BYTES MILLISECONDS
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>
#include <vector>

#include <sched.h>

#include <boost/asio.hpp>

#include <coax/coax.hpp>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;

struct asio_epoll {
    using context = asio::io_context;
    using executor = context::executor_type;
    using socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
    using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
};

struct coax_kernel {
    using context = coax::io_context;
    using executor = coax::executor;
    using socket = coax::fast_socket;
    using acceptor = coax::fast_acceptor;
};

template <class Library>
using task = asio::awaitable<void, typename Library::executor>;

constexpr auto as_tuple = asio::as_tuple(asio::deferred);

struct load {
    bool stream = false;  // from the client alone: a message is a write of `size` bytes
    int connections = 64;
    std::size_t size = 64;
    std::chrono::milliseconds duration{500};
};
constexpr std::size_t stream_buffer = 65536;

struct outcome {
    double messages_per_second = 0;
    double server_microseconds = 0;  // of processor time, per message
};

void pin_to(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof set, &set);
}

double thread_seconds() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

template <class Library>
task<Library> echo(typename Library::socket s) {
    std::array<char, 4096> data{};
    for (;;) {
        const auto [ec, n] = co_await s.async_read_some(asio::buffer(data), as_tuple);
        if (ec) co_return;
        const auto [failed, sent] =
            co_await asio::async_write(s, asio::buffer(data.data(), n), as_tuple);
        if (failed) co_return;
    }
}

template <class Library>
task<Library> swallow(typename Library::socket s, std::uint64_t& bytes) {
    std::vector<char> data(stream_buffer);
    for (;;) {
        const auto [ec, n] = co_await s.async_read_some(asio::buffer(data), as_tuple);
        if (ec) co_return;
        bytes += n;
    }
}

template <class Library>
task<Library> serve(typename Library::acceptor& acceptor, const load& l, std::uint64_t& bytes) {
    for (;;) {
        auto [ec, s] = co_await acceptor.async_accept(as_tuple);
        if (ec) co_return;
        s.set_option(asio::ip::tcp::no_delay(true));
        if (l.stream)
            asio::co_spawn(acceptor.get_executor(), swallow<Library>(std::move(s), bytes),
                           asio::detached);
        else asio::co_spawn(acceptor.get_executor(), echo<Library>(std::move(s)), asio::detached);
    }
}

template <class Library>
task<Library> pour(typename Library::context& io, asio::ip::tcp::endpoint where, std::size_t size,
                   const std::atomic<bool>& over) {
    typename Library::socket s(io);
    if (const auto [ec] = co_await s.async_connect(where, as_tuple); ec) co_return;
    const std::vector<char> data(size, 'd');
    while (!over.load(std::memory_order_relaxed)) {
        const auto [failed, sent] = co_await asio::async_write(s, asio::buffer(data), as_tuple);
        if (failed) co_return;
    }
}

template <class Library>
task<Library> ask(typename Library::context& io, asio::ip::tcp::endpoint where, std::size_t size,
                  const std::atomic<bool>& over, std::uint64_t& messages) {
    typename Library::socket s(io);
    if (const auto [ec] = co_await s.async_connect(where, as_tuple); ec) co_return;
    s.set_option(asio::ip::tcp::no_delay(true));
    const std::vector<char> question(size, 'q');
    std::vector<char> answer(size);
    while (!over.load(std::memory_order_relaxed)) {
        const auto [failed, sent] = co_await asio::async_write(s, asio::buffer(question), as_tuple);
        if (failed) co_return;
        const auto [ended, got] = co_await asio::async_read(s, asio::buffer(answer), as_tuple);
        if (ended) co_return;
        ++messages;
    }
}

template <class Library>
outcome run(const load& l) {
    const unsigned cores = std::max(std::thread::hardware_concurrency(), 1U);
    typename Library::context server(1);
    typename Library::acceptor acceptor(server, {asio::ip::address_v4::loopback(), 0});
    const auto where = acceptor.local_endpoint();
    double server_seconds = 0;
    std::uint64_t swallowed = 0;
    std::thread serving([&] {
        pin_to(cores > 1 ? cores - 2 : 0);
        asio::co_spawn(server, serve<Library>(acceptor, l, swallowed), asio::detached);
        server.run();
        server_seconds = thread_seconds();
    });
    std::atomic<bool> over{false};
    std::uint64_t messages = 0;
    const auto start = std::chrono::steady_clock::now();
    std::thread asking([&] {
        pin_to(cores - 1);
        typename Library::context client(1);
        for (int i = 0; i != l.connections; ++i) {
            if (l.stream)
                asio::co_spawn(client, pour<Library>(client, where, l.size, over), asio::detached);
            else
                asio::co_spawn(client, ask<Library>(client, where, l.size, over, messages),
                               asio::detached);
        }
        client.run();
    });
    std::this_thread::sleep_for(l.duration);
    over = true;
    asking.join();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    server.stop();
    serving.join();
    if (l.stream) messages = swallowed / l.size;
    const auto count = static_cast<double>(std::max<std::uint64_t>(messages, 1));
    return {count / elapsed.count(), server_seconds * 1e6 / count};
}

template <class Value>
double median(const std::vector<outcome>& all, Value&& value) {
    std::vector<double> values;
    values.reserve(all.size());
    for (const outcome& o : all) values.push_back(value(o));
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void compare(const load& l, int rounds) {
    std::vector<outcome> epoll;
    std::vector<outcome> kernel;
    for (int i = 0; i != rounds; ++i) {
        epoll.push_back(run<asio_epoll>(l));
        kernel.push_back(run<coax_kernel>(l));
    }
    const auto rate = [](const outcome& o) { return o.messages_per_second; };
    const auto cost = [](const outcome& o) { return o.server_microseconds; };
    std::printf("%-8s %11d %7zu %12.0f %12.0f %7.2f %10.2f %10.2f\n", l.stream ? "stream" : "echo",
                l.connections, l.size, median(epoll, rate), median(kernel, rate),
                median(kernel, rate) / median(epoll, rate), median(epoll, cost),
                median(kernel, cost));
}

// One case on one library; what it did stands in the profiler's report.
int run_one(char** words) {
    load l;
    l.stream = std::strcmp(words[1], "stream") == 0;
    l.connections = std::atoi(words[2]);
    l.size = std::strtoull(words[3], nullptr, 10);
    l.duration = std::chrono::milliseconds(std::atoi(words[4]));
    const bool coax = std::strcmp(words[0], "coax") == 0;
    if ((!coax && std::strcmp(words[0], "asio") != 0) || l.connections < 1 || l.size == 0 ||
        (!l.stream && std::strcmp(words[1], "echo") != 0))
        return 2;
    const outcome o = coax ? run<coax_kernel>(l) : run<asio_epoll>(l);
    std::printf("%s: %.0f messages, %.2f us of the server's each\n", words[0],
                o.messages_per_second * static_cast<double>(l.duration.count()) / 1000,
                o.server_microseconds);
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    const bool quick = count == 2 && std::strcmp(arguments[1], "--quick") == 0;
    if (count == 6 && run_one(arguments + 1) == 0) return 0;
    if (count > 1 && !quick) {
        std::fprintf(stderr,
                     "usage: %s [--quick] | asio|coax echo|stream CONNECTIONS BYTES MILLISECONDS\n",
                     arguments[0]);
        return 2;
    }
    std::printf("%-8s %11s %7s %12s %12s %7s %10s %10s\n", "scenario", "connections", "bytes",
                "asio msg/s", "coax msg/s", "ratio", "asio us", "coax us");
    const int rounds = quick ? 3 : 9;
    const auto duration = quick ? 150ms : 300ms;
    for (const int connections : {1, 8, 64, 256})
        compare({false, connections, 64, duration}, rounds);
    compare({false, 16, 65536, duration}, rounds);
    for (const int connections : {1, 16}) compare({true, connections, 65536, duration}, rounds);
}
