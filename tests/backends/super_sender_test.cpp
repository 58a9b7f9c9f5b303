// Super-segments on their way to the kernel, whose side the test plays behind a socket pair.
#include "backends/xdp/super_sender.hpp"

#include <array>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace {

using namespace coax::backends;
using coax::stack::checksum_state;
using coax::stack::tx_slot;

constexpr std::uint16_t transport_start = 34;
constexpr unsigned slots_in_all = 32;
constexpr std::uint8_t words_of_header = 8;  // 32 bytes: with time stamps

// A sender whose datagrams come out of `far`.
class bench {
  public:
    bench() {
        std::array<int, 2> ends{};
        REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
        far = ends[1];
        auto memory = mapping::anonymous(super_sender::slots_bytes());
        sender = std::make_unique<super_sender>(ends[0], std::move(memory));
        REQUIRE_FALSE(r.open(256));
    }
    ~bench() {
        sender->shut_down(r);
        while (!sender->idle()) turn();
        r.close();
        if (far >= 0) close(far);
    }
    bench(const bench&) = delete;
    bench& operator=(const bench&) = delete;

    tx_slot lend() {
        std::array<tx_slot, 1> slot{};
        REQUIRE(sender->reserve(slot) == 1);
        return slot[0];
    }
    void send(std::uint32_t length, std::byte what) {
        tx_slot slot = lend();
        REQUIRE(length <= slot.capacity);
        std::memset(slot.data, static_cast<int>(what), length);
        slot.data[transport_start + 12] = std::byte{words_of_header << 4};
        slot.length = length;
        slot.gso_bytes = 1448;
        slot.checksum = checksum_state::partial;
        slot.checksum_start = transport_start;
        slot.checksum_offset = 16;
        sender->transmit(slot);
    }
    void turn() {
        sender->submit(r);
        r.submit_and_wait(std::chrono::milliseconds{10});
        r.reap();
    }
    std::vector<std::byte> come() {
        std::vector<std::byte> all(70'000);
        const auto size = recv(far, all.data(), all.size(), MSG_DONTWAIT);
        all.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        return all;
    }

    ring r;
    std::unique_ptr<super_sender> sender;
    int far = -1;
};

TEST_CASE("super sender: a frame leaves whole behind its virtio header, in order") {
    bench b;
    b.send(60'000, std::byte{1});
    b.send(4000, std::byte{2});
    CHECK(b.come().empty());  // not before the ring is entered
    b.turn();
    while (!b.sender->idle()) b.turn();
    const auto first = b.come();
    REQUIRE(first.size() == 10 + 60'000);
    const auto field = [&](std::size_t at) {
        std::uint16_t value = 0;
        std::memcpy(&value, first.data() + at, sizeof value);
        return value;
    };
    CHECK(first[0] == std::byte{1});  // the checksum is to be finished
    CHECK(first[1] == std::byte{1});  // TCP over IPv4
    CHECK(field(2) == transport_start + 4 * words_of_header);
    CHECK(field(4) == 1448);
    CHECK(field(6) == transport_start);
    CHECK(field(8) == 16);
    CHECK(first.back() == std::byte{1});
    const auto second = b.come();
    REQUIRE(second.size() == 10 + 4000);
    CHECK(second.back() == std::byte{2});
    CHECK(b.sender->sent() == 2);
    CHECK(b.sender->dropped() == 0);
}

TEST_CASE("super sender: slots are lent until there is none, and all come back") {
    bench b;
    std::array<tx_slot, 100> slots{};
    const std::size_t all = b.sender->reserve(slots);
    CHECK(all == slots_in_all);
    for (const tx_slot& slot : std::span(slots).first(all)) {
        CHECK(super_sender::owns(slot));
        CHECK(slot.capacity >= super_sender::payload_max + 128);
    }
    CHECK(b.sender->reserve(slots) == 0);
    for (const tx_slot& slot : std::span(slots).first(all)) b.sender->cancel(slot);
    CHECK(b.sender->reserve(slots) == all);
    for (const tx_slot& slot : std::span(slots).first(all)) b.sender->cancel(slot);
    CHECK_FALSE(super_sender::owns(tx_slot{}));
}

TEST_CASE("super sender: frames follow, and their slots come back") {
    bench b;
    CHECK_FALSE(b.sender->busy());
    b.send(60'000, std::byte{1});
    CHECK(b.sender->busy());
    std::array<std::byte, 200> memory{};
    tx_slot small;
    small.data = memory.data() + super_sender::room_before;
    small.length = 100;
    small.token = 7;
    CHECK(b.sender->follow(small));
    small.checksum = checksum_state::unknown;
    b.turn();
    while (!b.sender->idle()) b.turn();
    CHECK_FALSE(b.sender->busy());
    CHECK(b.come().size() == 60'010);
    const auto second = b.come();
    REQUIRE(second.size() == 110);
    for (std::size_t i = 0; i != 10; ++i) CHECK(second[i] == std::byte{0});  // nothing is asked
    std::uint64_t token = 0;
    REQUIRE(b.sender->take_back(token));
    CHECK(token == 7);
    CHECK_FALSE(b.sender->take_back(token));
    CHECK(b.sender->sent() == 1);
    CHECK(b.sender->followed() == 1);

    // Not so many that super-segments have no place left.
    unsigned followers = 0;
    while (b.sender->follow(small)) ++followers;
    CHECK(followers >= 256);
    for (unsigned i = 0; i != slots_in_all; ++i) b.send(1000, std::byte{1});
    while (b.sender->busy()) {
        b.turn();
        while (!b.come().empty()) {
        }
    }
    CHECK(b.sender->sent() == 1 + slots_in_all);
    CHECK(b.sender->followed() == 1 + followers);
    while (b.sender->take_back(token)) --followers;
    CHECK(followers == 0);
}

TEST_CASE("super sender: where there is no room, frames wait and none is lost") {
    bench b;
    for (unsigned i = 0; i != slots_in_all; ++i) b.send(60'000, static_cast<std::byte>(i + 1));
    b.turn();
    CHECK_FALSE(b.sender->idle());
    for (unsigned i = 0; i != slots_in_all; ++i) {
        auto frame = b.come();
        for (int turns = 0; frame.empty() && turns != 1000; ++turns) {
            b.turn();
            frame = b.come();
        }
        REQUIRE(frame.size() == 60'010);
    }
    while (!b.sender->idle()) b.turn();
    CHECK(b.sender->sent() == slots_in_all);
}

TEST_CASE("super sender: what the kernel refuses is counted, and its slot comes back") {
    bench b;
    close(b.far);
    b.far = -1;
    b.send(4000, std::byte{1});
    b.turn();
    while (!b.sender->idle()) b.turn();
    CHECK(b.sender->dropped() == 1);
    CHECK(b.sender->sent() == 0);
    CHECK_FALSE(b.sender->take_trouble());  // the interface is there
    std::array<tx_slot, slots_in_all> slots{};
    CHECK(b.sender->reserve(slots) == slots_in_all);
    for (const tx_slot& slot : slots) b.sender->cancel(slot);
}

}  // namespace
