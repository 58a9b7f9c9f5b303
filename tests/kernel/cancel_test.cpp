// Cancelling, closing and ending with operations in flight: each completes exactly once, or is
// destroyed exactly once, and the kernel touches nothing afterwards (the sanitizers look on).
#include <thread>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "tests/kernel/hand_turned.hpp"

namespace {

using namespace kernel_test;

// All that was sent is acknowledged, and there is more: the peer's window is closed. Before that
// the kernel may still move bytes from one buffer to the other, and make room.
bool is_peer_full(const stream_state& s) {
    int queued = 0;
    int unsent = 0;
    REQUIRE(::ioctl(s.native_handle(), SIOCOUTQ, &queued) == 0);
    REQUIRE(::ioctl(s.native_handle(), SIOCOUTQNSD, &unsent) == 0);
    return unsent != 0 && queued == unsent;
}

// Fills the connection until a write has to wait, for good.
void fill(hand_turned& h, stream_state& s) {
    std::string block(1 << 16, 'f');
    const iovec from{block.data(), block.size()};
    error_code ec;
    bool was_full = false;
    do {
        was_full = is_peer_full(s);
        s.try_write({&from, 1}, 0, ec);
        if (ec) h.turn(1ms);
    } while (!was_full || !ec);
    REQUIRE(ec == errors::would_block);
}

}  // namespace

TEST_CASE("cancelling one read leaves the others in order") {
    const std::size_t size = GENERATE(as<std::size_t>{}, 4, 100'000);
    hand_turned h;
    connected c = connect(h);
    std::array<noted_transfer, 3> reads;
    std::vector<std::string> to(3, std::string(size, '\0'));
    for (std::size_t i = 0; i != 3; ++i) {
        reads[i].into(to[i].data(), size);
        c.server->start_read(&reads[i]);
    }
    const bool submitted = GENERATE(false, true);
    if (submitted) h.turn(0ms);
    const std::size_t which = GENERATE(as<std::size_t>{}, 0, 1);
    c.server->cancel(&reads[which]);
    CHECK(reads[which].completed == 0);
    REQUIRE(h.turn_until([&] { return reads[which].done(); }));
    CHECK(reads[which].result == errors::operation_aborted);
    write(h, *c.client, "next");
    auto& first = reads[which == 0 ? 1 : 0];
    REQUIRE(h.turn_until([&] { return first.done(); }));
    CHECK(first.transferred == 4);
    CHECK_FALSE(reads[2].done());
    c.server->cancel_all();
    REQUIRE(h.turn_until([&] { return reads[2].done(); }));
    for (auto& r : reads) CHECK(r.completed == 1);
}

TEST_CASE("cancelling what is finished, unknown or null has no effect") {
    hand_turned h;
    connected c = connect(h);
    write(h, *c.client, "data");
    std::string to(4, '\0');
    noted_transfer r;
    r.into(to.data(), 4);
    c.server->start_read(&r);
    REQUIRE(h.turn_until([&] { return r.done(); }));
    c.server->cancel(&r);
    noted_wait never_started;
    c.server->cancel(&never_started);
    c.server->cancel(nullptr);
    c.server->cancel_all();
    h.turn(1ms);
    CHECK(r.completed == 1);
    CHECK_FALSE(r.result);
    CHECK(never_started.completed == 0);
    write(h, *c.client, "more");
    CHECK(read_exactly(h, *c.server, 4) == "more");
}

TEST_CASE("a write that waits can be cancelled; those behind it go on") {
    hand_turned h;
    connected c = connect(h);
    fill(h, *c.client);
    std::string block(1000, 'w');
    noted_transfer first;
    noted_transfer second;
    first.from(block);
    second.from(block);
    c.client->start_write(&first);
    c.client->start_write(&second);
    h.turn(1ms);
    CHECK_FALSE(first.done());
    c.client->cancel(&first);
    REQUIRE(h.turn_until([&] { return first.done(); }));
    CHECK(first.result == errors::operation_aborted);
    CHECK_FALSE(second.done());
    std::vector<char> drain(1 << 20);
    while (!second.done()) {
        error_code ec;
        read(h, *c.server, drain.data(), drain.size(), ec);
        REQUIRE_FALSE(ec);
    }
    CHECK_FALSE(second.result);
    CHECK(second.transferred == 1000);
}

TEST_CASE("a connect that waits can be cancelled; the socket is unconnected and usable") {
    hand_turned h;
    listening l = listen(h, 0);
    // The backlog is full: further SYNs are not answered.
    std::vector<std::unique_ptr<stream_state>> fillers;
    std::array<noted_connect, 8> connects;
    for (auto& o : connects) {
        fillers.push_back(open(h));
        o.remote = l.at;
        fillers.back()->start_connect(&o);
    }
    h.turn(1ms);
    h.turn(1ms);
    REQUIRE_FALSE(connects.back().done());
    fillers.back()->cancel(&connects.back());
    REQUIRE(h.turn_until([&] { return connects.back().done(); }));
    CHECK(connects.back().result == errors::operation_aborted);
    error_code ec;
    fillers.back()->remote_endpoint(ec);
    CHECK(ec == errors::not_connected);
    listening other = listen(h);
    noted_connect again;
    again.remote = other.at;
    fillers.back()->start_connect(&again);
    REQUIRE(h.turn_until([&] { return again.done(); }));
    CHECK_FALSE(again.result);
    fillers.clear();
    REQUIRE(h.turn_until([&] { return connects[6].done(); }));
    for (auto& o : connects) CHECK(o.completed == 1);
}

TEST_CASE("accepts and waits can be cancelled one by one") {
    hand_turned h;
    listening l = listen(h);
    connected c = connect(h);
    std::array<noted_accept, 2> accepts;
    for (auto& o : accepts) l.socket->start_accept(&o);
    std::array<noted_wait, 3> waits;
    for (auto& o : waits) c.server->start_wait(&o);
    const bool submitted = GENERATE(false, true);
    if (submitted) h.turn(0ms);
    l.socket->cancel(&accepts[0]);
    c.server->cancel(&waits[1]);
    h.turn(1ms);
    CHECK(accepts[0].result == errors::operation_aborted);
    CHECK(waits[1].result == errors::operation_aborted);
    CHECK_FALSE((accepts[1].done() || waits[0].done() || waits[2].done()));
    write(h, *c.client, "x");
    REQUIRE(h.turn_until([&] { return waits[0].done() && waits[2].done(); }));
    CHECK_FALSE(waits[0].result);
    l.socket->cancel_all();
    h.turn(1ms);
    CHECK(accepts[1].result == errors::operation_aborted);
}

TEST_CASE("waiting for readable, writable and broken") {
    hand_turned h;
    connected c = connect(h);
    noted_wait readable;
    noted_wait writable;
    noted_wait broken;
    writable.kind = wait_kind::write;
    broken.kind = wait_kind::error;
    const bool armed = GENERATE(false, true);
    if (armed) {
        write(h, *c.client, "x");
        CHECK(read_exactly(h, *c.server, 1) == "x");
    }
    c.server->start_wait(&readable);
    c.server->start_wait(&writable);
    c.server->start_wait(&broken);
    CHECK(writable.completed == 0);
    REQUIRE(h.turn_until([&] { return writable.done(); }));
    CHECK_FALSE(readable.done());
    write(h, *c.client, "abc");
    REQUIRE(h.turn_until([&] { return readable.done(); }));
    noted_wait again;
    c.server->start_wait(&again);  // still readable: nothing was taken
    REQUIRE(h.turn_until([&] { return again.done(); }));
    CHECK(read_exactly(h, *c.server, 3) == "abc");
    CHECK_FALSE(broken.done());
    reset(*c.client);
    REQUIRE(h.turn_until([&] { return broken.done(); }));
    CHECK_FALSE(broken.result);
}

TEST_CASE("closing ends every kind of operation exactly once") {
    hand_turned h;
    connected c = connect(h);
    fill(h, *c.client);
    std::string to(100'000, '\0');
    std::array<noted_transfer, 2> reads;
    std::array<noted_transfer, 2> writes;
    noted_wait waiting;
    waiting.kind = wait_kind::error;
    for (auto& o : reads) {
        o.into(to.data(), to.size());
        c.client->start_read(&o);
    }
    for (auto& o : writes) {
        o.from(to);
        c.client->start_write(&o);
    }
    c.client->start_wait(&waiting);
    const bool submitted = GENERATE(false, true);
    if (submitted) h.turn(1ms);
    const bool destroyed = GENERATE(false, true);
    if (destroyed) c.client.reset();
    else REQUIRE_FALSE(c.client->close());
    REQUIRE(h.turn_until([&] { return reads[0].done() && writes[0].done(); }));
    h.turn(1ms);
    for (auto& o : reads) CHECK((o.completed == 1 && o.result == errors::operation_aborted));
    for (auto& o : writes) CHECK((o.completed == 1 && o.result == errors::operation_aborted));
    CHECK((waiting.completed == 1 && waiting.result == errors::operation_aborted));
    CHECK(h.turn_until([&] { return h.transport().idle() || c.server; }));
}

TEST_CASE("a socket may be destroyed by the handler of its own operation") {
    hand_turned h;
    connected c = connect(h);
    std::string to(10, '\0');
    noted_transfer r;
    r.into(to.data(), 10);
    r.then = [&] { c.server.reset(); };
    c.server->start_read(&r);
    write(h, *c.client, "x");
    REQUIRE(h.turn_until([&] { return r.done(); }));
    error_code ec;
    read_some(h, *c.client, ec);
    CHECK(ec == errors::eof);
}

TEST_CASE("the end of a context with operations in flight destroys each exactly once") {
    hand_turned h;
    listening l = listen(h);
    connected c = connect(h);
    fill(h, *c.client);
    std::string to(100'000, '\0');
    noted_accept accepting;
    noted_transfer read;
    noted_transfer direct;
    noted_transfer writing;
    noted_wait waiting;
    noted_wait broken;
    broken.kind = wait_kind::error;
    read.into(to.data(), 10);
    direct.into(to.data(), to.size());
    writing.from(to);
    l.socket->start_accept(&accepting);
    c.client->start_read(&direct);
    c.client->start_write(&writing);
    c.client->start_wait(&broken);
    connected d = connect(h);
    d.server->start_read(&read);
    d.server->start_wait(&waiting);
    const bool submitted = GENERATE(false, true);
    if (submitted) h.turn(1ms);
    h.finish();
    CHECK(accepting.destroyed + read.destroyed + direct.destroyed == 3);
    CHECK(writing.destroyed + waiting.destroyed + broken.destroyed == 3);
    CHECK(accepting.completed + read.completed + direct.completed == 0);
    CHECK(writing.completed + waiting.completed + broken.completed == 0);
}

TEST_CASE("the end of a context on another thread than the one that turned it") {
    hand_turned h;
    connected c;
    noted_transfer direct;
    noted_transfer shared;
    std::string to(100'000, '\0');
    const bool alive = GENERATE(false, true);
    std::thread runner([&] {
        c = connect(h);
        direct.into(to.data(), to.size());
        shared.into(to.data(), 10);
        c.client->start_read(&direct);
        c.server->start_read(&shared);
        h.turn(1ms);
        if (alive) h.turn(1ms);
    });
    runner.join();
    if (alive) {  // what is in the submission queue is never submitted
        c.client->cancel(&direct);
        c.server->cancel(&shared);
    }
    h.finish();
    CHECK((direct.destroyed == 1 && shared.destroyed == 1));
    CHECK((direct.completed == 0 && shared.completed == 0));
}

TEST_CASE("a context that is turned by one thread after the other loses and doubles no byte") {
    hand_turned h;
    connected c = connect(h);
    connected d = connect(h);
    std::string to(100'000, '\0');
    noted_accept accepting;
    listening l = listen(h);
    l.socket->start_accept(&accepting);
    for (int i = 0; i != 8; ++i) {
        noted_transfer shared;
        noted_transfer direct;
        noted_wait waiting;
        char small = 0;
        shared.into(&small, 1);
        direct.into(to.data(), to.size());
        c.server->start_read(&shared);
        d.server->start_read(&direct);
        d.client->start_wait(&waiting);
        h.turn(1ms);
        std::thread([&] {
            std::string text(1, static_cast<char>('a' + i));
            write(h, *c.client, text);
            write(h, *d.client, text);
            write(h, *d.server, text);
            CHECK(h.turn_until([&] { return shared.done() && direct.done() && waiting.done(); }));
        }).join();
        CHECK((!shared.result && small == 'a' + i));
        CHECK((!direct.result && direct.transferred == 1 && to[0] == 'a' + i));
        CHECK_FALSE(waiting.result);
        CHECK(read_exactly(h, *d.client, 1) == std::string(1, static_cast<char>('a' + i)));
    }
    CHECK(h.ring().moves() == 2);
    CHECK_FALSE(accepting.done());
    auto late = open(h);
    noted_connect connecting;
    connecting.remote = l.at;
    late->start_connect(&connecting);
    CHECK(h.turn_until([&] { return accepting.done() && connecting.done(); }));
}

TEST_CASE("started before the ring has a thread: sent, closed and in order") {
    hand_turned h;
    const int before = h.ring().enters() == 0 ? 1 : 0;
    CHECK(before == 1);
    listening l = listen(h);
    noted_accept accepting;
    noted_connect connecting;
    l.socket->start_accept(&accepting);
    auto client = open(h);
    connecting.remote = l.at;
    client->start_connect(&connecting);
    auto closed_early = open(h);
    noted_connect aborted;
    aborted.remote = l.at;
    closed_early->start_connect(&aborted);
    const int number = closed_early->native_handle();
    closed_early.reset();
    auto same_number = open(h);  // must not be met by submissions of the one before
    CHECK(same_number->native_handle() != number);
    CHECK(h.ring().enters() == 0);
    std::thread runner([&] {
        h.turn_until([&] { return accepting.done() && connecting.done() && aborted.done(); });
    });
    runner.join();
    CHECK((accepting.done() && !accepting.result));
    CHECK((connecting.done() && !connecting.result));
    CHECK(aborted.result == errors::operation_aborted);
}
