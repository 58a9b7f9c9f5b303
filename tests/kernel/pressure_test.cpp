// Shared receive buffers under pressure: slow readers, too few buffers, many sockets.
#include "tests/kernel/hand_turned.hpp"

namespace {

using namespace kernel_test;

void feed(hand_turned& h, stream_state& s, int messages, const std::string& text) {
    for (int i = 0; i != messages; ++i) {
        write(h, s, text);
        h.turn(1ms);
    }
}

}  // namespace

TEST_CASE("a reader that stops reading stops the multishot; nothing is lost when it goes on") {
    hand_turned h;
    connected c = connect(h);
    write(h, *c.client, "first");
    CHECK(read_exactly(h, *c.server, 5) == "first");
    const int count = 3 * h.transport().limits().parked_buffers_per_socket;
    feed(h, *c.client, count, "message");
    CHECK(h.counter_value("kernel.receive_halted") == 1);
    error_code ec;
    CHECK(c.server->available(ec) == static_cast<std::size_t>(count) * 7);
    std::string expected;
    for (int i = 0; i != count; ++i) expected += "message";
    CHECK(read_exactly(h, *c.server, expected.size()) == expected);
    write(h, *c.client, "last");
    CHECK(read_exactly(h, *c.server, 4) == "last");
    CHECK(h.counter_value("kernel.receive_armed") == 2);
}

TEST_CASE("one idle reader with all buffers does not stop the others") {
    kernel_limits limits;
    limits.receive_buffers = 4;
    limits.parked_buffers_per_socket = 4;
    hand_turned h(limits);
    connected hog = connect(h);
    connected other = connect(h);
    write(h, *hog.client, "x");
    CHECK(read_exactly(h, *hog.server, 1) == "x");
    feed(h, *hog.client, 10, "kept");
    CHECK(h.counter_value("kernel.receive_dry") >= 1);
    CHECK(h.transport().buffers().available() == 0);
    for (int i = 0; i != 5; ++i) {
        write(h, *other.client, "through");
        CHECK(read_exactly(h, *other.server, 7) == "through");
    }
    CHECK(h.counter_value("kernel.received_direct") >= 5);
    CHECK(read_exactly(h, *hog.server, 40) == "keptkeptkeptkeptkeptkeptkeptkeptkeptkept");
    CHECK(h.transport().buffers().available() == 4);
    hog.server.reset();
    h.turn(1ms);
    CHECK(h.transport().buffers().available() == 4);
}

TEST_CASE("armed sockets without buffers are served when data comes") {
    kernel_limits limits;
    limits.receive_buffers = 2;
    hand_turned h(limits);
    std::vector<connected> all;
    std::vector<noted_transfer> reads(8);
    std::vector<std::array<char, 8>> to(8);
    for (std::size_t i = 0; i != 8; ++i) {
        all.push_back(connect(h));
        reads[i].into(to[i].data(), 8);
        all[i].server->start_read(&reads[i]);
    }
    h.turn(1ms);
    std::string text = "together";
    const iovec from{text.data(), text.size()};
    error_code ec;
    for (auto& c : all) c.client->try_write({&from, 1}, 0, ec);
    REQUIRE(h.turn_until([&] {
        for (auto& r : reads)
            if (!r.done()) return false;
        return true;
    }));
    for (auto& r : reads) CHECK((!r.result && r.transferred == 8));
    CHECK(h.counter_value("kernel.receive_dry") >= 1);
}

TEST_CASE("closing sockets with parked bytes gives their buffers back") {
    hand_turned h;
    const auto total = h.transport().limits().receive_buffers;
    for (int i = 0; i != 20; ++i) {
        connected c = connect(h);
        write(h, *c.client, "x");
        CHECK(read_exactly(h, *c.server, 1) == "x");
        feed(h, *c.client, 3, "unread");
    }
    REQUIRE(h.turn_until([&] { return h.transport().idle(); }));
    CHECK(h.transport().buffers().available() == total);
}
