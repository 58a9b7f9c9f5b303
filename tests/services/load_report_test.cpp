// What a load says of its result: the table, the JSON that other programs read, the live line.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "services/load/report.hpp"
#include "services/program/endpoint_text.hpp"

using namespace coax::services;
using namespace std::chrono_literals;

namespace {

load_options asked() {
    load_options o;
    o.connect = *parse_endpoint("198.18.0.1:7");
    o.connections = 64;
    o.rate = 5'000;
    o.pipeline = 3;
    return o;
}

load_result result() {
    load_result r;
    for (std::uint64_t i = 1; i <= 1'000; ++i) r.counts.latency.record(i * 1'000);
    r.counts.messages = 1'000;
    r.counts.bytes_sent = 1'000'000;
    r.counts.bytes_received = 1'000'000;
    r.counts.time_out(2);
    r.counts.fail("connection refused");
    r.counts.statuses[200] = 1'000;
    r.connected = 63;
    r.seconds = 2;
    r.cpu_seconds = 1;
    r.busy = 0.5;
    r.backend.kind = "kernel";
    r.counters = {{"loop.turns", 7}, {"loop.sleeps", 0}};
    return r;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the JSON of a load has what other programs read") {
    const auto json = nlohmann::json::parse(load_json(asked(), result()));
    CHECK(json["protocol"] == "echo");
    CHECK(json["messages"] == 1'000);
    CHECK(json["messages_per_second"] == 500);
    CHECK(json["bytes_sent"] == 1'000'000);
    CHECK(json["megabits_per_second"].get<double>() == Approx(8));
    CHECK(json["errors"] == 3);
    CHECK(json["errors_by_kind"]["no answer in time"] == 2);
    CHECK(json["errors_by_kind"]["connection refused"] == 1);
    CHECK(json["timeouts"] == 2);
    CHECK(json["mismatches"] == 0);
    CHECK(json["statuses"]["200"] == 1'000);
    CHECK(json["latency_us"]["p50"].get<double>() == Approx(500).epsilon(0.01));
    CHECK(json["latency_us"]["p99_9"].get<double>() == Approx(999).epsilon(0.01));
    CHECK(json["latency_us"]["max"] == 1'000);
    CHECK(json["latency_us"]["mean"].get<double>() == Approx(500.5));
    for (const char* key : {"p90", "p99", "p99_99", "p99_999"})
        CHECK(json["latency_us"].contains(key));
    CHECK(json["percentiles"].size() > 50);
    CHECK(json["percentiles"].front()[0] == 0);
    CHECK(json["percentiles"].back()[0] == 100);
    CHECK(json["percentiles"].back()[1] == 1'000);
    CHECK(json["seconds"] == 2);
    CHECK(json["cpu_seconds"] == 1);
    CHECK(json["own_cpu_busy"] == 0.5);
    CHECK(json["bottleneck"] == false);
    CHECK(json["connections"] == 64);
    CHECK(json["connected"] == 63);
    CHECK(json["size"] == 64);
    CHECK(json["rate"] == 5'000);
    CHECK(json["threads"] == 1);
    CHECK(json["pipeline"] == 3);
    CHECK(json["backend_details"]["kind"] == "kernel");
    CHECK(json["counters"]["loop.turns"] == 7);
    CHECK_FALSE(json["counters"].contains("loop.sleeps"));
    CHECK(json.contains("backend"));
    CHECK(json.contains("version"));
    CHECK(json["connect"] == "198.18.0.1:7");
    CHECK(json["first_error"] == "connection refused");
}

TEST_CASE("a load that was its own limit says so wherever it speaks") {
    load_result r = result();
    CHECK_FALSE(has(load_table(asked(), r), "BOTTLENECK"));
    CHECK(bottleneck_text(asked(), r).empty());
    // At work or waiting for its core: it could not have done more.
    for (const auto& [busy, waiting] : {std::pair(0.95, 0.0), std::pair(0.5, 0.45)}) {
        r.busy = busy;
        r.waiting = waiting;
        CHECK(has(load_table(asked(), r), "BOTTLENECK"));
        CHECK(has(bottleneck_text(asked(), r), "--threads"));
        CHECK(nlohmann::json::parse(load_json(asked(), r))["bottleneck"] == true);
    }
    load_moment now;
    now.exchanging = true;
    now.since_begin = 2s;
    now.busy = 0.95;
    CHECK(has(load_line(asked(), now, {}), "LIMIT"));
    now.busy = 0.85;
    CHECK_FALSE(has(load_line(asked(), now, {}), "LIMIT"));
}

TEST_CASE("the report of a load tells the threads that had a connection") {
    load_options options = asked();
    options.threads = 8;
    options.connections = 3;
    CHECK(has(load_table(options, load_result{}), " 3 threads, "));
    options.connections = 1;
    CHECK_FALSE(has(load_table(options, load_result{}), "threads"));
}

TEST_CASE("replies by status say that they are more than what was measured") {
    load_options options = asked();
    options.warmup = 0s;
    CHECK(has(load_table(options, result()), "status 200   1000\n"));
    options.warmup = 1s;
    CHECK(has(load_table(options, result()), "status 200   1000 (warm-up included)\n"));
}

TEST_CASE("the table names every kind of error") {
    const std::string table = load_table(asked(), result());
    CHECK(has(table, "echo to 198.18.0.1:7, 63 of 64 connections"));
    CHECK(has(table, "open loop, 5000/s asked"));
    CHECK(has(table, "1000, 500/s"));
    CHECK(has(table, "3 (1 connection refused, 2 no answer in time)"));
    CHECK(has(table, "status 200   1000"));
    CHECK(has(table, "p99.999"));
}

TEST_CASE("the live line tells what happened since the last one") {
    load_moment before;
    load_moment now;
    now.since_begin = 3s;
    now.connected = 10;
    CHECK(has(load_line(asked(), now, before), "10 of 64 connected"));
    before.exchanging = now.exchanging = true;
    before.since_begin = 2s;
    before.messages = 1'000;
    now.messages = 1'500;
    now.errors = 4;
    CHECK(has(load_line(asked(), now, before), "3 of 5 s: 500/s, 4 errors"));
    load_options warm = asked();
    warm.warmup = 10s;
    CHECK(has(load_line(warm, now, before), "(warm-up)"));
    load_options bulk = asked();
    bulk.protocol = load_protocol::tcp_stream;
    now.bytes = 1'250'000;
    CHECK(has(load_line(bulk, now, before), "10.0 Mbit/s"));
}
