// Whole stacks on a wire with faults: every stream arrives byte for byte, or its user hears why
// not; afterwards no socket and no frame is left. A seed makes each run the same run.

#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "tests/wire/sessions.hpp"
#include "tests/wire/world.hpp"

namespace {

using namespace wire_test;
using stack::error;

struct outcome {
    bool finished = false;
    bool intact = false;
    bool drained = false;
    stack::instant ended{};
    std::string client_counters;
    std::string server_counters;
    backends::fault_counters faults_in;
    backends::fault_counters faults_out;
};

// `size` bytes each way at once between two hosts, the faults at the client's port in both
// directions.
outcome transfer(const backends::fault_options& faults, std::uint64_t size,
                 const host_options& base = {}, stack::duration limit = 3600s) {
    world net;
    host_options options = base;
    options.seed = 100 + faults.seed;
    host& server = net.add_host(options);
    options.seed = 200 + faults.seed;
    options.faults = faults;
    host& client = net.add_host(options);
    transfer_session* served = nullptr;
    server.listen(9, [&] {
        auto made = std::make_unique<transfer_session>(transfer_plan{size, size, 2, 1});
        served = made.get();
        return made;
    });
    auto& asked = client.connect(
        std::make_unique<transfer_session>(transfer_plan{size, size, 1, 2}), {server.address(), 9});
    outcome what;
    what.finished = net.run_until([&] { return asked.done() && served && served->done(); }, limit);
    what.ended = net.now();
    what.intact = served != nullptr && asked.intact() && served->intact();
    what.drained = net.run_until(
        [&] {
            return client.stack().tcp_socket_count() == 0 && server.stack().tcp_socket_count() == 1;
        },
        1200s);
    INFO("received " << asked.received() << " and " << (served ? served->received() : 0));
    what.client_counters = client.nonzero_counters();
    what.server_counters = server.nonzero_counters();
    what.faults_in = client.faults().received();
    what.faults_out = client.faults().sent();
    CHECK(client.faults().held() == 0);
    client.vanish();
    CHECK(server.port().frames_in_use() <= 64);
    return what;
}

void check(const outcome& what) {
    INFO("client: " << what.client_counters);
    INFO("server: " << what.server_counters);
    CHECK(what.finished);
    CHECK(what.intact);
    CHECK(what.drained);
}

TEST_CASE("64 MiB each way at once with 2 % loss, reordering and duplication, byte for byte") {
    backends::fault_options faults;
    faults.loss = 0.02;
    faults.reorder = 0.02;
    faults.duplicate = 0.02;
    faults.seed = 1;
    const outcome what = transfer(faults, 64U << 20);
    check(what);
    CHECK(what.faults_in.lost > 500);
    CHECK(what.faults_out.lost > 500);
    CHECK(what.faults_in.reordered > 500);
    CHECK(what.faults_out.duplicated > 500);
}

TEST_CASE("many seeds of loss, reordering, duplication and damage") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        backends::fault_options faults;
        faults.loss = 0.01 * static_cast<double>(seed % 8);
        faults.reorder = 0.01 * static_cast<double>(seed % 5);
        faults.duplicate = 0.01 * static_cast<double>(seed % 3);
        faults.corrupt = 0.01 * static_cast<double>(seed % 4);
        faults.seed = seed;
        INFO("seed " << seed);
        check(transfer(faults, 200'000 + seed * 1237));
    }
}

TEST_CASE("bursts of loss") {
    backends::fault_options faults;
    faults.loss = 0.05;
    faults.burst = 3;
    faults.seed = 3;
    check(transfer(faults, 1U << 20));
}

TEST_CASE("damaged frames are found by their sums and sent again") {
    backends::fault_options faults;
    faults.corrupt = 0.05;
    faults.seed = 4;
    const outcome what = transfer(faults, 2U << 20);
    check(what);
    CHECK(what.faults_in.corrupted > 50);
    CHECK(what.client_counters.find("tcp.bad_checksum") != std::string::npos);
    CHECK(what.server_counters.find("tcp.bad_checksum") != std::string::npos);
}

TEST_CASE("a long way with jitter: frames overtake each other all the time") {
    backends::fault_options faults;
    faults.delay = 20ms;
    faults.jitter = 5ms;
    faults.seed = 5;
    check(transfer(faults, 2U << 20));
}

TEST_CASE("a third of all frames lost: slow, but whole") {
    backends::fault_options faults;
    faults.loss = 0.33;
    faults.seed = 6;
    check(transfer(faults, 20'000, {}, 40'000s));
}

TEST_CASE("without timestamps and window scaling, with loss") {
    backends::fault_options faults;
    faults.loss = 0.02;
    faults.reorder = 0.02;
    faults.seed = 7;
    host_options plain;
    plain.config.tcp.timestamps = false;
    plain.config.tcp.window_scaling = false;
    check(transfer(faults, 1U << 20, plain));
}

// RFC 6582: and a peer that does not know SACK
TEST_CASE("without SACK, with loss") {
    backends::fault_options faults;
    faults.loss = 0.02;
    faults.reorder = 0.02;
    faults.duplicate = 0.02;
    faults.seed = 10;
    host_options plain;
    plain.config.tcp.sack = false;
    const outcome what = transfer(faults, 2U << 20, plain);
    check(what);
    CHECK(what.client_counters.find("tcp.fast_recoveries") != std::string::npos);
    CHECK(what.client_counters.find("tcp.sack_recoveries") == std::string::npos);
}

// RFC 6675: losses are counted, no clock, no probes
TEST_CASE("without RACK and tail loss probes, with loss") {
    backends::fault_options faults;
    faults.loss = 0.02;
    faults.reorder = 0.02;
    faults.duplicate = 0.02;
    faults.seed = 11;
    host_options plain;
    plain.config.tcp.rack = false;
    plain.config.tcp.tail_loss_probe = false;
    plain.config.tcp.forward_rto = false;
    const outcome what = transfer(faults, 2U << 20, plain);
    check(what);
    CHECK(what.client_counters.find("tcp.sack_recoveries") != std::string::npos);
}

TEST_CASE("small buffers, with loss") {
    backends::fault_options faults;
    faults.loss = 0.02;
    faults.duplicate = 0.02;
    faults.seed = 8;
    host_options small;
    small.config.tcp.send_buffer_bytes = 8192;
    small.config.tcp.send_buffer_max_bytes = 8192;
    small.config.tcp.receive_buffer_bytes = 8192;
    small.config.tcp.receive_buffer_max_bytes = 8192;
    check(transfer(faults, 500'000, small));
}

TEST_CASE("the same seed gives the same run to the nanosecond") {
    backends::fault_options faults;
    faults.loss = 0.03;
    faults.reorder = 0.03;
    faults.duplicate = 0.03;
    faults.jitter = 1ms;
    faults.seed = 9;
    const outcome first = transfer(faults, 500'000);
    const outcome second = transfer(faults, 500'000);
    CHECK(first.ended == second.ended);
    CHECK(first.client_counters == second.client_counters);
    CHECK(first.server_counters == second.server_counters);
}

}  // namespace
