// Delivery, back-pressure, membership and counters of the wire, all ports in one thread.

#include "backends/wire/segment.hpp"

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "backends/wire/port.hpp"
#include "tests/wire/frames.hpp"

namespace {

using namespace coax;
using backends::wire::port;
using backends::wire::segment;
using backends::wire::segment_options;
using wire_test::receive;
using wire_test::send;
using bodies = std::vector<std::string>;

stack::mac_address mac(const std::unique_ptr<port>& of) { return of->capabilities().address; }

TEST_CASE("a frame goes to the port of its destination alone, unchanged and in place") {
    const auto wire = segment::create();
    auto a = wire->connect();
    auto b = wire->connect();
    auto c = wire->connect();
    REQUIRE(send(*a, mac(b), "one"));
    REQUIRE(send(*a, mac(b), "two"));
    REQUIRE(send(*c, mac(b), "three"));
    CHECK(receive(*c).empty());
    CHECK(receive(*b) == bodies{"one", "two", "three"});
    CHECK(receive(*b).empty());
    CHECK(a->frames_in_use() == 0);
    CHECK(a->counters().delivered == 2);
    CHECK(b->counters().received == 3);
}

TEST_CASE("a group address reaches everybody else from one copy") {
    const auto wire = segment::create();
    auto a = wire->connect();
    auto b = wire->connect();
    auto c = wire->connect();
    REQUIRE(send(*a, stack::mac_address::broadcast(), "who has"));
    CHECK(a->frames_in_use() == 1);
    CHECK(receive(*a).empty());
    CHECK(receive(*b) == bodies{"who has"});
    CHECK(a->frames_in_use() == 1);  // c has it still
    CHECK(receive(*c) == bodies{"who has"});
    CHECK(a->frames_in_use() == 0);
    CHECK(a->counters().flooded == 1);
    CHECK(a->counters().delivered == 2);
}

TEST_CASE("what nobody can take is dropped and counted") {
    const auto wire = segment::create();
    auto a = wire->connect();
    backends::wire::port_options narrow;
    narrow.mtu = 576;
    auto b = wire->connect(narrow);
    REQUIRE(send(*a, stack::mac_address{{2, 9, 9, 9, 9, 9}}, "nobody"));
    REQUIRE(send(*a, mac(b), std::string(577, 'x')));
    REQUIRE(send(*a, mac(b), std::string(576, 'x')));
    REQUIRE(send(*a, std::vector<std::byte>(13)));
    REQUIRE(send(*a, mac(a), "to myself"));
    CHECK(receive(*b).size() == 1);
    CHECK(a->counters().sent == 5);
    CHECK(a->counters().dropped_unknown_destination == 2);
    CHECK(a->counters().dropped_oversize == 1);
    CHECK(a->counters().dropped_runt == 1);
    CHECK(a->counters().delivered == 1);
    CHECK(a->frames_in_use() == 0);
}

TEST_CASE("a full peer gives the sender no slot, and loses nothing") {
    segment_options few;
    few.port_frames = 8;
    const auto wire = segment::create(few);
    auto a = wire->connect();
    auto b = wire->connect();
    for (int i = 0; i < 8; ++i) REQUIRE(send(*a, mac(b), std::to_string(i)));
    CHECK_FALSE(send(*a, mac(b), "too much"));
    CHECK(receive(*b, 3) == bodies{"0", "1", "2"});
    for (int i = 8; i < 11; ++i) REQUIRE(send(*a, mac(b), std::to_string(i)));
    CHECK_FALSE(send(*a, mac(b), "too much"));
    CHECK(receive(*b).size() == 8);
    CHECK(a->counters().dropped_queue_full == 0);
}

TEST_CASE("a dropping segment loses what does not fit, for the full peer alone") {
    segment_options small;
    small.drop_when_full = true;
    small.queue_frames = 4;
    const auto wire = segment::create(small);
    auto a = wire->connect();
    auto b = wire->connect();
    auto c = wire->connect();
    for (int i = 0; i < 6; ++i) REQUIRE(send(*a, mac(b), std::to_string(i)));
    REQUIRE(send(*a, stack::mac_address::broadcast(), "all"));
    CHECK(receive(*b) == bodies{"0", "1", "2", "3"});
    CHECK(receive(*c) == bodies{"all"});
    CHECK(a->counters().dropped_queue_full == 3);
    CHECK(a->frames_in_use() == 0);

    // Slots taken long ago: what was read since makes room without a new reserve().
    std::array<stack::tx_slot, 8> slots;
    REQUIRE(a->reserve(slots) == 8);
    for (stack::tx_slot& slot : slots) {
        const auto frame = wire_test::make_frame(mac(b), mac(a), "late");
        std::memcpy(slot.data, frame.data(), frame.size());
        slot.length = static_cast<std::uint32_t>(frame.size());
    }
    a->transmit(std::span(slots).first(4));
    CHECK(receive(*b).size() == 4);
    a->transmit(std::span(slots).subspan(4));
    CHECK(receive(*b).size() == 4);
    CHECK(a->counters().dropped_queue_full == 3);
}

TEST_CASE("a burst of all kinds of frames: each goes where it should, in order") {
    segment_options small;
    small.drop_when_full = true;
    small.queue_frames = 4;
    const auto wire = segment::create(small);
    auto a = wire->connect();
    auto b = wire->connect();
    backends::wire::port_options narrow;
    narrow.mtu = 576;
    auto c = wire->connect(narrow);
    const auto everybody = stack::mac_address::broadcast();
    const std::vector<std::pair<stack::mac_address, std::string>> burst{
        {mac(b), "1"},    {mac(b), "2"}, {mac(c), "3"},   {mac(c), std::string(577, 'x')},
        {mac(c), "4"},    {mac(a), "?"}, {mac(b), "5"},   {everybody, "all"},
        {mac(b), "full"}, {mac(c), "6"}, {mac(c), "full"}};
    std::array<stack::tx_slot, 11> slots;
    REQUIRE(a->reserve(slots) == slots.size());
    for (std::size_t i = 0; i != burst.size(); ++i) {
        const auto frame = wire_test::make_frame(burst[i].first, mac(a), burst[i].second);
        std::memcpy(slots[i].data, frame.data(), frame.size());
        slots[i].length = static_cast<std::uint32_t>(frame.size());
    }
    a->transmit(slots);
    CHECK(receive(*b) == bodies{"1", "2", "5", "all"});
    CHECK(receive(*c) == bodies{"3", "4", "all", "6"});
    CHECK(a->counters().sent == 11);
    CHECK(a->counters().delivered == 8);
    CHECK(a->counters().flooded == 1);
    CHECK(a->counters().dropped_queue_full == 2);
    CHECK(a->counters().dropped_oversize == 1);
    CHECK(a->counters().dropped_unknown_destination == 1);
    CHECK(b->counters().received + c->counters().received == 8);
    CHECK(a->frames_in_use() == 0);
    a->transmit({});
    CHECK(a->counters().sent == 11);
}

TEST_CASE("ports come and go while a burst is read: every frame goes back to its sender") {
    const auto wire = segment::create();
    auto a = wire->connect();
    auto b = wire->connect();
    std::array<stack::rx_frame, 8> frames;
    for (int i = 0; i != 3; ++i) REQUIRE(send(*a, mac(b), "first"));
    REQUIRE(b->receive(frames) == 3);
    auto c = wire->connect();  // b has two senders now
    REQUIRE(send(*b, mac(a), "hello"));
    b->release();
    CHECK(a->frames_in_use() == 0);
    REQUIRE(send(*a, mac(b), "from a"));
    REQUIRE(send(*c, mac(b), "from c"));
    REQUIRE(b->receive(frames) == 2);
    c.reset();  // and one again
    REQUIRE(send(*b, mac(a), "hello"));
    b->release();
    CHECK(a->frames_in_use() == 0);
    REQUIRE(send(*a, mac(b), "last"));
    CHECK(receive(*b) == bodies{"last"});
    CHECK(receive(*a) == bodies{"hello", "hello"});
    CHECK(b->frames_in_use() == 0);
}

TEST_CASE("a frame stays readable until release, and slots can be given back") {
    segment_options few;
    few.port_frames = 2;
    const auto wire = segment::create(few);
    auto a = wire->connect();
    auto b = wire->connect();
    REQUIRE(send(*a, mac(b), "held"));
    std::array<stack::rx_frame, 4> frames;
    REQUIRE(b->receive(frames) == 1);
    CHECK(a->frames_in_use() == 1);
    std::array<stack::tx_slot, 4> slots;
    REQUIRE(a->reserve(slots) == 1);
    a->cancel(std::span(slots).first(1));
    CHECK(std::memcmp(frames[0].head.data() + 14, "held", 4) == 0);
    b->release();
    REQUIRE(a->reserve(slots) == 2);
    a->cancel(std::span(slots).first(2));
    CHECK(a->frames_in_use() == 0);
}

TEST_CASE("frames of a port that left still arrive; frames to it come back") {
    const auto wire = segment::create();
    auto a = wire->connect();
    auto b = wire->connect();
    REQUIRE(send(*a, mac(b), "last words"));
    REQUIRE(send(*b, mac(a), "never read"));
    const auto address_of_a = mac(a);
    SECTION("unread") { a.reset(); }
    SECTION("in the middle of a burst") {
        std::array<stack::rx_frame, 4> frames;
        REQUIRE(b->receive(std::span(frames).first(1)) == 1);
        a.reset();
        CHECK(std::memcmp(frames[0].head.data() + 14, "last words", 10) == 0);
        b->release();
        REQUIRE(send(*b, stack::mac_address::broadcast(), "anybody?"));
        CHECK(b->frames_in_use() == 0);
        return;
    }
    CHECK(b->frames_waiting());
    CHECK(receive(*b) == bodies{"last words"});
    CHECK(b->frames_in_use() == 0);
    REQUIRE(send(*b, address_of_a, "gone"));
    CHECK(b->counters().dropped_unknown_destination == 1);

    auto again = wire->connect();  // takes the place and the address
    CHECK(mac(again) == address_of_a);
    REQUIRE(send(*b, address_of_a, "welcome"));
    CHECK(receive(*again) == bodies{"welcome"});
    REQUIRE(send(*again, mac(b), "back"));
    CHECK(receive(*b) == bodies{"back"});
}

TEST_CASE("64 ports, each reaches each; the 65th is refused") {
    const auto wire = segment::create();
    std::vector<std::unique_ptr<port>> ports;
    for (unsigned i = 0; i < backends::wire::ports_max; ++i) ports.push_back(wire->connect());
    for (auto& from : ports)
        for (auto& to : ports)
            if (from != to) REQUIRE(send(*from, mac(to), "x"));
    for (auto& to : ports) CHECK(receive(*to, 128).size() == 63);
    for (auto& from : ports) CHECK(from->frames_in_use() == 0);
    auto refused = wire->join({});
    REQUIRE(std::holds_alternative<backends::failure>(refused));
    CHECK(std::get<backends::failure>(refused).message.find("64 ports") != std::string::npos);
}

TEST_CASE("no sender starves another: a full burst goes on with the next") {
    const auto wire = segment::create();
    auto a = wire->connect();
    auto b = wire->connect();
    auto c = wire->connect();
    for (int i = 0; i < 10; ++i) {
        REQUIRE(send(*a, mac(c), "a"));
        REQUIRE(send(*b, mac(c), "b"));
    }
    CHECK(receive(*c, 4) == bodies{"a", "a", "a", "a"});
    CHECK(receive(*c, 4) == bodies{"b", "b", "b", "b"});
}

TEST_CASE("a chosen address is found like a generated one") {
    const auto wire = segment::create();
    backends::wire::port_options own;
    own.address = stack::mac_address{{2, 1, 2, 3, 4, 200}};
    auto a = wire->connect(own);
    auto b = wire->connect();
    CHECK(mac(a) == *own.address);
    REQUIRE(send(*b, mac(a), "hello"));
    CHECK(receive(*a) == bodies{"hello"});
}

TEST_CASE("what is said of a checksum and of segments travels with the frame") {
    segment_options with_gso;
    with_gso.gso = true;
    const auto wire = segment::create(with_gso);
    auto a = wire->connect();
    auto b = wire->connect();
    CHECK(a->capabilities().transmit_checksum);
    CHECK(a->capabilities().gso_max_bytes >= 60000);
    std::array<stack::tx_slot, 1> slot;
    REQUIRE(a->reserve(slot) == 1);
    REQUIRE(slot[0].capacity >= a->capabilities().gso_max_bytes + 128);
    // 14 Ethernet, 20 IPv4, 32 TCP (data offset 8), three segments of 1000, one of 1
    slot[0].length = 14 + 20 + 32 + 3001;
    std::memset(slot[0].data, 0, slot[0].length);
    std::memcpy(slot[0].data, mac(b).octets.data(), 6);
    slot[0].data[34 + 12] = std::byte{0x80};
    slot[0].checksum = stack::checksum_state::partial;
    slot[0].checksum_start = 34;
    slot[0].checksum_offset = 16;
    slot[0].gso_bytes = 1000;
    a->transmit(slot);
    std::array<stack::rx_frame, 1> frame;
    REQUIRE(b->receive(frame) == 1);
    CHECK(frame[0].checksum == stack::checksum_state::partial);
    CHECK(frame[0].gso_bytes == 1000);
    CHECK(frame[0].segments == 4);
    CHECK(frame[0].head.size() == 14 + 20 + 32 + 3001);
    b->release();
}

TEST_CASE("addresses on a segment: given, taken, automatic") {
    const auto wire = segment::create();
    backends::wire::port_options automatic;
    automatic.automatic_address = true;
    backends::wire::port_options given;
    given.addresses = {{stack::ip_address::v4(198, 18, 0, 2), 24}};
    auto a = wire->connect(automatic);
    auto b = wire->connect(given);
    auto c = wire->connect(automatic);
    CHECK(a->addresses().at(0).to_string() == "198.18.0.1/24");
    CHECK(c->addresses().at(0).to_string() == "198.18.0.3/24");
    auto taken = wire->join(given);
    REQUIRE(std::holds_alternative<backends::failure>(taken));
    CHECK(std::get<backends::failure>(taken).message ==
          "address 198.18.0.2 is taken on wire segment \"\": give another ip=");
    b.reset();
    auto again = wire->join(given);
    CHECK(std::holds_alternative<std::unique_ptr<port>>(again));
}

TEST_CASE("a name leads to one segment while somebody holds it") {
    auto first = segment::named("cable", {});
    auto second = segment::named("cable", {});
    auto other = segment::named("another", {});
    CHECK(std::get<0>(first) == std::get<0>(second));
    CHECK(std::get<0>(first) != std::get<0>(other));
    segment_options with_gso;
    with_gso.gso = true;
    auto differs = segment::named("cable", with_gso);
    REQUIRE(std::holds_alternative<backends::failure>(differs));
    first = second = other;
    CHECK(std::holds_alternative<std::shared_ptr<segment>>(segment::named("cable", with_gso)));
}

}  // namespace
