// Faults: the shares that were asked for, the same for the same seed, every frame accounted for.

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "backends/faults/device.hpp"
#include "backends/wire/port.hpp"
#include "backends/wire/segment.hpp"
#include "tests/wire/frames.hpp"

namespace {

using namespace coax;
using namespace std::chrono_literals;
using backends::fault_options;
using backends::faulty_device;
using wire_test::receive;
using wire_test::send;

struct faulty_pair {
    stack::instant now{};
    std::shared_ptr<backends::wire::segment> wire = backends::wire::segment::create();
    std::unique_ptr<backends::wire::port> a = wire->connect();
    std::unique_ptr<backends::wire::port> b = wire->connect();
    faulty_device faulty_a;

    explicit faulty_pair(const fault_options& receiving, const fault_options& sending = {})
        : faulty_a(*a, receiving, sending, [this] { return now; }) {}

    stack::mac_address to_a() const { return a->capabilities().address; }
    stack::mac_address to_b() const { return b->capabilities().address; }

    // `count` numbered frames to a, what it got, in order; then time passes until all have come.
    std::vector<int> inward(int count) {
        std::vector<int> got;
        for (int i = 0; i < count; ++i) {
            REQUIRE(send(*b, to_a(), std::to_string(i)));
            for (auto& body : receive(faulty_a)) got.push_back(std::stoi(body));
        }
        for (int drains = 0; drains < 1000; ++drains) {
            const stack::instant due = faulty_a.next_due();
            if (due == stack::never) break;
            now = std::max(now, due);
            for (auto& body : receive(faulty_a)) got.push_back(std::stoi(body));
        }
        CHECK(faulty_a.held() == 0);
        return got;
    }
    std::vector<int> outward(int count) {
        std::vector<int> got;
        for (int i = 0; i < count; ++i) {
            REQUIRE(send(faulty_a, to_b(), std::to_string(i)));
            for (auto& body : receive(*b)) got.push_back(std::stoi(body));
        }
        for (int drains = 0; drains < 1000; ++drains) {
            const stack::instant due = faulty_a.next_due();
            if (due == stack::never) break;
            now = std::max(now, due);
            faulty_a.send_due();
            for (auto& body : receive(*b, 1024)) got.push_back(std::stoi(body));
        }
        CHECK(faulty_a.held() == 0);
        return got;
    }
};

TEST_CASE("without faults nothing changes and nothing is copied") {
    faulty_pair pair({});
    REQUIRE(send(*pair.b, pair.to_a(), "plain"));
    std::array<stack::rx_frame, 2> frames;
    REQUIRE(pair.faulty_a.receive(frames) == 1);
    CHECK(pair.b->frames_in_use() == 1);  // lent, not copied
    pair.faulty_a.release();
    CHECK(pair.b->frames_in_use() == 0);
    CHECK(pair.outward(100).size() == 100);
}

TEST_CASE("losses make up their share, in both directions") {
    fault_options lossy;
    lossy.loss = 0.1;
    faulty_pair pair(lossy, lossy);
    const auto in = pair.inward(10'000);
    const auto out = pair.outward(10'000);
    CHECK(in.size() == 10'000 - pair.faulty_a.received().lost);
    CHECK(out.size() == 10'000 - pair.faulty_a.sent().lost);
    CHECK(in.size() > 8'800);
    CHECK(in.size() < 9'200);
    CHECK(out.size() > 8'800);
    CHECK(out.size() < 9'200);
    CHECK(in != out);  // directions draw on their own
    CHECK(std::is_sorted(in.begin(), in.end()));
    CHECK(pair.a->frames_in_use() == 0);
    CHECK(pair.b->frames_in_use() == 0);
}

TEST_CASE("bursts lose the same share in runs of the mean length") {
    fault_options lossy;
    lossy.loss = 0.1;
    lossy.burst = 5;
    faulty_pair pair(lossy);
    const auto got = pair.inward(50'000);
    const double lost = 50'000.0 - static_cast<double>(got.size());
    int runs = 0;
    int last = -1;
    for (const int number : got) {
        if (number != last + 1) ++runs;
        last = number;
    }
    CHECK(lost / 50'000 == Approx(0.1).margin(0.02));
    CHECK(lost / runs == Approx(5).margin(0.75));
}

TEST_CASE("a loss of 1 loses everything, of 0 nothing") {
    fault_options all;
    all.loss = 1;
    faulty_pair pair(all);
    CHECK(pair.inward(100).empty());
    CHECK(pair.outward(100).size() == 100);
}

TEST_CASE("duplicates follow their original") {
    fault_options twice;
    twice.duplicate = 0.25;
    faulty_pair pair(twice, twice);
    for (const auto& got : {pair.inward(2000), pair.outward(2000)}) {
        std::map<int, int> copies;
        for (const int number : got) ++copies[number];
        CHECK(copies.size() == 2000);
        const auto doubled = std::count_if(copies.begin(), copies.end(),
                                           [](const auto& c) { return c.second == 2; });
        CHECK(doubled > 400);
        CHECK(doubled < 600);
        CHECK(got.size() == 2000 + static_cast<std::size_t>(doubled));
    }
}

TEST_CASE("reordered frames are overtaken by one to eight others, and all arrive") {
    fault_options mixed;
    mixed.reorder = 0.05;
    faulty_pair pair(mixed, mixed);
    for (auto got : {pair.inward(5000), pair.outward(5000)}) {
        REQUIRE(got.size() == 5000);
        int late = 0;
        int highest = -1;
        for (const int number : got) {
            if (number < highest) {
                ++late;
                CHECK(highest - number <= 16);
            }
            highest = std::max(highest, number);
        }
        CHECK(late > 150);
        CHECK(late < 350);
        std::sort(got.begin(), got.end());
        for (int i = 0; i < 5000; ++i) REQUIRE(got[static_cast<std::size_t>(i)] == i);
    }
}

TEST_CASE("a reordered frame that nobody overtakes leaves by time") {
    fault_options all;
    all.reorder = 1;
    faulty_pair pair(all);
    REQUIRE(send(*pair.b, pair.to_a(), "0"));
    CHECK(receive(pair.faulty_a).empty());
    CHECK(pair.faulty_a.next_due() == stack::instant{} + faulty_device::overtaken_wait);
    pair.now += faulty_device::overtaken_wait;
    CHECK(pair.faulty_a.receivable());
    CHECK(receive(pair.faulty_a).size() == 1);
}

TEST_CASE("delay holds each frame for its time; without jitter order stays") {
    fault_options slow;
    slow.delay = 5ms;
    faulty_pair pair(slow, slow);
    REQUIRE(send(*pair.b, pair.to_a(), "1"));
    CHECK(receive(pair.faulty_a).empty());
    pair.now += 2ms;
    REQUIRE(send(*pair.b, pair.to_a(), "2"));
    CHECK(receive(pair.faulty_a).empty());
    pair.now += 3ms;
    CHECK(receive(pair.faulty_a) == std::vector<std::string>{"1"});
    CHECK(pair.faulty_a.next_due() == stack::instant{7ms});
    pair.now += 2ms;
    CHECK(receive(pair.faulty_a) == std::vector<std::string>{"2"});
    const auto out = pair.outward(300);
    CHECK(out.size() == 300);
    CHECK(std::is_sorted(out.begin(), out.end()));
}

TEST_CASE("jitter stays within its bound") {
    fault_options slow;
    slow.delay = 1ms;
    slow.jitter = 4ms;
    faulty_pair pair(slow);
    REQUIRE(send(*pair.b, pair.to_a(), "x"));
    CHECK(receive(pair.faulty_a).empty());
    CHECK(pair.faulty_a.next_due() >= stack::instant{1ms});
    CHECK(pair.faulty_a.next_due() <= stack::instant{5ms});
}

TEST_CASE("corruption flips one bit of IP frames and leaves ARP alone") {
    fault_options noisy;
    noisy.corrupt = 1;
    faulty_pair pair(noisy, noisy);
    CHECK(pair.faulty_a.capabilities().receive_checksum == stack::checksum_policy::strict);
    const std::string body(100, 'u');
    const auto bits_off = [&body](const std::string& got) {
        REQUIRE(got.size() == body.size());
        int off = 0;
        for (std::size_t i = 0; i < body.size(); ++i)
            off += __builtin_popcount(static_cast<unsigned char>(got[i] ^ body[i]));
        return off;
    };
    for (int i = 0; i < 50; ++i) {
        REQUIRE(send(*pair.b, pair.to_a(), body));
        CHECK(bits_off(receive(pair.faulty_a).at(0)) == 1);
        REQUIRE(send(pair.faulty_a, pair.to_b(), body));
        CHECK(bits_off(receive(*pair.b).at(0)) == 1);
    }
    auto arp = wire_test::make_frame(pair.to_a(), pair.to_b(), body);
    arp[13] = std::byte{0x06};
    REQUIRE(send(*pair.b, arp));
    CHECK(bits_off(receive(pair.faulty_a).at(0)) == 0);
}

TEST_CASE("the same seed gives the same faults, another one others") {
    fault_options all;
    all.loss = 0.05;
    all.duplicate = 0.05;
    all.reorder = 0.05;
    all.jitter = 1ms;
    const auto run = [&all](std::uint64_t seed) {
        all.seed = seed;
        faulty_pair pair(all);
        return pair.inward(500);
    };
    CHECK(run(7) == run(7));
    CHECK(run(7) != run(8));
}

TEST_CASE("held frames wait for room, in their order") {
    fault_options slow;
    slow.delay = 1ms;
    backends::wire::segment_options few;
    few.port_frames = 4;
    const auto wire = backends::wire::segment::create(few);
    auto a = wire->connect();
    auto b = wire->connect();
    stack::instant now{};
    faulty_device faulty(*a, {}, slow, [&now] { return now; });
    for (int i = 0; i < 10; ++i)
        REQUIRE(send(faulty, b->capabilities().address, std::to_string(i)));
    CHECK(faulty.take_room_made());
    now += 1ms;
    std::vector<std::string> got;
    for (int i = 0; i < 5; ++i) {
        faulty.send_due();
        for (auto& body : receive(*b)) got.push_back(body);
    }
    CHECK(got == std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
}

}  // namespace
