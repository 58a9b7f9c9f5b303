// Listening, connecting and running out of descriptors, on kernel sockets through the ring.
#include <sys/resource.h>

#include "tests/kernel/hand_turned.hpp"

namespace {

using namespace kernel_test;

// Few descriptors left for as long as it lives.
class scarce_descriptors {
  public:
    explicit scarce_descriptors(rlim_t left) {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        const int next = ::dup(0);  // the lowest number that is free
        REQUIRE(next >= 0);
        ::close(next);
        rlimit now = before_;
        now.rlim_cur = static_cast<rlim_t>(next) + left;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
    }
    scarce_descriptors(const scarce_descriptors&) = delete;
    scarce_descriptors& operator=(const scarce_descriptors&) = delete;
    ~scarce_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    rlimit before_{};
};

// A connection of the test's own, outside the transport.
struct plain_client {
    int descriptor;
    plain_client() : descriptor(::socket(AF_INET, SOCK_STREAM, 0)) { REQUIRE(descriptor >= 0); }
    explicit plain_client(const tcp_endpoint& to) : plain_client() { REQUIRE(connect(to)); }
    plain_client(plain_client&& o) noexcept : descriptor(std::exchange(o.descriptor, -1)) {}
    plain_client(const plain_client&) = delete;
    plain_client& operator=(const plain_client&) = delete;
    ~plain_client() {
        if (descriptor >= 0) ::close(descriptor);
    }
    bool connect(const tcp_endpoint& to) const {
        return ::connect(descriptor, to.data(), static_cast<socklen_t>(to.size())) == 0;
    }
    bool ended() const {
        char byte = 0;
        return ::recv(descriptor, &byte, 1, 0) <= 0;
    }
};

}  // namespace

TEST_CASE("accepted sockets know their peer, and come in order") {
    hand_turned h;
    listening l = listen(h);
    std::vector<plain_client> clients;
    for (int i = 0; i != 10; ++i) clients.emplace_back(l.at);
    for (const plain_client& client : clients) {
        tcp_endpoint expected;
        socklen_t size = static_cast<socklen_t>(expected.capacity());
        REQUIRE(::getsockname(client.descriptor, expected.data(), &size) == 0);
        noted_accept o;
        l.socket->start_accept(&o);
        CHECK(o.completed == 0);
        REQUIRE(h.turn_until([&] { return o.done(); }));
        REQUIRE_FALSE(o.result);
        CHECK(o.remote == expected);
        REQUIRE(o.accepted);
    }
}

TEST_CASE("several accepts outstanding") {
    hand_turned h;
    listening l = listen(h);
    std::array<noted_accept, 20> accepts;
    for (auto& o : accepts) l.socket->start_accept(&o);
    std::vector<plain_client> clients;
    for (int i = 0; i != 20; ++i) clients.emplace_back(l.at);
    CHECK(h.turn_until([&] { return accepts.back().done(); }));
    for (auto& o : accepts) CHECK((o.completed == 1 && !o.result && o.accepted));
}

TEST_CASE("connections are taken only while somebody waits, and a bounded number beyond") {
    kernel_limits limits;
    limits.parked_accepts = 4;
    hand_turned h(limits);
    listening l = listen(h, 100);
    noted_accept first;
    l.socket->start_accept(&first);
    h.turn(0ms);
    std::vector<plain_client> clients;
    for (int i = 0; i != 4; ++i) {
        clients.emplace_back(l.at);
        h.turn(1ms);
    }
    REQUIRE(h.turn_until([&] { return first.done(); }));
    for (int i = 0; i != 20; ++i) {
        clients.emplace_back(l.at);
        h.turn(1ms);
    }
    CHECK(h.counter_value("kernel.accepted") < 10);
    std::vector<std::unique_ptr<stream_state>> accepted;
    for (std::size_t i = 1; i != clients.size(); ++i) {
        noted_accept o;
        l.socket->start_accept(&o);
        REQUIRE(h.turn_until([&] { return o.done(); }));
        accepted.push_back(std::move(o.accepted));
    }
    CHECK(h.counter_value("kernel.accepted") == clients.size());
}

TEST_CASE("closing a listener frees its port at once and ends parked connections") {
    hand_turned h;
    listening l = listen(h);
    noted_accept first;
    noted_accept second;
    l.socket->start_accept(&first);
    h.turn(0ms);
    plain_client a(l.at);
    plain_client b(l.at);
    REQUIRE(h.turn_until([&] { return first.done(); }));
    h.turn(1ms);
    plain_client c(l.at);
    h.turn(1ms);
    REQUIRE_FALSE(l.socket->close());
    CHECK(b.ended());
    CHECK(c.ended());
    listening again = listen(h, 8, l.at);  // same port
    again.socket->start_accept(&second);
    h.turn(0ms);
    REQUIRE_FALSE(again.socket->close());
    h.turn(0ms);
    CHECK(second.result == errors::operation_aborted);
    CHECK(second.completed == 1);
    CHECK_FALSE(listen(h, 8, l.at).socket->close());
}

TEST_CASE("a port in use, and an accept without listening") {
    hand_turned h;
    listening l = listen(h);
    auto other = open(h);
    CHECK(other->bind(l.at) == errors::address_in_use);
    noted_accept o;
    other->start_accept(&o);
    h.turn(0ms);
    CHECK(o.result == errors::invalid_argument);
    tcp_endpoint remote;
    error_code ec;
    CHECK_FALSE(other->try_accept(remote, ec));
    CHECK(ec == errors::invalid_argument);
}

TEST_CASE("accepting without waiting") {
    hand_turned h;
    listening l = listen(h);
    tcp_endpoint remote;
    error_code ec;
    CHECK_FALSE(l.socket->try_accept(remote, ec));
    CHECK(ec == errors::would_block);
    plain_client client(l.at);
    CHECK(l.socket->try_accept(remote, ec));
    CHECK_FALSE(ec);
    CHECK(remote.port() != 0);
}

TEST_CASE("out of descriptors: the listener waits, and goes on when there are some again") {
    kernel_limits limits;
    limits.accept_pause = 1ms;
    hand_turned h(limits);
    listening l = listen(h);
    std::vector<plain_client> clients(12);
    std::array<noted_accept, 12> accepts;
    const auto paused = [&] { return h.counter_value("kernel.accept_paused"); };
    // One beforehand: where there are no descriptors, the sanitizer can't look at a type for the
    // first time, nor can a failed assertion be printed.
    const connected warm = connect(h);
    REQUIRE(paused() == 0);
    bool came_to_pause = false;
    std::size_t accepted = 0;
    {
        // Before the first accept: the kernel keeps the limit of that moment in a submission.
        const scarce_descriptors few(3);
        for (auto& o : accepts) l.socket->start_accept(&o);
        for (const auto& client : clients) client.connect(l.at);
        came_to_pause = h.turn_until([&] { return paused() >= 2; });
        for (auto& o : accepts) accepted += o.done() ? 1U : 0U;
    }
    CHECK(came_to_pause);
    CHECK((accepted >= 1 && accepted <= 3));
    REQUIRE(h.turn_until([&] { return accepts.back().done(); }));
    for (auto& o : accepts) CHECK((o.completed == 1 && !o.result && o.accepted));
}

TEST_CASE("connecting: refused, and again to somebody who listens") {
    hand_turned h;
    tcp_endpoint gone;
    {
        listening l = listen(h);
        gone = l.at;
    }
    auto s = open(h);
    noted_connect refused;
    refused.remote = gone;
    s->start_connect(&refused);
    CHECK(refused.completed == 0);
    REQUIRE(h.turn_until([&] { return refused.done(); }));
    CHECK(refused.result == errors::connection_refused);
    listening l = listen(h);
    noted_connect taken;
    taken.remote = l.at;
    s->start_connect(&taken);
    REQUIRE(h.turn_until([&] { return taken.done(); }));
    CHECK_FALSE(taken.result);
    noted_connect twice;
    twice.remote = l.at;
    s->start_connect(&twice);
    REQUIRE(h.turn_until([&] { return twice.done(); }));
    CHECK(twice.result == errors::already_connected);
    noted_connect other_family;
    other_family.remote = {boost::asio::ip::address_v6::loopback(), 9};
    auto fresh = open(h);
    fresh->start_connect(&other_family);
    REQUIRE(h.turn_until([&] { return other_family.done(); }));
    CHECK(other_family.result == errors::address_family_not_supported);
}

TEST_CASE("many connections, opened, used and closed") {
    hand_turned h;
    listening l = listen(h, 512);
    constexpr std::size_t count = 300;
    std::vector<noted_accept> accepts(count);
    std::vector<noted_connect> connects(count);
    std::vector<std::unique_ptr<stream_state>> clients;
    std::size_t done = 0;
    for (std::size_t i = 0; i != count; ++i) {
        accepts[i].then = [&] { ++done; };
        connects[i].then = [&] { ++done; };
        l.socket->start_accept(&accepts[i]);
        connects[i].remote = l.at;
        clients.push_back(open(h));
        clients.back()->start_connect(&connects[i]);
    }
    REQUIRE(h.turn_until([&] { return done == 2 * count; }));
    std::vector<noted_transfer> writes(count);
    std::vector<noted_transfer> reads(count);
    std::vector<std::array<char, 64>> data(count);
    done = 0;
    const std::string text(64, 'm');
    for (std::size_t i = 0; i != count; ++i) {
        reads[i].into(data[i].data(), 64);
        reads[i].then = [&] { ++done; };
        accepts[i].accepted->start_read(&reads[i]);
        writes[i].from(text);
        clients[i]->start_write(&writes[i]);
    }
    REQUIRE(h.turn_until([&] { return done == count; }));
    for (auto& o : reads) CHECK((!o.result && o.transferred == 64));
    clients.clear();
    for (std::size_t i = 0; i != count; ++i) {
        error_code ec;
        read_some(h, *accepts[i].accepted, ec);
        CHECK(ec == errors::eof);
    }
}
