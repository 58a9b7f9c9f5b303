// A context reduced to what the kernel transport needs: a ring and a ready queue, turned by hand;
// and operations that note how they ended. For tests of the transport alone, on loopback.
#pragma once

#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <catch2/catch.hpp>

#include <coax/io_context.hpp>

#include "framework/transport/kernel_transport.hpp"

namespace kernel_test {

using namespace coax::detail;
using namespace std::chrono_literals;
namespace errors = boost::asio::error;

class hand_turned final : public loop {
  public:
    explicit hand_turned(kernel_limits limits = {}, std::uint32_t entries = 64)
        : loop(unused_context()) {
        REQUIRE_FALSE(ring_.open(entries));
        transport_.emplace(*this, ring_, limits);
    }
    ~hand_turned() {
        finish();
        ring_.close();
    }
    hand_turned(const hand_turned&) = delete;
    hand_turned& operator=(const hand_turned&) = delete;

    coax::backends::ring& ring() { return ring_; }
    kernel_transport& transport() { return *transport_; }
    // One turn; sleeps at most `limit` when nothing is ready.
    void turn(std::chrono::nanoseconds limit = 50ms) {
        if (ready_.empty()) ring_.submit_and_wait(limit);
        else ring_.flush();
        ring_.reap();
        run_ready();
    }
    template <class Condition>
    bool turn_until(Condition&& done, int turns = 4000) {
        for (int i = 0; i != turns && !done(); ++i) turn(5ms);
        return done();
    }
    // The end of a context: operations are destroyed, never completed.
    void finish() {
        if (!transport_) return;
        for (int i = 0; i != 3; ++i) {
            transport_->abandon_operations();
            while (operation* o = ready_.pop()) o->destroy();
        }
        transport_->shut_down();
        for (int i = 0; i != 100 && !transport_->idle(); ++i) {
            ring_.submit_and_wait(10ms);
            ring_.reap();
        }
        while (operation* o = ready_.pop()) o->destroy();
        transport_.reset();
    }
    std::uint64_t counter_value(std::string_view name) {
        std::vector<coax::counter> all;
        transport_->append_counters(all);
        for (const auto& c : all)
            if (c.name == name) return c.value;
        FAIL("no counter " << name);
        return 0;
    }

    coax::clock::time_point now() const noexcept override {
        return std::chrono::steady_clock::now();
    }
    std::unique_ptr<stream_state> open_stream(int family, error_code& ec) override {
        return transport_->open_stream(family, ec);
    }
    std::unique_ptr<datagram_state> open_datagram(int family, error_code& ec) override {
        return transport_->open_datagram(family, ec);
    }
    name_resolver& resolver() override {
        if (!resolver_) resolver_ = transport_->make_resolver();
        return *resolver_;
    }
    void drive_until(const bool& done) override {
        turn_until([&] { return done; });
    }

    void drive_once() override {
        ring_.flush();
        ring_.reap();
    }

  private:
    void wake() noexcept override {}
    void place_left() noexcept override {}
    void run_ready() {
        operation_queue now(std::move(ready_));
        while (operation* o = now.pop()) o->complete();
    }

    // A loop names its context; nobody here asks for it.
    static coax::io_context& unused_context() {
        static coax::io_context context;
        return context;
    }

    coax::backends::ring ring_;
    std::optional<kernel_transport> transport_;
    std::unique_ptr<name_resolver> resolver_;
};

// An operation of kind Base that counts how often it was completed and destroyed.
template <class Base>
struct noted : Base {
    noted() : Base(&ended) {}
    static void ended(operation* self, bool run) {
        auto* o = static_cast<noted*>(self);
        ++(run ? o->completed : o->destroyed);
        if (run && o->then) o->then();
    }
    bool done() const { return completed != 0; }

    int completed = 0;
    int destroyed = 0;
    std::function<void()> then;
};

using noted_accept = noted<accept_operation>;
using noted_connect = noted<connect_operation>;
using noted_wait = noted<wait_operation>;

struct noted_transfer : noted<transfer_operation> {
    void into(void* data, std::size_t size) {
        buffers[0] = {data, size};
        buffer_count = 1;
    }
    void from(const std::string& text) {
        buffers[0] = {const_cast<char*>(text.data()), text.size()};
        buffer_count = 1;
    }
};

inline tcp_endpoint loopback(unsigned short port = 0) {
    return {boost::asio::ip::address_v4::loopback(), port};
}

inline std::unique_ptr<stream_state> open(hand_turned& h, int family = AF_INET) {
    error_code ec;
    auto s = h.open_stream(family, ec);
    REQUIRE_FALSE(ec);
    return s;
}

struct listening {
    std::unique_ptr<stream_state> socket;
    tcp_endpoint at;
};

inline listening listen(hand_turned& h, int backlog = 64, tcp_endpoint at = loopback()) {
    listening l{open(h, at.protocol().family()), {}};
    const int on = 1;
    REQUIRE_FALSE(l.socket->set_option(SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    REQUIRE_FALSE(l.socket->bind(at));
    REQUIRE_FALSE(l.socket->listen(backlog));
    error_code ec;
    l.at = l.socket->local_endpoint(ec);
    REQUIRE_FALSE(ec);
    return l;
}

struct connected {
    std::unique_ptr<stream_state> client;
    std::unique_ptr<stream_state> server;
};

inline connected connect(hand_turned& h, tcp_endpoint at = loopback()) {
    listening l = listen(h, 8, at);
    connected c;
    noted_accept accepting;
    noted_connect connecting;
    c.client = open(h, at.protocol().family());
    l.socket->start_accept(&accepting);
    connecting.remote = l.at;
    c.client->start_connect(&connecting);
    REQUIRE(h.turn_until([&] { return accepting.done() && connecting.done(); }));
    REQUIRE_FALSE(accepting.result);
    REQUIRE_FALSE(connecting.result);
    c.server = std::move(accepting.accepted);
    const int on = 1;
    for (auto* s : {c.client.get(), c.server.get()})
        REQUIRE_FALSE(s->set_option(IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    return c;
}

inline std::size_t read(hand_turned& h, stream_state& s, void* to, std::size_t size,
                        error_code& ec) {
    noted_transfer o;
    o.into(to, size);
    s.start_read(&o);
    CHECK(o.completed == 0);  // never inside the call that started it
    REQUIRE(h.turn_until([&] { return o.done(); }));
    ec = o.result;
    return o.transferred;
}

inline std::string read_some(hand_turned& h, stream_state& s, error_code& ec,
                             std::size_t size = 1024) {
    std::string text(size, '\0');
    text.resize(read(h, s, text.data(), text.size(), ec));
    return text;
}

inline std::string read_exactly(hand_turned& h, stream_state& s, std::size_t size) {
    std::string text;
    while (text.size() < size) {
        error_code ec;
        text += read_some(h, s, ec, size - text.size());
        REQUIRE_FALSE(ec);
    }
    return text;
}

inline void write(hand_turned& h, stream_state& s, const std::string& text) {
    std::size_t sent = 0;
    while (sent != text.size()) {
        noted_transfer o;
        o.into(const_cast<char*>(text.data()) + sent, text.size() - sent);
        s.start_write(&o);
        REQUIRE(h.turn_until([&] { return o.done(); }));
        REQUIRE_FALSE(o.result);
        sent += o.transferred;
    }
}

// Closed with SO_LINGER {on, 0}: the peer gets a reset.
inline void reset(stream_state& s) {
    const linger now{1, 0};
    REQUIRE_FALSE(s.set_option(SOL_SOCKET, SO_LINGER, &now, sizeof now));
    REQUIRE_FALSE(s.close());
}

}  // namespace kernel_test
