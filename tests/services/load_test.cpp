// Whole loads against servers in this process: echo, bulk, churn and datagrams, on loopback and on
// a wire; servers that stall, say nothing, or are not there.
#include <algorithm>
#include <csignal>
#include <thread>

#include <unistd.h>

#include <catch2/catch.hpp>

#include "services/load/dialogue_load.hpp"
#include "tests/services/load_site.hpp"

using namespace coax::services;
using namespace std::chrono_literals;

namespace {

std::string errors_of(const load_result& r) {
    std::string text;
    for (const auto& [kind, times] : r.counts.errors)
        text += std::to_string(times) + " " + kind + "; ";
    return text;
}

void check_clean(const load_result& r, const load_options& asked) {
    INFO("errors: " << errors_of(r));
    CHECK(r.counts.clean());
    CHECK(r.counts.timeouts == 0);
    CHECK(r.connected == asked.connections);
    CHECK(r.seconds >= std::chrono::duration<double>(asked.duration).count());
    CHECK(r.cpu_seconds > 0);
    CHECK(r.backend.kind == asked.backend.specification.substr(0, r.backend.kind.size()));
    CHECK_FALSE(r.counters.empty());
}

// What `asked` counts against a server of echo on a wire, in virtual time, when the server's host
// is not turned from `from` to `to` after the beginning.
load_counts run_in_virtual_time(load_options asked, std::chrono::nanoseconds from,
                                std::chrono::nanoseconds to) {
    coax::virtual_clock clock;
    const auto context = [&](const char* address) {
        return coax::context_options{
            .backend = std::string("wire:load-stall,ip=") + address, .seed = 1, .clock = &clock};
    };
    coax::io_context server_io(context("198.18.0.1/24"));
    coax::io_context io(context("198.18.0.2/24"));
    asked.connect = *parse_endpoint("198.18.0.1:7");
    echo_server echo(server_io, asked.connect, server_limits{});
    echo.start();
    dialogue_load load(io, asked, {0, asked.connections});
    bool over = false;
    coax::co_spawn(io, load.run([&] { load.begin(load_plan::from(clock.now(), asked)); }),
                   [&](const std::exception_ptr&) { over = true; });
    while (!over) {
        const auto since = clock.now() - load.plan().begin;
        const bool stalled = since >= from && since < to;
        std::size_t ran = io.poll();
        if (!stalled) ran += server_io.poll();
        if (ran > 0 || over) continue;
        const auto server_next = stalled ? load.plan().begin + to : server_io.next_deadline();
        const auto next = std::min(io.next_deadline(), server_next);
        clock.advance_to(std::max(next, clock.now() + 1us));
    }
    echo.stop();
    io.restart();
    while (server_io.poll() + io.poll() > 0) {
    }
    return load.counts();
}

// Sends until a write fails, and never reads.
class endless_source final : public server {
  public:
    using server::server;
    const char* unit() const noexcept override { return "pieces"; }

  private:
    coax::awaitable<void> converse(coax::fast_socket socket) override {
        const presence here(*this, socket);
        const std::vector<char> block(65'536, 'x');
        for (;;) {
            const auto [error, n] = co_await socket.async_write_some(
                boost::asio::buffer(block), boost::asio::as_tuple(boost::asio::deferred));
            if (error) break;
        }
    }
};

}  // namespace

TEST_CASE("loads of echo: closed and open loop, pipelined, thinking, large messages") {
    for (const char* kind : {"kernel", "wire"}) {
        const load_site site = echo_site_on(kind, "load-echo");
        const load_options plain = site.options(load_protocol::echo);
        load_options pipelined = plain;
        pipelined.pipeline = 7;
        pipelined.size = 1'000;
        load_options thinking = plain;
        thinking.think_time = 5ms;
        thinking.pipeline = 2;
        load_options large = plain;
        large.size = 1'000'000;  // no socket's buffers hold it
        large.pipeline = 2;
        for (const load_options& asked : {plain, pipelined, thinking, large}) {
            INFO(kind << ", size " << asked.size << ", pipeline " << asked.pipeline);
            const load_result r = run_some_load(asked);
            check_clean(r, asked);
            CHECK(r.counts.latency.count() == r.counts.messages);
            CHECK(r.counts.bytes_sent == r.counts.messages * asked.size);
            CHECK(r.counts.bytes_received == r.counts.bytes_sent);
        }
    }
}

TEST_CASE("an open loop sends what is due in its time, all of it and no more") {
    for (const char* kind : {"kernel", "wire"}) {
        const load_site site = echo_site_on(kind, "load-open");
        for (const std::size_t pipeline : {1U, 16U}) {
            load_options asked = site.options(load_protocol::echo);
            asked.rate = 2'000;
            asked.duration = 100ms;
            asked.pipeline = pipeline;
            const load_result r = run_load_of(asked);
            check_clean(r, asked);
            CHECK(r.counts.messages == 200);
            asked.protocol = load_protocol::udp_echo;
            CHECK(run_load_of(asked).counts.messages == 200);
            asked.protocol = load_protocol::tcp_churn;
            CHECK(run_load_of(asked).counts.messages == 200);
        }
    }
}

TEST_CASE("loads of connections and datagrams") {
    for (const char* kind : {"kernel", "wire"}) {
        const load_site site = echo_site_on(kind, "load-others");
        load_options churn = site.options(load_protocol::tcp_churn);
        load_options reset = churn;
        reset.reset = true;
        load_options datagrams = site.options(load_protocol::udp_echo);
        load_options many = datagrams;
        many.pipeline = 9;
        many.size = 1'200;
        for (const load_options& asked : {churn, reset, datagrams, many}) {
            INFO(kind << " " << to_text(asked.protocol));
            const load_result r = run_some_load(asked);
            check_clean(r, asked);
            CHECK(r.counts.latency.count() == r.counts.messages);
            CHECK(r.counts.late == 0);
            CHECK(r.counts.bytes_received >= r.counts.messages * asked.size);
        }
    }
}

TEST_CASE("bulk, each way and both") {
    for (const char* kind : {"kernel", "wire"}) {
        for (const auto way :
             {stream_direction::send, stream_direction::receive, stream_direction::both}) {
            const bool source = way != stream_direction::send;
            const load_site site = bulk_site_on(kind, "load-bulk", source);
            load_options asked = site.options(load_protocol::tcp_stream);
            asked.size = 65'536;
            asked.direction = way;
            asked.warmup = 10ms;
            const load_result r = run_load_until(asked, [&](const load_result& so_far) {
                return (so_far.counts.bytes_sent > 0 || way == stream_direction::receive) &&
                       (so_far.counts.bytes_received > 0 || !source);
            });
            INFO(kind << " " << static_cast<int>(way));
            check_clean(r, asked);
            CHECK((r.counts.bytes_sent > 0) == (way != stream_direction::receive));
            CHECK((r.counts.bytes_received > 0) == source);
        }
    }
}

TEST_CASE("who sends until its peer is gone is no error") {
    const load_site site("kernel", "", [](coax::io_context& io, const coax::tcp::endpoint& at) {
        return std::make_unique<endless_source>(io, at, server_limits{});
    });
    for (const auto way : {stream_direction::receive, stream_direction::both}) {
        load_options asked = site.options(load_protocol::tcp_stream);
        asked.direction = way;
        const load_result r = run_load_until(
            asked, [](const load_result& so_far) { return so_far.counts.bytes_received > 0; });
        check_clean(r, asked);
    }
}

TEST_CASE("threads share the connections") {
    for (const char* kind : {"kernel", "wire"}) {
        const load_site site = echo_site_on(kind, "load-threads");
        load_options asked = site.options(load_protocol::echo);
        asked.connections = 5;
        asked.threads = 2;
        check_clean(run_some_load(asked), asked);
        asked.rate = 1'000;
        CHECK(run_load_of(asked).counts.messages == 50);
    }
}

// Each shard is asked by the wire for a queue; replies come by any of them.
TEST_CASE("threads that share an address are shards of one host") {
    const load_site site = echo_site_on("wire", "load-shards");
    for (const auto protocol :
         {load_protocol::echo, load_protocol::tcp_churn, load_protocol::udp_echo}) {
        load_options asked = site.options(protocol);
        asked.backend.specification += ",ip=198.18.0.8/24,spread=frame";
        asked.connections = 7;
        asked.threads = 3;
        const load_result r = run_some_load(asked);
        INFO(to_text(protocol));
        check_clean(r, asked);
        CHECK(r.backend.kind == "wire");
        const auto handed =
            std::find_if(r.counters.begin(), r.counters.end(),
                         [](const coax::counter& c) { return c.name == "shards.handed_over"; });
        REQUIRE(handed != r.counters.end());
        CHECK(handed->value > 0);
    }
    // Nobody to be connected to: it ends all the same.
    load_options nobody = site.options(load_protocol::echo);
    nobody.backend.specification += ",ip=198.18.0.8/24";
    nobody.connect = *parse_endpoint("198.18.0.1:9");
    nobody.threads = 2;
    CHECK(run_load_of(nobody).connected == 0);
}

TEST_CASE("a server that says nothing is a timeout on each connection, and the load ends") {
    for (const char* kind : {"kernel", "wire"}) {
        const load_site site = bulk_site_on(kind, "load-silent", false);
        for (const auto protocol : {load_protocol::echo, load_protocol::tcp_churn}) {
            load_options asked = site.options(protocol);
            asked.timeout = 30ms;
            asked.duration = 60ms;
            const load_result r = run_load_of(asked);
            INFO(kind << " " << to_text(protocol) << " " << errors_of(r));
            CHECK(r.connected == 4);
            CHECK(r.counts.messages == 0);
            CHECK(r.counts.timeouts >= 4);
            CHECK(r.counts.errors.at("no answer in time") == r.counts.timeouts);
            CHECK(r.counts.errors.size() == 1);
        }
    }
}

TEST_CASE("lost datagrams are counted, and the load goes on") {
    const load_site site = echo_site_on("wire", "load-loss");
    load_options asked = site.options(load_protocol::udp_echo);
    asked.backend.specification += ",loss=0.2,seed=3";
    asked.timeout = 100ms;
    asked.pipeline = 8;
    asked.rate = 4'000;
    const load_result r = run_load_of(asked);
    INFO(errors_of(r));
    CHECK(r.counts.messages > 0);
    CHECK(r.counts.timeouts > 0);
    CHECK(r.counts.errors.at("no answer in time") == r.counts.timeouts);
    CHECK(r.counts.mismatches == 0);
}

TEST_CASE("an answer that nobody asked for, and one that is not what was sent") {
    const load_site site = bulk_site_on("kernel", "load-chatter", true);
    load_options asked = site.options(load_protocol::echo);
    asked.rate = 1'000;
    const load_result r = run_load_of(asked);
    INFO(errors_of(r));
    CHECK(r.counts.messages == 0);
    CHECK(r.counts.mismatches + r.counts.errors.at("bytes that nobody asked for") >= 4);
    CHECK_FALSE(r.counts.clean());
}

TEST_CASE("nobody there: nothing is connected, and the kind says why") {
    for (const auto protocol : {load_protocol::echo, load_protocol::tcp_churn,
                                load_protocol::tcp_stream, load_protocol::udp_echo}) {
        load_options asked;
        asked.protocol = protocol;
        asked.connect = *parse_endpoint("127.0.0.1:1");
        asked.connections = 3;
        asked.threads = 2;
        const load_result r = run_load_of(asked);
        CHECK(r.connected == 0);
        CHECK(r.counts.errors == std::map<std::string, std::uint64_t>{{"connection refused", 3}});
    }
    // On a wire nobody even refuses.
    load_options asked;
    asked.backend.specification = "wire:load-nobody";
    asked.connect = *parse_endpoint("198.18.0.77:7");
    asked.connect_timeout = 30ms;
    CHECK(run_load_of(asked).counts.timeouts == 1);
}

TEST_CASE("a backend that cannot be had ends the load, whichever thread finds out") {
    load_options asked;
    const coax::io_context taken({.backend = "wire:load-taken,ip=198.18.0.9/24"});
    asked.backend.specification = "wire:load-taken,ip=198.18.0.9/24";
    asked.connect = *parse_endpoint("198.18.0.1:7");
    asked.connections = 2;
    for (const std::size_t threads : {1U, 2U}) {
        asked.threads = threads;
        CHECK_THROWS_AS(run_load_of(asked), coax::backend_error);
    }
    asked.backend.specification = "xdp";
    CHECK_THROWS_AS(run_load_of(asked), coax::backend_error);
    asked.backend.specification = "tap";
    CHECK_THROWS_AS(run_load_of(asked), coax::backend_error);
}

TEST_CASE("the first signal ends a load in order") {
    const interruption interrupted;  // before the server's thread
    const load_site site = echo_site_on("kernel", "load-signal");
    load_options asked = site.options(load_protocol::echo);
    asked.duration = 10min;
    std::thread sender;
    const load_result r = run_crew(
        asked,
        [&](coax::io_context& io, const load_options& options, load_part::share share) {
            sender = std::thread([] {
                std::this_thread::sleep_for(50ms);
                ::kill(::getpid(), SIGINT);
            });
            return make_part_of(io, options, share);
        },
        interrupted, [](const load_moment&) {});
    sender.join();
    INFO(errors_of(r));
    CHECK(r.counts.errors.empty());
    CHECK(r.connected == 4);
    CHECK(r.seconds < 600);
}

TEST_CASE("a signal breaks off connecting, which is nobody's error") {
    const interruption interrupted;
    load_options asked;
    asked.backend.specification = "wire:load-stopped";  // nobody answers there
    asked.connect = *parse_endpoint("198.18.0.77:7");
    asked.connections = 3;
    std::thread sender([] {
        std::this_thread::sleep_for(50ms);
        ::kill(::getpid(), SIGINT);
    });
    const load_result r = run_crew(asked, make_part_of, interrupted, [](const load_moment&) {});
    sender.join();
    CHECK(r.connected == 0);
    INFO(errors_of(r));
    CHECK(r.counts.errors.empty());
}

TEST_CASE("a server that stands still shows in an open loop, and not in a closed one") {
    load_options asked;
    asked.connections = 2;
    asked.rate = 1'000;
    asked.duration = 1s;
    const load_counts open = run_in_virtual_time(asked, 400ms, 700ms);
    CHECK(open.errors.empty());
    CHECK(open.messages == 1'000);
    CHECK(open.latency.percentile(50) < 1'000'000);
    CHECK(open.latency.percentile(90) >= 190'000'000);
    CHECK(open.latency.percentile(99) >= 280'000'000);

    asked.rate = 0;
    asked.think_time = 1ms;
    const load_counts closed = run_in_virtual_time(asked, 400ms, 700ms);
    CHECK(closed.errors.empty());
    CHECK(closed.messages > 1'000);
    CHECK(closed.latency.percentile(99) < 1'000'000);
    CHECK(closed.latency.max() >= 290'000'000);
}

TEST_CASE("what is answered in the warm-up is not in the figures") {
    load_options asked;
    asked.connections = 4;
    asked.rate = 1'000;
    asked.warmup = 100ms;
    asked.duration = 200ms;
    const load_counts counts = run_in_virtual_time(asked, 0ms, 0ms);
    CHECK(counts.errors.empty());
    CHECK(counts.messages == 200);
    CHECK(counts.latency.count() == 200);
    CHECK(counts.bytes_sent == 200 * asked.size);
    CHECK(counts.bytes_received == 200 * asked.size);
}

TEST_CASE("what was due and could not go in time is an error of its own") {
    load_options asked;
    asked.rate = 1'000;
    asked.duration = 1s;
    asked.timeout = 60s;
    // Silent from the middle of the run until after the last reply is awaited.
    const load_counts counts = run_in_virtual_time(asked, 500ms, 30s);
    CHECK(counts.messages == 500);
    CHECK(counts.errors.at("no answer in time") == 1);
    CHECK(counts.errors.at("due and never sent") == 499);
}
