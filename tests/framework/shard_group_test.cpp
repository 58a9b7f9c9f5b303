// Groups of shards on threads of their own and on the system's clock: on the wire, where every
// frame comes by another queue than the last, and on kernel sockets.
#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = coax::tcp;
using udp = coax::udp;

namespace {

constexpr auto as_value = asio::as_tuple(asio::use_awaitable);

asio::awaitable<void> echo(tcp::socket s) {
    std::vector<char> data(4096);
    for (;;) {
        const auto [ec, n] = co_await s.async_read_some(asio::buffer(data), as_value);
        if (ec) co_return;
        const auto [failed, written] =
            co_await asio::async_write(s, asio::buffer(data, n), as_value);
        if (failed) co_return;
    }
}

asio::awaitable<void> serve(tcp::acceptor& acceptor, unsigned& accepted) {
    for (;;) {
        auto [ec, s] = co_await acceptor.async_accept(as_value);
        if (ec) co_return;
        ++accepted;
        asio::co_spawn(acceptor.get_executor(), echo(std::move(s)), asio::detached);
    }
}

// A group whose shards all echo on one address, running on a thread of its own.
class echo_group {
  public:
    echo_group(const std::string& backend, const tcp::endpoint& at, std::size_t shards)
        : group_({.backend = backend}, {.count = shards}), accepted_(shards) {
        tcp::endpoint where = at;
        for (std::size_t i = 0; i != shards; ++i) {
            acceptors_.emplace_back(group_[i], where);
            where = acceptors_.back().local_endpoint();
        }
        for (std::size_t i = 0; i != shards; ++i)
            asio::co_spawn(group_[i], serve(acceptors_[i], accepted_[i]), asio::detached);
        at_ = where;
        runner_ = std::thread([this] { group_.run(); });
    }
    ~echo_group() { stop(); }
    echo_group(const echo_group&) = delete;
    echo_group& operator=(const echo_group&) = delete;

    // Asked for before the run: from then on the sockets are the shards' threads' own.
    const tcp::endpoint& at() const { return at_; }
    void stop() {
        group_.stop();
        if (runner_.joinable()) runner_.join();
    }
    // After stop().
    coax::shard_group& group() { return group_; }
    const std::vector<unsigned>& accepted() const { return accepted_; }
    std::uint64_t counter(std::string_view name) const {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i != group_.size(); ++i)
            for (const coax::counter& c : group_[i].counters())
                if (c.name == name) sum += c.value;
        return sum;
    }

  private:
    coax::shard_group group_;
    std::vector<tcp::acceptor> acceptors_;
    std::vector<unsigned> accepted_;
    tcp::endpoint at_;
    std::thread runner_;
};

void exchange(coax::io_context& io, const tcp::endpoint& server, int connections, int messages) {
    std::vector<tcp::socket> open;
    for (int i = 0; i != connections; ++i) {
        open.emplace_back(io);
        open.back().connect(server);
        open.back().set_option(tcp::no_delay(true));
    }
    for (int round = 0; round != messages; ++round) {
        for (std::size_t i = 0; i != open.size(); ++i) {
            const std::string out = std::to_string(round) + " of " + std::to_string(i);
            asio::write(open[i], asio::buffer(out));
            std::string in(out.size(), '?');
            asio::read(open[i], asio::buffer(in));
            REQUIRE(in == out);
        }
    }
}

unsigned sum(const std::vector<unsigned>& of) { return std::accumulate(of.begin(), of.end(), 0U); }

}  // namespace

TEST_CASE(
    "a group on the wire: every connection is answered, though its frames come by all queues") {
    const tcp::endpoint at(asio::ip::make_address("198.18.9.1"), 7);
    echo_group server("wire:shards,ip=198.18.9.1/24,spread=frame", at, 3);
    {
        coax::io_context client({.backend = "wire:shards,ip=198.18.9.2/24"});
        exchange(client, at, 12, 20);
    }
    server.stop();
    CHECK(sum(server.accepted()) == 12);
    for (const unsigned n : server.accepted()) CHECK(n > 0);
    CHECK(server.counter("shards.handed_over") > 0);
    CHECK(server.counter("shards.taken_over") > 0);
    CHECK(server.counter("tcp.resets_sent") == 0);
    CHECK(server.group().backend().queues == std::vector<unsigned>{0, 1, 2});
}

TEST_CASE("a group on kernel sockets shares a port, for TCP and UDP") {
    const tcp::endpoint any(asio::ip::make_address("127.0.0.1"), 0);
    echo_group server("kernel", any, 3);
    {
        coax::io_context client;
        exchange(client, server.at(), 30, 3);
    }
    server.stop();
    CHECK(sum(server.accepted()) == 30);
    CHECK(server.group().backend().kind == "kernel");

    coax::shard_group pair({.backend = "kernel"}, {.count = 2});
    const udp::socket first(pair[0], udp::endpoint(any.address(), 0));
    CHECK_NOTHROW(udp::socket(pair[1], first.local_endpoint()));
    // Outside of groups a port is of one socket, as ever.
    coax::io_context alone;
    CHECK_THROWS(udp::socket(alone, first.local_endpoint()));
}

TEST_CASE("shards that ask each other's peers: replies are found on the shard that asked") {
    coax::io_context server({.backend = "wire:asking,ip=198.18.9.1/24"});
    udp::socket oracle(server, udp::endpoint(udp::v4(), 53));
    std::array<char, 100> question{};
    udp::endpoint from;
    std::function<void()> answer = [&] {
        oracle.async_receive_from(asio::buffer(question), from, [&](error_code ec, std::size_t n) {
            if (ec) return;
            oracle.send_to(asio::buffer(question, n), from);
            answer();
        });
    };
    answer();
    std::thread server_thread([&] { server.run(); });

    coax::shard_group group({.backend = "wire:asking,ip=198.18.9.2/24,spread=frame"}, {.count = 2});
    std::atomic<int> left{2};
    std::atomic<int> answers{0};
    for (std::size_t i = 0; i != 2; ++i)
        asio::co_spawn(
            group[i],
            [&, i]() -> asio::awaitable<void> {
                const udp::endpoint to(asio::ip::make_address("198.18.9.1"), 53);
                udp::socket s(group[i], udp::endpoint(udp::v4(), 0));
                for (int round = 0; round != 20; ++round) {
                    const std::string asked = std::to_string(i) + " " + std::to_string(round);
                    co_await s.async_send_to(asio::buffer(asked), to, asio::use_awaitable);
                    std::array<char, 100> got{};
                    udp::endpoint who;
                    const auto n =
                        co_await s.async_receive_from(asio::buffer(got), who, asio::use_awaitable);
                    if (std::string(got.data(), n) == asked) ++answers;
                }
                if (--left == 0) group.stop();
            },
            asio::detached);
    group.run();
    CHECK(answers == 40);
    server.stop();
    server_thread.join();
}

TEST_CASE("an exception of any shard ends the group and comes out of run") {
    for (const std::size_t thrower : {0U, 2U}) {
        coax::shard_group group({.backend = "kernel"}, {.count = 3});
        asio::post(group[thrower], [] { throw std::runtime_error("from a handler"); });
        CHECK_THROWS_WITH(group.run(), "from a handler");
        CHECK(group.stopped());
        group.restart();
        std::atomic<int> ran{0};
        for (std::size_t i = 0; i != 3; ++i)
            asio::post(group[i], [&] {
                if (++ran == 3) group.stop();
            });
        CHECK(group.run() >= 3);
        CHECK(ran == 3);
    }
}

TEST_CASE("each shard has a thread, pinned if that is asked for") {
    cpu_set_t before;
    REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
    const auto cores = static_cast<std::size_t>(CPU_COUNT(&before));
    coax::shard_group group({.backend = "kernel"}, {.count = cores, .pin = true});
    std::vector<int> allowed(cores);
    std::vector<std::thread::id> threads(cores);
    std::atomic<std::size_t> ran{0};
    for (std::size_t i = 0; i != cores; ++i)
        asio::post(group[i], [&, i] {
            cpu_set_t mine;
            if (::sched_getaffinity(0, sizeof mine, &mine) == 0) allowed[i] = CPU_COUNT(&mine);
            threads[i] = std::this_thread::get_id();
            if (++ran == cores) group.stop();
        });
    group.run();
    CHECK(allowed == std::vector<int>(cores, 1));
    std::sort(threads.begin(), threads.end());
    CHECK(std::unique(threads.begin(), threads.end()) == threads.end());
    cpu_set_t after;
    REQUIRE(::sched_getaffinity(0, sizeof after, &after) == 0);
    CHECK(CPU_EQUAL(&before, &after));
    CHECK_THROWS_AS(coax::shard_group({.backend = "kernel"}, {.count = 64, .pin = true}),
                    coax::backend_error);
}

TEST_CASE("groups that can't be are refused in one line") {
    const auto refusal = [](const std::string& backend, std::size_t count) {
        try {
            coax::shard_group group({.backend = backend}, {.count = count});
        } catch (const coax::backend_error& e) {
            return std::string(e.what());
        }
        return std::string();
    };
    CHECK(refusal("kernel", 0) == "0 shards can't be: from 1 to 64 can");
    CHECK(refusal("kernel", 65) == "65 shards can't be: from 1 to 64 can");
    CHECK(refusal("bogus", 2).find("unknown kind") != std::string::npos);
    CHECK(refusal("xdp:coax-none,ip=198.18.0.2/24", 2).find("coax-none") != std::string::npos);
    CHECK(refusal("xdp:eth9,ip=198.18.0.2/24,queues=3", 2).find("leave queues= out") !=
          std::string::npos);
    CHECK(refusal("wire:refused,ip=198.18.9.1/24", 8).empty());
    const coax::io_context other({.backend = "wire:taken,ip=198.18.9.1/24"});
    CHECK(refusal("wire:taken,ip=198.18.9.1/24", 2).find("is taken") != std::string::npos);
}

TEST_CASE("a group of one is a context") {
    coax::shard_group group({.backend = "wire:one,ip=198.18.9.1/24"}, {.count = 1});
    CHECK(group.size() == 1);
    bool ran = false;
    asio::post(group[0], [&] {
        ran = true;
        group.stop();
    });
    group.run();
    CHECK(ran);
}
