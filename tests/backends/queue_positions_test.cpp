// The positions of a queue between two threads: what each end sees of the other, and their
// wrapping.
#include "backends/queue_positions.hpp"

#include <array>
#include <cstdint>
#include <thread>

#include <catch2/catch.hpp>

namespace {

using coax::backends::queue_positions;

TEST_CASE("positions: written is seen when published, taken when given back") {
    queue_positions at;
    CHECK_FALSE(at.waiting());
    at.write(3);
    CHECK(at.outstanding() == 3);
    CHECK_FALSE(at.waiting());
    at.publish();
    CHECK(at.waiting());
    CHECK(at.published() == 3);
    at.take(2);
    CHECK(at.waiting());
    CHECK(at.given_back() == 0);
    at.give_back();
    CHECK(at.given_back() == 2);
    CHECK(at.outstanding() == 3);  // until the producer looks
    at.reclaim(at.given_back());
    CHECK(at.outstanding() == 1);
    CHECK(at.reclaimed() == 2);
}

TEST_CASE("positions: two threads, every place written and read once, beyond where they wrap") {
    constexpr std::uint32_t places = 64;
    constexpr std::uint32_t count = 4000;
    constexpr std::uint32_t start = 0U - count / 2;
    queue_positions at;
    at.write(start);  // as after a long life
    at.publish();
    at.take(start);
    at.give_back();
    at.reclaim(at.given_back());
    std::array<std::uint32_t, places> queue{};
    std::thread producer([&] {
        for (std::uint32_t i = 0; i != count;) {
            if (at.outstanding() == places) {
                at.reclaim(at.given_back());
                if (at.outstanding() == places) std::this_thread::yield();
                continue;
            }
            queue[at.written() % places] = i++;
            at.write(1);
            at.publish();
        }
    });
    std::uint32_t next = 0;
    bool in_order = true;
    while (next != count) {
        const std::uint32_t end = at.published();
        if (at.taken() == end) std::this_thread::yield();
        while (at.taken() != end) {
            in_order = in_order && queue[at.taken() % places] == next++;
            at.take(at.taken() + 1);
        }
        at.give_back();
    }
    producer.join();
    CHECK(in_order);
    CHECK(at.taken() == start + count);
}

}  // namespace
