// Connected kernel sockets through the ring: bytes, order, errors, endpoints, options.
#include <random>
#include <thread>

#include "tests/kernel/hand_turned.hpp"

namespace {

using namespace kernel_test;

// Moves `size` bytes from one socket to the other, with reads of `reading` and writes of `writing`
// bytes; what arrives is compared byte by byte with what the seed generates.
struct flow {
    hand_turned& h;
    stream_state& from;
    stream_state& to;
    std::size_t size;
    std::uint32_t seed;
    std::vector<char> out;
    std::vector<char> in;
    std::minstd_rand generates{seed};
    std::minstd_rand expects{seed};
    noted_transfer writing{};
    noted_transfer reading{};
    std::size_t generated = 0;
    std::size_t left_of_block = 0;
    std::size_t received = 0;
    std::size_t wrong = 0;
    bool failed = false;

    flow(hand_turned& engine, stream_state& a, stream_state& b, std::size_t bytes,
         std::size_t write_size, std::size_t read_size, std::uint32_t with)
        : h(engine), from(a), to(b), size(bytes), seed(with), out(write_size), in(read_size) {
        writing.then = [this] { written(); };
        reading.then = [this] { was_read(); };
        next_write();
        next_read();
    }
    bool done() const { return received == size || failed; }

    void next_write() {
        if (left_of_block == 0) {
            left_of_block = std::min(out.size(), size - generated);
            for (std::size_t i = 0; i != left_of_block; ++i)
                out[i] = static_cast<char>(generates() >> 8);
            generated += left_of_block;
            out_size = left_of_block;
        }
        if (left_of_block == 0) return;
        writing.into(out.data() + (out_size - left_of_block), left_of_block);
        from.start_write(&writing);
    }
    void written() {
        failed = failed || writing.result || writing.transferred == 0;
        left_of_block -= writing.transferred;
        if (!failed) next_write();
    }
    void next_read() {
        reading.into(in.data(), in.size());
        to.start_read(&reading);
    }
    void was_read() {
        failed = failed || reading.result;
        for (std::size_t i = 0; i != reading.transferred; ++i)
            wrong += in[i] != static_cast<char>(expects() >> 8);
        received += reading.transferred;
        if (!failed && received < size) next_read();
    }
    std::size_t out_size = 0;
};

}  // namespace

TEST_CASE("echo: what is written is read, and nothing completes inside the call") {
    hand_turned h;
    connected c = connect(h);
    const std::string question = "a question";
    write(h, *c.client, question);
    CHECK(read_exactly(h, *c.server, question.size()) == question);
    write(h, *c.server, "an answer");
    CHECK(read_exactly(h, *c.client, 9) == "an answer");
}

TEST_CASE("echo over IPv6") {
    hand_turned h;
    connected c = connect(h, {boost::asio::ip::address_v6::loopback(), 0});
    error_code ec;
    CHECK(c.server->remote_endpoint(ec) == c.client->local_endpoint(ec));
    CHECK(c.server->remote_endpoint(ec).address().is_v6());
    write(h, *c.client, "six");
    CHECK(read_exactly(h, *c.server, 3) == "six");
}

TEST_CASE("endpoints of both sides agree; unbound and unconnected ones say so") {
    hand_turned h;
    connected c = connect(h);
    error_code ec;
    CHECK(c.server->local_endpoint(ec) == c.client->remote_endpoint(ec));
    CHECK(c.server->remote_endpoint(ec) == c.client->local_endpoint(ec));
    auto fresh = open(h);
    fresh->remote_endpoint(ec);
    CHECK(ec == errors::not_connected);
}

TEST_CASE("transfers both ways at once, large and small pieces, byte for byte") {
    const std::size_t read_size = GENERATE(as<std::size_t>{}, 100, 4096, 65536);
    const std::size_t write_size = GENERATE(as<std::size_t>{}, 1000, 300'000);
    const std::size_t size = read_size == 100 ? 200'000 : 4'000'000;
    kernel_limits limits;
    limits.receive_buffers = GENERATE(as<std::uint16_t>{}, 2, 256);
    hand_turned h(limits);
    connected c = connect(h);
    flow there(h, *c.client, *c.server, size, write_size, read_size, 1);
    flow back(h, *c.server, *c.client, size, write_size, read_size, 2);
    REQUIRE(h.turn_until([&] { return there.done() && back.done(); }, 200'000));
    CHECK(there.received == size);
    CHECK(back.received == size);
    CHECK(there.wrong == 0);
    CHECK(back.wrong == 0);
}

TEST_CASE("without buffer rings or multishot the same bytes come") {
    kernel_limits limits;
    limits.multishot_receive = false;
    limits.multishot_accept = false;
    hand_turned h(limits);
    connected c = connect(h);
    flow there(h, *c.client, *c.server, 1'000'000, 10'000, 4096, 1);
    REQUIRE(h.turn_until([&] { return there.done(); }, 100'000));
    CHECK(there.received == 1'000'000);
    CHECK(there.wrong == 0);
    CHECK(h.counter_value("kernel.received_shared") == 0);
}

TEST_CASE("small reads use the shared buffers and one multishot, large ones their own memory") {
    hand_turned h;
    connected c = connect(h);
    for (int i = 0; i != 50; ++i) {
        write(h, *c.client, "message");
        CHECK(read_exactly(h, *c.server, 7) == "message");
    }
    CHECK(h.counter_value("kernel.receive_armed") == 1);
    CHECK(h.counter_value("kernel.received_shared") == 50);
    connected d = connect(h);
    std::vector<char> big(h.transport().limits().read_directly_bytes);
    write(h, *d.client, "message");
    error_code ec;
    CHECK(read(h, *d.server, big.data(), big.size(), ec) == 7);
    CHECK(h.counter_value("kernel.received_direct") == 1);
}

TEST_CASE("several reads and writes outstanding are served in the order of their start") {
    const bool large = GENERATE(false, true);
    hand_turned h;
    connected c = connect(h);
    std::array<noted_transfer, 8> reads;
    std::array<noted_transfer, 8> writes;
    std::array<std::string, 8> texts;
    std::vector<std::string> to(8, std::string(large ? 20'000 : 4, '\0'));
    std::vector<int> order;
    for (std::size_t i = 0; i != 8; ++i) {
        reads[i].into(to[i].data(), to[i].size());
        reads[i].then = [&order, i] { order.push_back(static_cast<int>(i)); };
        c.server->start_read(&reads[i]);
    }
    for (std::size_t i = 0; i != 8; ++i) {
        texts[i] = std::string(to[i].size(), static_cast<char>('a' + i));
        writes[i].from(texts[i]);
        c.client->start_write(&writes[i]);
    }
    REQUIRE(h.turn_until([&] { return order.size() == 8; }));
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7});
    std::string all;
    for (std::size_t i = 0; i != 8; ++i) {
        CHECK_FALSE(reads[i].result);
        CHECK(writes[i].transferred == texts[i].size());
        all += to[i].substr(0, reads[i].transferred);
    }
    // Reads may be partial; the bytes are in order all the same.
    CHECK(std::is_sorted(all.begin(), all.end()));
    CHECK(all.size() == (large ? all.size() : 32));
}

TEST_CASE("the first write of a turn goes at once, those behind it share one submission") {
    hand_turned h;
    std::vector<connected> all;
    for (int i = 0; i != 5; ++i) all.push_back(connect(h));
    std::array<noted_transfer, 5> writes;
    const std::string text = "together";
    h.turn(0ms);
    for (std::size_t i = 0; i != 5; ++i) {
        writes[i].from(text);
        all[i].client->start_write(&writes[i]);
        CHECK(writes[i].completed == 0);
    }
    CHECK(h.counter_value("kernel.sent_at_once") == 1);
    error_code ec;
    CHECK(all[0].server->available(ec) == text.size());
    CHECK(all[1].server->available(ec) == 0);
    const auto before = h.ring().enters();
    h.turn(0ms);
    h.turn(0ms);
    CHECK(h.ring().enters() == before + 1);
    for (std::size_t i = 0; i != 5; ++i) {
        CHECK((writes[i].done() && writes[i].transferred == text.size()));
        CHECK(all[i].server->available(ec) == text.size());
    }
    CHECK(h.counter_value("kernel.sent") == 4);
}

TEST_CASE("gathered writes and scattered reads, with empty buffers among them") {
    hand_turned h;
    connected c = connect(h);
    std::string a = "one ";
    std::string b = "two ";
    std::string d = "three";
    noted_transfer w;
    w.buffers[0] = {a.data(), a.size()};
    w.buffers[1] = {nullptr, 0};
    w.buffers[2] = {b.data(), b.size()};
    w.buffers[3] = {d.data(), d.size()};
    w.buffer_count = 4;
    c.client->start_write(&w);
    REQUIRE(h.turn_until([&] { return w.done(); }));
    CHECK(w.transferred == 13);
    const bool direct = GENERATE(false, true);
    std::string x(6, '.');
    std::string y(direct ? 100'000 : 100, '.');
    noted_transfer r;
    r.buffers[0] = {x.data(), x.size()};
    r.buffers[1] = {nullptr, 0};
    r.buffers[2] = {y.data(), y.size()};
    r.buffer_count = 3;
    c.server->start_read(&r);
    REQUIRE(h.turn_until([&] { return r.done(); }));
    CHECK(r.transferred == 13);
    CHECK(x == "one tw");
    CHECK(y.substr(0, 7) == "o three");
}

TEST_CASE("transfers of no bytes succeed at once, through the queue") {
    hand_turned h;
    connected c = connect(h);
    noted_transfer r;
    noted_transfer w;
    char byte = 0;
    w.into(&byte, 0);
    c.server->start_read(&r);
    c.client->start_write(&w);
    CHECK(r.completed + w.completed == 0);
    h.turn(0ms);
    CHECK((r.done() && !r.result && r.transferred == 0));
    CHECK((w.done() && !w.result && w.transferred == 0));
}

TEST_CASE("half close: end of file after the last byte, for every read; the other way goes on") {
    hand_turned h;
    connected c = connect(h);
    write(h, *c.client, "last");
    REQUIRE_FALSE(c.client->shutdown(false, true));
    CHECK(read_exactly(h, *c.server, 4) == "last");
    for (int i = 0; i != 3; ++i) {
        error_code ec;
        CHECK(read_some(h, *c.server, ec).empty());
        CHECK(ec == errors::eof);
    }
    write(h, *c.server, "still here");
    CHECK(read_exactly(h, *c.client, 10) == "still here");
    noted_transfer w;
    const std::string text = "no";
    w.from(text);
    c.client->start_write(&w);
    REQUIRE(h.turn_until([&] { return w.done(); }));
    CHECK(w.result == errors::broken_pipe);
}

TEST_CASE("a write that was started goes out before the shutdown and the close that follow") {
    hand_turned h;
    connected c = connect(h);
    const std::string text(5000, 'x');
    std::array<noted_transfer, 3> w;
    for (auto& o : w) {
        o.from(text);
        c.client->start_write(&o);
    }
    const bool close = GENERATE(false, true);
    REQUIRE_FALSE((close ? c.client->close() : c.client->shutdown(false, true)));
    CHECK(read_exactly(h, *c.server, 15000) == std::string(15000, 'x'));
    error_code ec;
    read_some(h, *c.server, ec);
    CHECK(ec == errors::eof);
    for (auto& o : w) CHECK((o.done() && !o.result && o.transferred == 5000));
}

TEST_CASE("the peer's reset: connection_reset once, then end of file; writes get broken_pipe") {
    const std::size_t size = GENERATE(as<std::size_t>{}, 100, 100'000);
    hand_turned h;
    connected c = connect(h);
    std::vector<char> to(size);
    noted_transfer pending;
    pending.into(to.data(), size);
    c.server->start_read(&pending);
    h.turn(0ms);
    reset(*c.client);
    REQUIRE(h.turn_until([&] { return pending.done(); }));
    CHECK(pending.result == errors::connection_reset);
    error_code ec;
    read(h, *c.server, to.data(), size, ec);
    CHECK(ec == errors::eof);
    noted_transfer w;
    w.into(to.data(), size);
    c.server->start_write(&w);
    REQUIRE(h.turn_until([&] { return w.done(); }));
    CHECK(w.result == errors::broken_pipe);
}

TEST_CASE("closing with bytes unread resets the peer, wherever they lie") {
    const bool parked = GENERATE(false, true);
    hand_turned h;
    connected c = connect(h);
    if (parked) {  // one read arms the multishot, which then brings what nobody reads
        write(h, *c.client, "x");
        CHECK(read_exactly(h, *c.server, 1) == "x");
        write(h, *c.client, "unread");
        h.turn(20ms);
    } else {
        write(h, *c.client, "unread");
    }
    c.server.reset();
    error_code ec;
    read_some(h, *c.client, ec);
    CHECK(ec == errors::connection_reset);
    CHECK(h.counter_value("kernel.closed_unread") == (parked ? 1 : 0));
}

TEST_CASE("peeking leaves the bytes") {
    const std::size_t size = GENERATE(as<std::size_t>{}, 100, 100'000);
    hand_turned h;
    connected c = connect(h);
    write(h, *c.client, "peek");
    std::string to(size, '\0');
    for (int i = 0; i != 2; ++i) {
        noted_transfer o;
        o.into(to.data(), size);
        o.flags = MSG_PEEK;
        c.server->start_read(&o);
        REQUIRE(h.turn_until([&] { return o.done(); }));
        CHECK(o.transferred == 4);
    }
    error_code ec;
    CHECK(c.server->available(ec) == 4);
    CHECK(read_exactly(h, *c.server, 4) == "peek");
    CHECK(c.server->available(ec) == 0);
}

TEST_CASE("without waiting: would_block, bytes, end of file") {
    hand_turned h;
    connected c = connect(h);
    const bool armed = GENERATE(false, true);
    if (armed) {
        write(h, *c.client, "x");
        CHECK(read_exactly(h, *c.server, 1) == "x");
    }
    std::string to(100, '\0');
    const iovec buffer{to.data(), to.size()};
    error_code ec;
    CHECK(c.server->try_read({&buffer, 1}, 0, ec) == 0);
    CHECK(ec == errors::would_block);
    std::string text = "now";
    const iovec from{text.data(), text.size()};
    CHECK(c.client->try_write({&from, 1}, 0, ec) == 3);
    CHECK_FALSE(ec);
    CHECK(c.server->try_read({&buffer, 1}, MSG_PEEK, ec) == 3);
    CHECK(c.server->try_read({&buffer, 1}, 0, ec) == 3);
    CHECK(to.substr(0, 3) == "now");
    REQUIRE_FALSE(c.client->shutdown(false, true));
    CHECK(c.server->try_read({&buffer, 1}, 0, ec) == 0);
    CHECK(ec == errors::eof);
    const iovec nothing{nullptr, 0};
    CHECK(c.server->try_read({&nothing, 1}, 0, ec) == 0);
    CHECK_FALSE(ec);
}

TEST_CASE("options reach the kernel; unknown ones are refused") {
    hand_turned h;
    auto s = open(h);
    int on = 1;
    REQUIRE_FALSE(s->set_option(IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    int value = 0;
    std::size_t size = sizeof value;
    REQUIRE_FALSE(s->get_option(IPPROTO_TCP, TCP_NODELAY, &value, &size));
    CHECK((value != 0 && size == sizeof value));
    CHECK(s->set_option(IPPROTO_TCP, 9999, &on, sizeof on) == errors::no_protocol_option);
    CHECK(s->native_handle() >= 0);
}

TEST_CASE("a closed socket answers bad_descriptor") {
    hand_turned h;
    auto s = open(h);
    REQUIRE_FALSE(s->close());
    noted_transfer r;
    noted_connect c;
    noted_wait w;
    char byte = 0;
    r.into(&byte, 1);
    s->start_read(&r);
    s->start_connect(&c);
    s->start_wait(&w);
    h.turn(0ms);
    CHECK(r.result == errors::bad_descriptor);
    CHECK(c.result == errors::bad_descriptor);
    CHECK(w.result == errors::bad_descriptor);
    CHECK(s->bind(loopback()) == errors::bad_descriptor);
    CHECK(s->listen(1) == errors::bad_descriptor);
    CHECK_FALSE(s->close());
}
