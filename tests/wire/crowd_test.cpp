// Many connections between whole stacks: coming and going, and standing side by side.

#include <memory>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/wire/sessions.hpp"
#include "tests/wire/world.hpp"

namespace {

using namespace wire_test;

std::unique_ptr<session> make_echo() { return std::make_unique<echo_session>(); }

// Opens the next connection when one has ended, so that `together` are under way.
struct churn {
    host& client;
    stack::endpoint to;
    unsigned left;
    unsigned finished = 0;
    unsigned failed = 0;
    std::vector<asking_session*> all;

    void open() {
        if (left == 0) return;
        --left;
        const std::uint64_t stream = left;
        all.push_back(&client.connect(
            std::make_unique<asking_session>(100, 1, stream, [this](host&) { ended(); }), to));
    }
    void ended() {
        ++finished;
        open();
    }
};

void run_churn(const host_options& client_options, unsigned connections, unsigned together) {
    world net;
    host& server = net.add_host();
    host& client = net.add_host(client_options);
    server.listen(7, make_echo);
    churn load{client, {server.address(), 7}, connections, 0, 0, {}};
    for (unsigned i = 0; i < together; ++i) load.open();
    REQUIRE(net.run_until([&] { return load.finished == connections; }, 3000s));
    for (const asking_session* each : load.all) REQUIRE(each->intact());
    INFO(client.nonzero_counters());
    REQUIRE(net.run_until(
        [&] {
            return client.stack().tcp_socket_count() == 0 && server.stack().tcp_socket_count() == 1;
        },
        600s));
    // A stack in which nothing happens has no timer left but its neighbour's.
    client.vanish();
    CHECK(server.port().frames_in_use() <= 64);
}

TEST_CASE("3000 connections opened, used and closed, 64 at a time") { run_churn({}, 3000, 64); }

TEST_CASE("500 connections opened, used and closed over a bad wire") {
    host_options bad;
    bad.faults.loss = 0.05;
    bad.faults.duplicate = 0.05;
    bad.faults.reorder = 0.05;
    run_churn(bad, 500, 16);
}

TEST_CASE("10,000 connections at once: each echoes, all close, nothing is left") {
    constexpr unsigned count = 10'000;
    world net;
    host& server = net.add_host();
    host& client = net.add_host();
    server.listen(7, make_echo);
    std::vector<asking_session*> all;
    for (unsigned i = 0; i < count; ++i) {
        all.push_back(
            &client.connect(std::make_unique<asking_session>(64, 3, i), {server.address(), 7}));
        all.back()->stay();
        if (i % 256 == 0) net.run_for(100us);
    }
    const auto all_idle = [&all] {
        for (const asking_session* each : all)
            if (!each->idle() && !each->done()) return false;
        return true;
    };
    REQUIRE(net.run_until(all_idle, 60s));
    CHECK(client.stack().tcp_socket_count() == count);
    CHECK(server.stack().tcp_socket_count() == count + 1);
    for (asking_session* each : all) each->close(client);
    unsigned intact = 0;
    for (const asking_session* each : all) intact += each->intact() ? 1U : 0U;
    CHECK(intact == count);
    CHECK(net.run_until(
        [&] {
            return client.stack().tcp_socket_count() == 0 && server.stack().tcp_socket_count() == 1;
        },
        600s));
}

TEST_CASE("three hosts talk to each other on one segment") {
    world net;
    std::vector<host*> hosts;
    for (std::uint64_t i = 0; i < 3; ++i) {
        host_options options;
        options.seed = i;
        hosts.push_back(&net.add_host(options));
        hosts.back()->listen(7, make_echo);
    }
    std::vector<asking_session*> all;
    for (host* from : hosts)
        for (host* to : hosts)  // itself too: by loopback
            all.push_back(&from->connect(std::make_unique<asking_session>(5000, 10, all.size()),
                                         {to->address(), 7}));
    REQUIRE(net.run_until(
        [&all] {
            for (const asking_session* each : all)
                if (!each->done()) return false;
            return true;
        },
        60s));
    for (const asking_session* each : all) CHECK(each->intact());
}

}  // namespace
