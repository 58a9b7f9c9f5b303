// A new connection in the place of one in TIME-WAIT, from either side (RFC 6191, RFC 9293 3.6.1).
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::tests;
using namespace coax::stack;

namespace {

// Closed by us: TIME-WAIT is ours.
void passes(script& s) {
    s.closes();
    s.expects(fin(1).ack(1));
    s.sends(fin(1).ack(2));
    s.expects(ack(2).seq(2));
}

}  // namespace

// RFC 6191 2
TEST_CASE("TIME-WAIT and a SYN: timestamps decide, or sequence numbers") {
    script s;
    const bool before = GENERATE(true, false);  // did the old connection use timestamps?
    CAPTURE(before);
    s.timestamps = before;
    s.establish_passive();
    passes(s);
    s.after(10ms);
    const auto stamp = static_cast<std::uint32_t>(s.now().time_since_epoch() / 1ms);
    const auto accepted = [&] {
        s.expects(syn_ack().seq(0).ack(1));
        return true;
    };
    const auto refused = [&] {
        s.expects(ack(2).seq(2));
        return true;
    };
    s.timestamps = false;
    // The peer's numbers go on below those of the old connection.
    SECTION("lower sequence number, later timestamp") {
        s.peer_iss -= 1000;
        CHECK(s.sends(syn().mss(1460).ts(stamp)) == disposition::consumed);
        CHECK(accepted());
    }
    SECTION("lower sequence number, no timestamp") {
        CHECK(s.sends(syn().mss(1460)) == disposition::out_of_window);
        CHECK(refused());
    }
    SECTION("higher sequence number, no timestamp") {
        s.peer_iss += 1000;
        CHECK(s.sends(syn().mss(1460)) == disposition::consumed);
        CHECK(accepted());
    }
    SECTION("higher sequence number, older timestamp") {
        if (!before) return;
        CHECK(s.sends(syn().seq(1000).mss(1460).ts(stamp - 1000)) == disposition::out_of_window);
        CHECK(refused());
    }
    SECTION("higher sequence number, the same timestamp") {
        if (!before) return;
        s.peer_iss += 1000;
        CHECK(s.sends(syn().mss(1460).ts(stamp - 10)) == disposition::consumed);
        CHECK(accepted());
    }
}

TEST_CASE("an active open takes the place of TIME-WAIT when timestamps protect it") {
    const bool timestamps = GENERATE(true, false);
    CAPTURE(timestamps);
    script s;
    s.timestamps = timestamps;
    s.establish_active(timestamps ? syn_ack().mss(1460).ts(5) : syn_ack().mss(1460));
    passes(s);
    const std::uint32_t old_end = s.own_iss + 2;
    const auto again = [&] {
        const auto id = *s.layer().open(nullptr);
        REQUIRE(s.layer().bind(id, s.ends.local, true));
        return s.layer().connect(id, s.ends.remote, s.ends.local.address, s.now()).code();
    };
    CHECK(again() == error::address_in_use);  // RFC 6191 1: not within the same second
    s.after(1100ms);
    CHECK(again() == (timestamps ? error::none : error::address_in_use));
    if (!timestamps) return;
    s.expects(syn());
    CHECK(s.own_iss - old_end > 0);
    CHECK(s.own_iss - old_end < 0x80000000U);
    CHECK(s.layer().socket_count() == 2);  // the refused one and the new one
}

TEST_CASE("ephemeral ports in TIME-WAIT are taken again when there are no others") {
    tcp_config config;
    config.ephemeral_port_first = config.ephemeral_port_last = 40000;
    script s(config);
    s.timestamps = true;
    s.ends.local.port = 40000;
    s.socket = *s.layer().open(nullptr);
    REQUIRE(s.layer().connect(s.socket, s.ends.remote, s.ends.local.address, s.now()));
    s.expects(syn().seq(0));
    s.sends(syn_ack().mss(1460).ack(1));
    s.expects(ack(1).seq(1));
    passes(s);
    const auto again = [&] {
        const auto id = *s.layer().open(nullptr);
        return s.layer().connect(id, s.ends.remote, s.ends.local.address, s.now()).code();
    };
    CHECK(again() == error::address_not_available);
    s.after(1100ms);
    CHECK(again() == error::none);
    s.expects(syn().seq(0));
}
