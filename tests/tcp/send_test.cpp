// Sending: windows, Nagle, silly windows, zero-window probes, keep-alive, ICMP, super-segments.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::tests;

// RFC 9293 3.7.4 (SHLD-7, SHLD-27), appendix A.3
TEST_CASE("Nagle: one small segment at a time") {
    script s;
    s.establish_passive();
    s.writes(10);
    s.expects(data(1, 10));
    s.writes(20);
    s.writes(30);
    s.expects_nothing();
    s.sends(ack(11).seq(1));
    s.expects(data(11, 50));
    s.writes(1460);
    s.expects(data(61, 1460));  // a full one never waits
}

// RFC 9293 3.9.1 (MUST-60, MUST-61), and as Linux: PSH ends what goes together
TEST_CASE("PSH on the last full segment of a burst, and on the last of all") {
    script s;
    s.establish_passive(syn().mss(1000));
    s.writes(15300);
    for (std::uint32_t i = 0; i < 9; ++i) s.expects(data(1 + 1000 * i, 1000).push(false));
    s.expects(data(9001, 1000).push());  // the congestion window is full
    s.sends(ack(1001).seq(1));
    s.expects(data(10001, 1000).push(false));
    s.expects(data(11001, 1000).push());
    s.sends(ack(2001).seq(1));
    s.expects(data(12001, 1000).push(false));
    s.expects(data(13001, 1000).push());
    s.sends(ack(3001).seq(1));
    s.expects(data(14001, 1000).push(false));  // alone of its size
    s.expects(data(15001, 300).push());
}

// RFC 9293 3.7.4 (MUST-17)
TEST_CASE("no_delay sends small segments at once") {
    script s;
    s.establish_passive();
    s.writes(10);
    s.expects(data(1, 10).push());
    s.writes(20);
    s.expects_nothing();
    REQUIRE(s.layer().set_no_delay(s.socket, true, s.now()));
    s.expects(data(11, 20).push());
    s.writes(30);
    s.expects(data(31, 30).push());
}

// RFC 9293 3.8.6 (MUST-34, SHLD-28): amount = min(receive window, congestion window, MSS)
TEST_CASE("the peer's window bounds what is sent") {
    script s;
    s.peer_window = 3000;
    s.establish_passive();
    s.writes(10000);
    s.expects(data(1, 1460));
    s.expects(data(1461, 1460));
    s.expects_nothing();  // 80 bytes are left: SWS avoidance, RFC 9293 3.8.6.2.1 (MUST-38)
    s.sends(ack(2921).seq(1));
    s.expects(data(2921, 1460));
    s.expects(data(4381, 1460));
    s.expects_nothing();
}

// RFC 9293 3.8.6.2.1 (3)
TEST_CASE("half of the largest window is worth sending") {
    script s;
    s.peer_window = 500;
    s.establish_passive();
    s.writes(10000);
    s.expects(data(1, 500));
    s.sends(ack(501).seq(1).win(200));
    s.expects_nothing();
    s.sends(ack(501).seq(1).win(250));
    s.expects(data(501, 250));
}

// RFC 9293 3.8.6.2.1 (4): the override timer
TEST_CASE("a window that stays silly is used after a while") {
    script s;
    s.peer_window = 500;
    s.establish_passive();
    s.writes(10000);
    s.expects(data(1, 500));
    s.sends(ack(501).seq(1).win(200));
    s.silent_for(190ms);
    s.after(20ms);
    s.expects(data(501, 200));
    s.sends(ack(701).seq(1).win(500));
    s.expects(data(701, 500));
}

// RFC 9293 3.8.6.1 (MUST-35, MUST-36, MUST-37, SHLD-29, SHLD-30)
TEST_CASE("a zero window is probed, with back-off, as long as the peer answers") {
    tcp_config config;
    config.user_timeout = 100s;
    script s(config);
    s.establish_passive();
    s.writes(3000);
    s.expects(data(1, 1460));
    s.expects(data(1461, 1460));
    s.expects(data(2921, 80));
    s.sends(ack(3001).seq(1).win(0));
    s.writes(100);
    const instant start = s.now();
    for (const duration at : {200ms, 600ms, 1400ms, 3000ms, 6200ms, 12600ms, 25400ms, 51000ms}) {
        s.silent_until(start + at - 1ms);
        s.after(2ms);
        s.expects(data(3001, 1));
        s.sends(ack(3001).seq(1).win(0));
    }
    for (int i = 0; i < 5; ++i) {  // RFC 6298 (2.5): once a minute at the end
        s.after(60s);
        s.expects(data(3001, 1));
        s.sends(ack(3001).seq(1).win(0));
    }
    CHECK(s.current() == state::established);  // the answers keep it
}

TEST_CASE("an opened window ends probing") {
    script s;
    s.establish_passive();
    s.writes(100);
    s.expects(data(1, 100));
    s.sends(ack(101).seq(1).win(0));
    s.writes(100);
    s.after(201ms);
    s.expects(data(101, 1));
    SECTION("the probed byte was taken") {
        s.sends(ack(102).seq(1).win(1000));
        s.expects(data(102, 99));
    }
    SECTION("the probed byte was refused") {
        s.sends(ack(101).seq(1).win(1000));
        s.expects(data(101, 100));
    }
    s.expects_nothing();
    s.sends(ack(201).seq(1));
    s.silent_for(100s);
}

TEST_CASE("probes without an answer end the connection after the user timeout") {
    tcp_config config;
    config.user_timeout = 100s;
    script s(config);
    s.establish_passive();
    s.sends(ack(1).seq(1).win(0));
    s.writes(100);
    s.after(99s);
    CHECK(s.current() == state::established);
    s.after(70s);
    CHECK(s.layer().error_of(s.socket) == error::timed_out);
}

TEST_CASE("a FIN behind a closed window is the probe") {
    script s;
    s.establish_passive();
    s.sends(ack(1).seq(1).win(0));
    s.shuts();
    s.expects_nothing();
    s.after(201ms);
    s.expects(fin(1));
    s.sends(ack(2).seq(1).win(0));
    CHECK(s.current() == state::fin_wait_2);
}

TEST_CASE("an orphan before a closed window is given up") {
    script s;
    s.establish_passive();
    s.sends(ack(1).seq(1).win(0));
    s.writes(100);
    s.closes();
    for (int i = 0; i < 400 && s.layer().socket_count() > 1; ++i) {
        s.after(1s);
        if (s.layer().socket_count() > 1) s.sends(ack(1).seq(1).win(0));
    }
    CHECK(s.layer().socket_count() == 1);
    CHECK(s.counter("tcp.orphans_killed") == 1);
}

// RFC 9293 3.8.6 (MUST-34): a window that shrinks is survived
TEST_CASE("a shrinking window") {
    script s;
    s.establish_passive();
    s.writes(5840);
    for (std::uint32_t i = 0; i < 4; ++i) s.expects(data(1 + i * 1460, 1460));
    s.sends(ack(1461).seq(1).win(1000));  // takes back what was offered
    s.writes(1000);
    s.expects_nothing();
    s.sends(ack(5841).seq(1).win(1000));
    s.expects(data(5841, 1000));
}

// RFC 9293 3.8.6 (MUST-34): the right edge is the one that was offered last
TEST_CASE("an acknowledgment of new data brings its window, though its sequence number is old") {
    script s;
    s.peer_window = 4000;
    s.establish_passive();
    s.writes(10000);
    s.expects(data(1, 1460));
    s.expects(data(1461, 1460));
    s.expects_nothing();
    s.sends(data(101, 100).ack(1).win(4000));  // overtook what comes next
    s.expects(ack(1).seq(2921));
    s.sends(data(1, 100).ack(1461).win(2540));  // the edge stays at 4001
    s.expects(ack(201).seq(2921));
    s.expects_nothing();
    s.sends(ack(2921).seq(201).win(4000));
    s.expects(data(2921, 1460));
}

TEST_CASE("the send buffer fills, and room is told when there is some") {
    script s;
    s.establish_passive();
    REQUIRE(s.layer().set_send_buffer(s.socket, 10000));
    CHECK(s.layer().send_space(s.socket) == 10000);
    CHECK(s.writes(15000) == 10000);
    CHECK(s.layer().send_space(s.socket) == 0);
    CHECK(s.writes(1) == 0);
    for (std::uint32_t i = 0; i < 6; ++i) s.expects(data(1 + 1460 * i, 1460));
    s.expects(data(8761, 1240));
    s.sends(ack(1461).seq(1));
    CHECK(!s.events().writable);  // a quarter at least
    s.sends(ack(2921).seq(1));
    CHECK(s.events().writable);
    CHECK(s.writes(5000) == 2920);
    s.expects(data(10001, 1460));
    s.expects(data(11461, 1460));
}

// RFC 9293 3.8.4 (MUST-24, MUST-25, MUST-28, SHLD-12)
TEST_CASE("keep-alive") {
    script s;
    s.establish_passive();
    s.silent_for(3h);  // off unless asked for
    REQUIRE(s.layer().set_keep_alive(s.socket, true, s.now()));
    s.silent_for(7199s);
    s.after(2s);
    s.expects(ack(1).seq(0));
    s.sends(ack(1).seq(1));  // alive
    s.silent_for(7199s);
    s.after(2s);
    for (int probe = 0; probe < 9; ++probe) {
        s.expects(ack(1).seq(0));
        CHECK(s.current() == state::established);
        s.after(75s);
    }
    CHECK(s.layer().error_of(s.socket) == error::timed_out);
    s.expects_nothing();
}

TEST_CASE("a keep-alive probe of the peer is answered") {
    script s;
    s.establish_passive();
    CHECK(s.sends(ack(1).seq(0)) == disposition::out_of_window);
    s.expects(ack(1).seq(1));
}

// RFC 9293 3.9.2.2 (MUST-54, MUST-56, SHLD-25)
TEST_CASE("soft ICMP errors do not end anything, but are remembered") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    s.layer().icmp_error(s.ends, s.own_iss, tcp::icmp_verdict::soft, error::host_unreachable, 0,
                         s.now());
    CHECK(s.current() == state::syn_sent);
    CHECK(s.layer().info(s.socket)->soft_error == error::host_unreachable);
    s.after(200s);
    CHECK(s.layer().error_of(s.socket) == error::host_unreachable);
}

// RFC 9293 3.9.2.2 (SHLD-26), RFC 5927 5.2
TEST_CASE("hard ICMP errors end opening connections, not established ones") {
    script s;
    s.connects();
    s.expects(syn().seq(0));
    s.layer().icmp_error(s.ends, s.own_iss + 5, tcp::icmp_verdict::hard, error::connection_refused,
                         0, s.now());
    CHECK(s.current() == state::syn_sent);  // it quotes nothing of ours: RFC 5927 4.1
    s.layer().icmp_error(s.ends, s.own_iss, tcp::icmp_verdict::hard, error::connection_refused, 0,
                         s.now());
    CHECK(s.layer().error_of(s.socket) == error::connection_refused);
    script e;
    e.establish_passive();
    e.writes(10);
    e.expects(data(1, 10));
    e.layer().icmp_error(e.ends, e.own_iss + 1, tcp::icmp_verdict::hard, error::connection_refused,
                         0, e.now());
    CHECK(e.current() == state::established);
    CHECK(e.layer().info(e.socket)->soft_error == error::connection_refused);
}

// RFC 1191 6.3, 6.5; RFC 5927 7.2
TEST_CASE("a smaller path MTU sends what is in flight again, in smaller segments") {
    script s;
    s.establish_passive();
    s.writes(2920);
    s.expects(data(1, 1460));
    s.expects(data(1461, 1460));
    const auto told = [&](std::uint32_t at, std::uint16_t mtu) {
        s.layer().icmp_error(s.ends, s.own_iss + at, tcp::icmp_verdict::packet_too_big,
                             error::message_too_long, mtu, s.now());
    };
    told(5000, 1000);  // not in flight
    s.expects_nothing();
    told(1, 1000);
    s.expects(data(1, 960));
    s.expects(data(961, 960));
    s.expects(data(1921, 960));
    s.expects(data(2881, 40));
    CHECK(s.layer().info(s.socket)->congestion_window == 14600);  // no sign of congestion
    told(1, 1400);                                                // never larger
    CHECK(s.layer().info(s.socket)->send_mss == 960);
    told(1, 68);  // never below the configured least
    CHECK(s.layer().info(s.socket)->send_mss == 512);
}

TEST_CASE("a device that cuts gets super-segments of whole segments") {
    script s;
    s.layer().set_gso_max_bytes(65000);
    s.establish_passive();
    s.writes(14600);
    s.expects(data(1, 14600));
    s.sends(ack(14601).seq(1));
    s.writes(3000);
    s.expects(data(14601, 3000).push());
    s.sends(ack(17601).seq(1));
    s.writes(12 * 1460);  // of five blocks of the send buffer
    s.expects(data(17601, 12 * 1460).push());
}
