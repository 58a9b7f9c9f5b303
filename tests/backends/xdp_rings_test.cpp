// The ends of AF_XDP rings against plain memory: indices that run over 2^32, full and empty, what
// the other side sees and when.
#include <array>
#include <cstdint>
#include <deque>

#include <catch2/catch.hpp>

#include "backends/xdp/rings.hpp"

namespace {

using namespace coax::backends;

struct shared_ring {
    explicit shared_ring(std::uint32_t start) : producer(start), consumer(start) {}
    ring_memory<std::uint64_t> memory() {
        return {&producer, &consumer, &flags, entries.data(),
                static_cast<std::uint32_t>(entries.size())};
    }
    std::uint32_t producer;
    std::uint32_t consumer;
    std::uint32_t flags = 0;
    std::array<std::uint64_t, 8> entries{};
};

const std::uint32_t starts[] = {0, 5, 0x7fff'fffd, 0xffff'fffd, 0xffff'ffff};

TEST_CASE("xdp rings: a producer's room, its publishing, and the wrap of its index") {
    const std::uint32_t start = GENERATE(from_range(std::begin(starts), std::end(starts)));
    shared_ring shared(start);
    producer_ring<std::uint64_t> ring(shared.memory());
    REQUIRE(ring.room(8) == 8);
    for (std::uint64_t i = 0; i != 5; ++i) ring.push(100 + i);
    CHECK(shared.producer == start);  // not before publish()
    ring.publish();
    CHECK(shared.producer == start + 5U);
    CHECK(ring.waiting() == 5);
    CHECK(ring.room(8) == 3);
    for (std::uint32_t i = 0; i != 5; ++i)
        CHECK(shared.entries[(start + i) % 8] == 100 + std::uint64_t{i});
    for (std::uint64_t i = 0; i != 3; ++i) ring.push(i);
    CHECK(ring.room(1) == 0);
    shared.consumer += 6;  // the kernel takes some
    CHECK(ring.room(1) == 6);
    CHECK(ring.consumer_index() == start + 6U);
}

TEST_CASE("xdp rings: a producer looks at the kernel's index only for want of room") {
    shared_ring shared(0);
    producer_ring<std::uint64_t> ring(shared.memory());
    ring.push(1);
    ring.publish();
    shared.consumer = 1;
    CHECK(ring.room(7) == 7);  // enough as known
    CHECK(ring.room(8) == 8);
}

TEST_CASE("xdp rings: what a consumer sees, and the wrap of its index") {
    const std::uint32_t start = GENERATE(from_range(std::begin(starts), std::end(starts)));
    shared_ring shared(start);
    consumer_ring<std::uint64_t> ring(shared.memory());
    CHECK(ring.available(1) == 0);
    for (std::uint32_t i = 0; i != 8; ++i) shared.entries[(start + i) % 8] = 200 + i;
    shared.producer += 8;
    REQUIRE(ring.available(1) == 8);
    for (std::uint32_t i = 0; i != 8; ++i) CHECK(ring.peek(i) == 200 + std::uint64_t{i});
    CHECK(shared.consumer == start);  // still ours
    ring.release(3);
    CHECK(shared.consumer == start + 3U);
    CHECK(ring.available(8) == 5);
    CHECK(ring.peek(0) == 203);
    ring.release(5);
    CHECK(ring.available(1) == 0);
}

TEST_CASE("xdp rings: many turns keep the order over the wrap") {
    shared_ring shared(0xffff'ff00);
    producer_ring<std::uint64_t> in(shared.memory());
    consumer_ring<std::uint64_t> out(shared.memory());
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    for (unsigned turn = 0; turn != 2000; ++turn) {
        for (unsigned n = turn % 9; n != 0 && in.room(1) != 0; --n) in.push(sent++);
        in.publish();
        const std::uint32_t take = std::min(out.available(8), (turn * 7) % 9);
        for (std::uint32_t i = 0; i != take; ++i) REQUIRE(out.peek(i) == received++);
        out.release(take);
    }
    CHECK(received > 1000);
    CHECK(sent - received <= 8);
}

TEST_CASE("xdp rings: the wake-up flag is read anew each time") {
    shared_ring shared(0);
    const producer_ring<std::uint64_t> ring(shared.memory());
    CHECK_FALSE(ring.needs_wakeup());
    shared.flags = XDP_RING_NEED_WAKEUP;
    CHECK(ring.needs_wakeup());
}

}  // namespace
