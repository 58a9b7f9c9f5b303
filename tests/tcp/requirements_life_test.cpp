// Opening, keeping and ending connections: requirements of RFC 9293 that no other test is about.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::tests;

// RFC 9293 3.4.1 (MUST-9): the hash has a key that is drawn for each layer
TEST_CASE("initial sequence numbers depend on a secret") {
    const auto first = [](std::uint64_t seed) {
        seeded random(seed);
        tcp::layer l({}, random);
        const auto s = *l.open(nullptr);
        const ip_address own = ip_address::v4(198, 18, 0, 2);
        REQUIRE(l.bind(s, {own, 4000}, true));
        REQUIRE(l.connect(s, {ip_address::v4(198, 18, 0, 1), 80}, own, instant{1s}));
        tcp::sender* from = l.next_sender();
        REQUIRE(from != nullptr);
        from->route.mtu = 1500;
        tcp::segment out;
        REQUIRE(l.next_segment(*from, instant{1s}, out));
        return out.header.sequence;
    };
    CHECK(first(1) == first(1));
    CHECK(first(1) != first(2));
    CHECK(first(2) != first(3));
}

// RFC 9293 3.5 (MUST-11), 3.10.7.4 second step: a reset in SYN-RECEIVED is told to who opened
// actively, and brings a passive open back to LISTEN
TEST_CASE("SYN-RECEIVED remembers how it was opened") {
    script active;
    active.connects();
    active.expects(syn().seq(0));
    active.sends(syn().mss(1460));  // simultaneous open
    active.expects(syn_ack().seq(0).ack(1));
    CHECK(active.current() == state::syn_received);
    active.sends(rst(1));
    CHECK(active.events().failed);
    CHECK(active.layer().error_of(active.socket) == error::connection_refused);
    script passive;
    passive.listens();
    passive.sends(syn().mss(1460));
    passive.expects(syn_ack().seq(0).ack(1));
    passive.sends(rst(1));
    CHECK(passive.layer().socket_count() == 1);  // the listener, and it still listens
    passive.sends(syn().mss(1460));
    passive.expects(syn_ack().seq(0).ack(1));
}

// RFC 9293 3.5.3 (SHLD-2)
TEST_CASE("a reset may carry data") {
    script s;
    s.establish_passive();
    CHECK(s.sends(rst(1).length(20)) == disposition::consumed);
    CHECK(s.layer().error_of(s.socket) == error::connection_reset);
    CHECK(s.layer().available(s.socket) == 0);  // a reason, not a part of the stream
}

// RFC 9293 3.6.1 (MAY-1): close() ends both directions for its caller
TEST_CASE("after close nothing can be read") {
    script s;
    s.establish_passive();
    s.closes();
    s.expects(fin(1).ack(1));
    CHECK(s.read_error() == error::bad_handle);
    s.sends(data(1, 10).ack(2));
    s.expects(rst(2));  // SHLD-3
}

// RFC 9293 3.6.1 (SHLD-4), RFC 6191 2: a later timestamp proves that a SYN is new, whatever its
// number; an earlier one that it is old
TEST_CASE("timestamps shorten TIME-WAIT") {
    script s;
    s.timestamps = true;
    s.establish_passive(syn().mss(1460));
    s.closes();
    s.expects(fin(1).ack(1));
    s.sends(fin(1).ack(2));
    s.expects(ack(2).seq(2));
    const auto clock = static_cast<std::uint32_t>(s.now().time_since_epoch() / 1ms);
    CHECK(s.sends(syn().seq(5000).mss(1460).ts(clock - 5)) == disposition::out_of_window);
    s.expects(ack(2).seq(2));
    s.after(1s);
    s.peer_iss -= 70000;  // far below what the old connection had
    CHECK(s.sends(syn().mss(1460)) == disposition::consumed);
    s.expects(syn_ack().seq(0).ack(1));
}

// RFC 9293 3.8.3 (MUST-22): as for data, a SYN that is repeated three times has its route looked up
TEST_CASE("a SYN that is repeated asks for another way") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    s.after(3100ms);
    s.expects(syn().seq(0));
    s.expects(syn().seq(0));
    s.expects_nothing();
    s.layer().advance(s.now() + 4s);  // the third
    tcp::sender* from = s.layer().next_sender();
    REQUIRE(from != nullptr);
    CHECK(from->route.epoch == 0);
}

// RFC 9293 3.8.3 (MUST-20): R2 also ends what never found a way out, such as a neighbour
TEST_CASE("a connection that cannot send ends after the user timeout") {
    tcp_config config;
    config.user_timeout = 100s;
    script s(config);
    s.establish_passive();
    REQUIRE(s.writes(10) == 10);
    tcp::layer& l = s.layer();
    instant now = s.now();
    while (now - s.now() < 200s) {
        while (tcp::sender* from = l.next_sender())
            l.unreachable(*from, error::host_unreachable, now);
        const instant next = l.next_deadline();
        if (next == never) break;
        now = std::max(now, next);
        l.advance(now);
    }
    CHECK(l.error_of(s.socket) == error::host_unreachable);
    CHECK(now - s.now() >= 100s);
    CHECK(now - s.now() < 102s);
}

// RFC 9293 3.8.4 (MAY-5, MUST-25, MUST-27, MUST-28)
TEST_CASE("keep-alive is off, and its interval is the configuration's") {
    CHECK(tcp_config().keep_alive_idle >= 2h);
    tcp_config config;
    config.keep_alive_idle = 10s;
    script s(config);
    s.establish_passive();
    s.silent_for(30s);
    REQUIRE(s.layer().set_keep_alive(s.socket, true, s.now()));
    s.silent_for(9900ms);
    s.after(200ms);
    s.expects(ack(1).seq(0));
}

// RFC 9293 3.8.4 (MUST-26): what is outstanding asks already
TEST_CASE("no keep-alive while data is outstanding") {
    tcp_config config;
    config.keep_alive_idle = 10s;
    script s(config);
    s.establish_passive();
    REQUIRE(s.layer().set_keep_alive(s.socket, true, s.now()));
    s.writes(100);
    s.expects(data(1, 100));
    for (int second = 0; second < 60; ++second) {
        s.after(1s);
        while (s.has_sent()) s.expects(data(1, 100));  // never a probe
    }
    CHECK(s.counter("tcp.keep_alive_probes") == 0);
    s.sends(ack(101).seq(1));
    s.after(10100ms);
    s.expects(ack(1).seq(100));
}

// RFC 9293 3.8.4 (MUST-29, SHLD-12): probes are lost like any segment
TEST_CASE("keep-alive: a probe without an answer means nothing, and has no data") {
    tcp_config config;
    config.keep_alive_idle = 10s;
    config.keep_alive_interval = 2s;
    script s(config);
    s.establish_passive();
    REQUIRE(s.layer().set_keep_alive(s.socket, true, s.now()));
    s.after(10100ms);
    for (int lost = 0; lost < 8; ++lost) {
        s.expects(ack(1).seq(0));
        CHECK(s.current() == state::established);
        s.after(2s);
    }
    s.expects(ack(1).seq(0));
    s.sends(ack(1).seq(1));  // the ninth was heard
    s.silent_for(9900ms);
    CHECK(s.current() == state::established);
}

// RFC 9293 3.9.1.1 (MUST-41, MUST-42)
TEST_CASE("a port may listen beside its own connections, and disturbs none") {
    script s;
    s.connects();  // from port 80
    s.expects(syn().seq(0));
    s.listens();  // on port 80
    CHECK(s.current() == state::syn_sent);
    s.sends(syn_ack().mss(1460).ack(1));
    s.expects(ack(1).seq(1));
    CHECK(s.current() == state::established);
    CHECK(s.layer().accept(s.listener).code() == error::would_block);
}

// RFC 9293 3.9.1.1 (MUST-43): the bound address is used, whatever routing would pick
TEST_CASE("the user chooses the local address") {
    script s;
    s.socket = *s.layer().open(nullptr);
    const ip_address chosen = ip_address::v4(198, 18, 0, 7);
    REQUIRE(s.layer().bind(s.socket, {chosen, 0}, false));
    REQUIRE(s.layer().connect(s.socket, s.ends.remote, s.ends.local.address, s.now()));
    CHECK(s.layer().ends(s.socket)->local.address == chosen);
}

// RFC 9293 3.9.1.8 (MUST-47): a soft error can be asked for, and ends nothing (MUST-56)
TEST_CASE("soft errors can be learned of") {
    script s;
    s.establish_passive();
    s.writes(10);
    s.expects(data(1, 10));
    CHECK(s.layer().info(s.socket)->soft_error == error::none);
    s.layer().icmp_error(s.ends, s.own_iss + 1, tcp::icmp_verdict::soft, error::network_unreachable,
                         0, s.now());
    CHECK(s.layer().info(s.socket)->soft_error == error::network_unreachable);
    CHECK(s.current() == state::established);
    s.sends(ack(11).seq(1));
    s.writes(10);
    s.expects(data(11, 10));
}
