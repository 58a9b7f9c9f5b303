// What shards share, piece by piece, in one thread: rings of frames, and who has what.
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "backends/shards/device.hpp"
#include "backends/shards/directory.hpp"
#include "backends/shards/frame_ring.hpp"

namespace {

using namespace coax;
using backends::shards::directory;
using backends::shards::exchange;
using backends::shards::frame_note;
using backends::shards::frame_ring;
using backends::shards::shard_device;
using claim = stack::siblings::claim;

std::vector<std::byte> bytes(std::size_t count, unsigned first) {
    std::vector<std::byte> all(count);
    for (std::size_t i = 0; i != count; ++i) all[i] = static_cast<std::byte>(first + i);
    return all;
}

std::vector<std::byte> copy(stack::const_bytes from) { return {from.begin(), from.end()}; }

stack::flow flow_number(std::uint32_t n) {
    return {{stack::ip_address::v4(198, 18, 0, 1), 80},
            {stack::ip_address::v4(0xc6130000U + n / 60000),
             static_cast<std::uint16_t>(1024 + n % 60000)}};
}

// A device that has nothing and wants nothing.
struct no_device final : stack::device {
    const stack::device_capabilities& capabilities() const noexcept override { return c; }
    std::size_t receive(std::span<stack::rx_frame>) noexcept override { return 0; }
    void release() noexcept override {}
    std::size_t reserve(std::span<stack::tx_slot>) noexcept override { return 0; }
    void transmit(std::span<const stack::tx_slot>) noexcept override {}
    void cancel(std::span<const stack::tx_slot>) noexcept override {}
    stack::device_capabilities c;
};

// Shards without media.
struct ring_of_shards {
    explicit ring_of_shards(unsigned count)
        : all(std::make_shared<exchange>(count, stack::siphash_key{3, 4}, 1024)) {
        for (unsigned i = 0; i != count; ++i)
            shards.push_back(std::make_unique<shard_device>(nothing, all, i));
    }
    // Takes what was given to a shard in hand; false: nothing.
    bool take(unsigned shard, stack::rx_frame& frame) {
        if (shards[shard]->receive({&frame, 1}) == 0) return false;
        shards[shard]->take_in_hand(&frame);
        return true;
    }
    no_device nothing;
    std::shared_ptr<exchange> all;
    std::vector<std::unique_ptr<shard_device>> shards;
};

}  // namespace

TEST_CASE("a ring of frames gives back what was put in, in order, around its end many times") {
    frame_ring ring(1 << 14);
    std::array<stack::rx_frame, 4> out;
    unsigned sent = 0;
    unsigned seen = 0;
    for (int round = 0; round != 400; ++round) {
        for (int i = 0; i != 3; ++i, ++sent) {
            const auto head = bytes(60 + sent * 7 % 900, sent);
            const auto tail = bytes(sent % 5 * 100, sent + 1);
            const std::array<stack::const_bytes, 1> rest{tail};
            stack::rx_frame frame{.head = head, .rest = rest};
            frame.checksum = stack::checksum_state::partial;
            frame.gso_bytes = static_cast<std::uint16_t>(sent);
            frame.segments = 3;
            REQUIRE(ring.push(frame, sent));
        }
        const std::size_t count = ring.take(out);
        REQUIRE(count == 3);
        for (std::size_t i = 0; i != count; ++i, ++seen) {
            auto expected = bytes(60 + seen * 7 % 900, seen);
            const auto tail = bytes(seen % 5 * 100, seen + 1);
            expected.insert(expected.end(), tail.begin(), tail.end());
            CHECK(copy(out[i].head) == expected);
            CHECK(out[i].rest.empty());
            CHECK(out[i].handed_over);
            CHECK(out[i].checksum == stack::checksum_state::partial);
            CHECK(out[i].gso_bytes == static_cast<std::uint16_t>(seen));
            CHECK(out[i].segments == 3);
            CHECK(frame_note::of(out[i].head).left == seen);
        }
        ring.give_back();
    }
    CHECK_FALSE(ring.waiting());
}

TEST_CASE("a full ring takes nothing until frames were given back, nor ever what is too long") {
    frame_ring ring(1 << 12);
    const auto body = bytes(1000, 1);
    const stack::rx_frame frame{.head = body, .rest = {}};
    CHECK_FALSE(ring.push({.head = {}, .rest = {}}, 0));
    const auto too_long = bytes(2048, 1);
    CHECK_FALSE(ring.push({.head = too_long, .rest = {}}, 0));
    int held = 0;
    while (ring.push(frame, 0)) ++held;
    CHECK(held == 3);
    std::array<stack::rx_frame, 1> out;
    REQUIRE(ring.take(out) == 1);
    CHECK_FALSE(ring.push(frame, 0));  // still being read
    ring.give_back();
    CHECK(ring.push(frame, 0));
}

TEST_CASE("a flow is of one shard, until that one gives it up") {
    directory d(64, {1, 2});
    CHECK(d.owner_of(flow_number(1)) == 0);
    CHECK(d.claim_flow(flow_number(1), 2) == claim::done);
    CHECK(d.owner_of(flow_number(1)) == 0b100);
    CHECK(d.claim_flow(flow_number(1), 0) == claim::taken);
    d.release_flow(flow_number(1), 0);  // not his
    CHECK(d.owner_of(flow_number(1)) == 0b100);
    d.release_flow(flow_number(1), 2);
    CHECK(d.owner_of(flow_number(1)) == 0);
    CHECK(d.claim_flow(flow_number(1), 63) == claim::done);
    CHECK(d.owner_of(flow_number(1)) == std::uint64_t{1} << 63);
}

TEST_CASE("the directory finds each of many flows, and says when it is full") {
    constexpr std::uint32_t places = 1 << 12;
    directory d(places, {5, 6});
    constexpr std::uint32_t most = places / 2;
    std::uint32_t wrong = 0;
    for (int round = 0; round != 3; ++round) {
        for (std::uint32_t n = 0; n != most; ++n)
            if (d.claim_flow(flow_number(n), n % 64) != claim::done) ++wrong;
        for (std::uint32_t n = 0; n != most; ++n)
            if (d.owner_of(flow_number(n)) != std::uint64_t{1} << n % 64) ++wrong;
        for (std::uint32_t n = most; n != 2 * most; ++n)
            if (d.owner_of(flow_number(n)) != 0) ++wrong;
        for (std::uint32_t n = 0; n != most; ++n) d.release_flow(flow_number(n), n % 64);
    }
    CHECK(wrong == 0);
    std::uint32_t taken = 0;
    for (std::uint32_t n = 0; n != 2 * places; ++n)
        if (d.claim_flow(flow_number(n), 1) == claim::done) ++taken;
    CHECK(taken <= places);
    CHECK(taken > most);
}

TEST_CASE("ports have sets of shards; cookies an end") {
    directory d(64, {1, 2});
    CHECK(d.hearers.change(53, 0, true) == 0);
    CHECK(d.hearers.change(53, 5, true) == 0b1);
    CHECK(d.hearers.at(53) == 0b100001);
    CHECK(d.hearers.at(54) == 0);
    CHECK(d.listeners.at(53) == 0);
    CHECK(d.hearers.change(53, 0, false) == 0b100000);
    CHECK(d.hearers.at(53) == 0b100000);
    const stack::instant now{std::chrono::seconds{100}};
    CHECK(d.cookie_senders(now) == 0);
    d.set_cookies_until(3, now);
    CHECK(d.cookie_senders(now - std::chrono::nanoseconds{1}) == 0b1000);
    CHECK(d.cookie_senders(now) == 0);
}

TEST_CASE("a frame is offered to each candidate once, wherever it began") {
    ring_of_shards r(4);
    const auto body = bytes(80, 0);
    const stack::rx_frame own{.head = body, .rest = {}};
    r.shards[2]->take_in_hand(&own);
    CHECK_FALSE(r.shards[2]->is_handed_over());
    CHECK_FALSE(r.shards[2]->offer(0b0100));    // oneself
    CHECK_FALSE(r.shards[2]->offer(0b110000));  // nobody
    REQUIRE(r.shards[2]->offer(stack::siblings::everybody));
    stack::rx_frame frame;
    for (const unsigned next : {3U, 0U, 1U}) {
        REQUIRE(r.take(next, frame));
        CHECK(r.shards[next]->is_handed_over());
        CHECK(copy(frame.head) == body);
        CHECK(r.shards[next]->offer(stack::siblings::everybody) == (next != 1));
        r.shards[next]->release();
    }
    for (unsigned i = 0; i != 4; ++i) CHECK_FALSE(r.take(i, frame));
}

TEST_CASE("copies go to each that is named, and from nobody on") {
    ring_of_shards r(3);
    const auto body = bytes(80, 0);
    const stack::rx_frame own{.head = body, .rest = {}};
    r.shards[0]->take_in_hand(&own);
    r.shards[0]->copy_to(stack::siblings::everybody);
    stack::rx_frame frame;
    for (const unsigned to : {1U, 2U}) {
        REQUIRE(r.take(to, frame));
        r.shards[to]->copy_to(stack::siblings::everybody);
        CHECK_FALSE(r.shards[to]->offer(stack::siblings::everybody));
        CHECK_FALSE(r.take(to, frame));
        r.shards[to]->release();
    }
    // What a host says to itself can't be given away.
    r.shards[0]->take_in_hand(nullptr);
    CHECK_FALSE(r.shards[0]->offer(stack::siblings::everybody));
    r.shards[0]->copy_to(stack::siblings::everybody);
    for (unsigned i = 0; i != 3; ++i) CHECK_FALSE(r.take(i, frame));
}

TEST_CASE("all fragments of a datagram meet in one shard, of many datagrams in all") {
    ring_of_shards r(3);
    const auto from = stack::ip_address::v4(198, 18, 0, 9);
    const auto to = stack::ip_address::v4(198, 18, 0, 1);
    const auto body = bytes(80, 0);
    const stack::rx_frame own{.head = body, .rest = {}};
    std::array<int, 3> kept{};
    for (std::uint16_t id = 0; id != 60; ++id) {
        int here = 0;
        for (unsigned i = 0; i != 3; ++i) {
            r.shards[i]->take_in_hand(&own);
            if (r.shards[i]->pass_fragment(from, to, id, 17)) continue;
            ++here;
            ++kept[i];
        }
        CHECK(here == 1);
    }
    for (const int of_shard : kept) CHECK(of_shard > 5);
    stack::rx_frame frame;
    REQUIRE(r.take(0, frame));
    CHECK_FALSE(r.shards[0]->pass_fragment(from, to, 1, 17));  // it has come to the right one
}

TEST_CASE("what finds no room in a shard's ring is counted") {
    ring_of_shards r(2);
    const auto body = bytes(60'000, 0);
    const stack::rx_frame own{.head = body, .rest = {}};
    r.shards[0]->take_in_hand(&own);
    for (int i = 0; i != 100; ++i) CHECK(r.shards[0]->offer(0b10));
    std::uint64_t dropped = 0;
    std::uint64_t given = 0;
    for (const auto& c : r.shards[0]->counters()) {
        if (c.name == "shards.dropped_ring_full") dropped = c.value;
        if (c.name == "shards.handed_over") given = c.value;
    }
    CHECK(given == 100);
    stack::rx_frame frame;
    std::uint64_t came = 0;
    while (r.take(1, frame)) {
        ++came;
        r.shards[1]->release();
    }
    CHECK(dropped > 0);
    CHECK(came + dropped == 100);
}
