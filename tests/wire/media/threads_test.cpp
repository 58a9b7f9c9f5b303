// Ports on threads of their own: sleeping and waking loses no frame, and leaving is safe at any
// moment. Each test counts what it moved; none asserts a time.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "backends/ring.hpp"
#include "backends/wire/port.hpp"
#include "backends/wire/segment.hpp"
#include "backends/wire/wire.hpp"
#include "tests/wire/frames.hpp"

namespace {

using namespace coax;
using backends::driver;
using backends::wire_spec;

// A driver on its own ring, turned like a context turns it.
struct host {
    std::unique_ptr<driver> wire;
    backends::ring ring;
    std::uint64_t sleeps = 0;

    explicit host(std::unique_ptr<driver> opened) : wire(std::move(opened)) {}
    ~host() {
        wire->shut_down(ring);
        while (!wire->idle()) {
            ring.submit_and_wait(backends::no_limit);
            ring.reap();
        }
    }
    host(const host&) = delete;
    host& operator=(const host&) = delete;

    stack::device& device() { return wire->device(); }
    void open_ring() {
        if (ring.open(8)) std::abort();
    }
    void sleep() {
        wire->kick(ring);
        ring.reap();
        if (!wire->prepare_to_sleep(ring)) return;
        ++sleeps;
        // The limit turns a lost wake-up into a failure: the test counts on being woken.
        ring.submit_and_wait(std::chrono::seconds(20));
        ring.reap();
    }
};

std::unique_ptr<driver> open(const std::string& segment, backends::failure& fault) {
    wire_spec spec;
    spec.segment = segment;
    auto opened = backends::open_wire(spec);
    if (auto* failed = std::get_if<backends::failure>(&opened)) {
        fault = *failed;
        return nullptr;
    }
    return std::move(std::get<0>(opened));
}

// Sends `count` numbered frames; waits for room when there is none.
void produce(host& from, const stack::mac_address& to, std::uint32_t count) {
    for (std::uint32_t number = 0; number < count;) {
        std::array<stack::tx_slot, 16> slots;
        const std::size_t lent = from.device().reserve(slots);
        std::size_t used = 0;
        for (; used < lent && number < count; ++used, ++number) {
            std::memset(slots[used].data, 0, 64);
            std::memcpy(slots[used].data, to.octets.data(), 6);
            std::memcpy(slots[used].data + 14, &number, sizeof number);
            slots[used].length = 64;
        }
        from.device().transmit(std::span(slots).first(used));
        if (used < lent) from.device().cancel(std::span(slots).first(lent).subspan(used));
        if (lent == 0) from.sleep();
        else from.wire->kick(from.ring);
    }
}

// Receives numbered frames until `count` came; answers how many were not the next one.
std::uint32_t consume(host& at, std::uint32_t count) {
    std::uint32_t wrong = 0;
    for (std::uint32_t next = 0; next < count;) {
        std::array<stack::rx_frame, 32> frames;
        const std::size_t got = at.device().receive(frames);
        for (std::size_t i = 0; i < got; ++i, ++next) {
            std::uint32_t number = 0;
            std::memcpy(&number, frames[i].head.data() + 14, sizeof number);
            if (number != next) ++wrong;
        }
        at.device().release();
        if (got == 0) at.sleep();
        else at.wire->kick(at.ring);
    }
    return wrong;
}

TEST_CASE("two threads: every frame arrives in order though both sides sleep") {
    backends::failure fault;
    host a(open("threads-order", fault));
    host b(open("threads-order", fault));
    REQUIRE(fault.message.empty());
    CHECK(a.wire->describe().addresses == std::vector<std::string>{"198.18.0.1/24"});
    CHECK(b.wire->describe().addresses == std::vector<std::string>{"198.18.0.2/24"});
    constexpr std::uint32_t frames = 50'000;
    const auto address = b.device().capabilities().address;
    std::uint32_t wrong = 0;
    std::thread receiver([&] {
        b.open_ring();
        wrong = consume(b, frames);
        // the ring belongs to this thread: so does the end
        b.wire->shut_down(b.ring);
        while (!b.wire->idle()) {
            b.ring.submit_and_wait(backends::no_limit);
            b.ring.reap();
        }
    });
    a.open_ring();
    produce(a, address, frames);
    receiver.join();
    CHECK(wrong == 0);
    CHECK(a.wire->counters().at(2).value == frames);  // wire.delivered
}

TEST_CASE("one frame at a time: each wakes the other side") {
    backends::failure fault;
    host a(open("threads-ping", fault));
    host b(open("threads-ping", fault));
    REQUIRE(fault.message.empty());
    constexpr std::uint32_t rounds = 500;
    const auto address_a = a.device().capabilities().address;
    const auto address_b = b.device().capabilities().address;
    const auto await_one = [](host& at) {
        std::array<stack::rx_frame, 4> frames;
        std::size_t got = 0;
        for (int tries = 0; tries < 1000 && got == 0; ++tries) {
            got = at.device().receive(frames);
            at.device().release();
            if (got == 0) at.sleep();
        }
        return got == 1;
    };
    std::uint32_t answered = 0;
    std::thread echo([&] {
        b.open_ring();
        for (std::uint32_t i = 0; i < rounds; ++i) {
            if (!await_one(b)) break;
            produce(b, address_a, 1);
            ++answered;
        }
        b.wire->shut_down(b.ring);
        while (!b.wire->idle()) {
            b.ring.submit_and_wait(backends::no_limit);
            b.ring.reap();
        }
    });
    a.open_ring();
    std::uint32_t heard = 0;
    for (std::uint32_t i = 0; i < rounds; ++i) {
        produce(a, address_b, 1);
        if (!await_one(a)) break;
        ++heard;
    }
    echo.join();
    CHECK(answered == rounds);
    CHECK(heard == rounds);
}

TEST_CASE("ports come and go while others send to them") {
    const auto wire = backends::wire::segment::create();
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> received{0};
    auto steady = wire->connect();
    std::vector<std::thread> guests;
    for (int guest = 0; guest < 2; ++guest)
        guests.emplace_back([&] {
            while (!stop.load()) {
                auto own = wire->connect();
                for (int turn = 0; turn < 20; ++turn) {
                    std::array<stack::rx_frame, 8> frames;
                    const std::size_t got = own->receive(frames);
                    for (std::size_t i = 0; i < got; ++i)
                        if (frames[i].head[14] == std::byte{1}) ++received;
                    own->release();
                    std::array<stack::tx_slot, 2> slots;
                    const std::size_t lent = own->reserve(slots);
                    for (std::size_t i = 0; i < lent; ++i) {
                        std::memset(slots[i].data, 0xff, 15);
                        slots[i].length = 15;
                    }
                    own->transmit(std::span(slots).first(lent));
                }
            }
        });
    std::uint64_t heard = 0;
    for (int round = 0; round < 20'000; ++round) {
        wire_test::send(*steady, stack::mac_address::broadcast(), std::string(1, '\1'));
        heard += wire_test::receive(*steady).size();
    }
    stop = true;
    for (std::thread& guest : guests) guest.join();
    while (steady->frames_waiting()) heard += wire_test::receive(*steady).size();
    CHECK(steady->frames_in_use() == 0);
    CHECK(steady->counters().received == heard);
    CHECK(received.load() <= steady->counters().delivered);
}

TEST_CASE("a port whose peer leaves is woken, and gets its frames back") {
    backends::failure fault;
    host a(open("threads-leave", fault));
    auto b = open("threads-leave", fault);
    REQUIRE(fault.message.empty());
    a.open_ring();
    const auto address = b->device().capabilities().address;
    while (wire_test::send(a.device(), address, "x")) {
    }
    std::thread leaving([&b] { b.reset(); });
    for (int tries = 0; tries < 100; ++tries) {
        std::array<stack::tx_slot, 1> slot;
        if (a.device().reserve(slot) == 1) {
            a.device().cancel(slot);
            break;
        }
        a.sleep();
    }
    leaving.join();
    std::array<stack::tx_slot, 1> slot;
    CHECK(a.device().reserve(slot) == 1);
    a.device().cancel(slot);
}

}  // namespace
