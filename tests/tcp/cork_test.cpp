// Partial segments held back: by the cork, and by the promise of more (TCP_CORK, MSG_MORE of
// Linux). Not by RFC: the times and the rules are those of tcp(7).
#include <catch2/catch.hpp>

#include "stack/tcp/record_ends.hpp"
#include "tests/tcp/script.hpp"

using namespace coax::tests;
using namespace coax::stack;

namespace {

void cork(script& s, bool on) { REQUIRE(s.layer().set_cork(s.socket, on, s.now())); }

void writes_more(script& s, std::uint32_t at, std::uint32_t count) {
    std::vector<std::byte> bytes(count);
    for (std::uint32_t i = 0; i < count; ++i) bytes[i] = pattern(at - 1 + i);
    const const_bytes piece(bytes);
    CHECK(*s.layer().send(s.socket, {&piece, 1}, s.now(), {.more = true}) == count);
}

}  // namespace

TEST_CASE("a cork lets out full segments only, and the rest when it is pulled") {
    script s;
    s.establish_passive();
    cork(s, true);
    s.writes(100);
    s.expects_nothing();
    s.writes(2000);
    s.expects(data(1, 1460));
    s.expects_nothing();
    s.sends(ack(1461).seq(1));  // nor does an acknowledgment let it out
    s.expects_nothing();
    cork(s, false);
    s.expects(data(1461, 640).push());
    s.expects_nothing();
}

TEST_CASE("a cork holds nothing back for longer than 200 ms") {
    script s;
    s.establish_passive();
    cork(s, true);
    s.writes(100);
    s.silent_for(199ms);
    s.after(2ms);
    s.expects(data(1, 100));
    s.sends(ack(101).seq(1));
    s.writes(50);  // the next piece has its own 200 ms
    s.silent_for(199ms);
    s.after(2ms);
    s.expects(data(101, 50));
    CHECK(s.counter("tcp.window_probes") == 0);
}

TEST_CASE("what a cork holds goes before the FIN") {
    script s;
    s.establish_passive();
    cork(s, true);
    s.writes(100);
    s.expects_nothing();
    s.shuts();
    s.expects(data(1, 100).fin());
}

TEST_CASE("no_delay lets out what a cork holds at that moment") {
    script s;
    s.establish_passive();
    cork(s, true);
    s.writes(100);
    s.expects_nothing();
    REQUIRE(s.layer().set_no_delay(s.socket, true, s.now()));
    s.expects(data(1, 100));
    s.writes(100);
    s.expects_nothing();
}

TEST_CASE("a corked sender before a closed window probes it") {
    script s;
    s.establish_passive();
    s.sends(ack(1).seq(1).win(0));
    cork(s, true);
    s.writes(100);
    s.after(210ms);
    s.expects(data(1, 1));
    CHECK(s.counter("tcp.window_probes") == 1);
    s.sends(ack(2).seq(1).win(5000));
    s.silent_for(150ms);  // the rest waits for more
    s.after(60ms);
    s.expects(data(2, 99));
}

TEST_CASE("a device that cuts gets whole segments from a corked sender") {
    script s;
    s.layer().set_gso_max_bytes(65000);
    s.establish_passive();
    cork(s, true);
    s.writes(4000);
    s.expects(data(1, 2920));
    s.expects_nothing();
    cork(s, false);
    s.expects(data(2921, 1080));
}

TEST_CASE("more promised: held back until the last piece") {
    script s;
    s.establish_passive();
    writes_more(s, 1, 100);
    s.expects_nothing();
    writes_more(s, 101, 100);
    s.expects_nothing();
    SECTION("which comes") {
        s.writes(200);  // the pattern starts again: only lengths matter
        s.after(0ms);
    }
    SECTION("or does not") {
        s.silent_for(199ms);
        s.after(2ms);
        s.expects(data(1, 200));
    }
}

TEST_CASE("connections of a corked listener are corked") {
    script s;
    s.listens();
    REQUIRE(s.layer().set_cork(s.listener, true, s.now()));
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    s.sends(ack(1).seq(1));
    s.accepts();
    s.writes(100);
    s.silent_for(199ms);
}

// As Linux: what was promised goes without PSH, for more is to come.
TEST_CASE("a promise of more is waited for until the next acknowledgment") {
    script s;
    s.establish_passive(syn().mss(1000));
    REQUIRE(s.layer().set_no_delay(s.socket, true, s.now()));
    s.writes(3100, {.more = true});
    s.expects(data(1, 1000));
    s.expects(data(1001, 1000));
    s.expects(data(2001, 1000));
    s.writes(50, {.more = true});
    s.expects_nothing();
    s.sends(ack(2001).seq(1));
    s.expects(data(3001, 150).push(false));
    s.writes(20, {.more = true});
    s.expects_nothing();
    s.writes(20);
    s.expects(data(3151, 40).push());
}

TEST_CASE("a promise that was not kept goes with PSH when its time is over") {
    script s;
    s.establish_passive();
    s.writes(40, {.more = true});
    s.silent_for(199ms);
    s.after(2ms);
    s.expects(data(1, 40).push());
}

TEST_CASE("no segment holds bytes of two records") {
    constexpr tcp::send_flags record{.end_of_record = true};
    script s;
    s.establish_passive(syn().mss(1000).sack_permitted());
    s.writes(1400, record);
    s.expects(data(1, 1000));
    s.expects(data(1001, 400).push());
    s.writes(400, record);  // Nagle does not gather records: each has ended
    s.writes(300, record);
    s.writes(500);
    s.expects(data(1401, 400).push());
    s.expects(data(1801, 300).push());
    s.expects_nothing();  // no record: Nagle
    s.sends(ack(1401).seq(1));
    s.expects_nothing();
    s.sends(ack(2101).seq(1));
    s.expects(data(2101, 500));
}

TEST_CASE("records that are lost together go again each in its own segment, with PSH") {
    constexpr tcp::send_flags record{.end_of_record = true};
    script s;
    s.establish_passive(syn().mss(1000).sack_permitted());
    for (std::uint32_t i = 0; i < 6; ++i) {
        s.writes(100, record);
        s.expects(data(1 + 100 * i, 100).push());
    }
    s.after(1ms);
    s.sends(ack(1).seq(1).sack({{301, 601}}));
    s.after(5ms);
    s.expects(data(1, 100).push());
    s.forget_sent();
    s.after(2s);
    s.sends(ack(101).seq(1).sack({{301, 601}}));
    for (const auto& [at, size] : s.take_sent()) CHECK(size == 100);
}

TEST_CASE("a user with too many records that wait has to wait, too") {
    constexpr tcp::send_flags record{.end_of_record = true};
    script s;
    s.establish_passive();
    s.sends(ack(1).seq(1).win(0));
    std::size_t taken = 0;
    while (s.writes(1, record) == 1) ++taken;
    CHECK(taken == tcp::record_ends::most);
    const std::byte one{};
    const const_bytes piece(&one, 1);
    CHECK(s.layer().send(s.socket, {&piece, 1}, s.now(), record).code() == error::would_block);
    CHECK(s.layer().usage().buffer_blocks == 2);
    (void)s.events();
    s.sends(ack(1).seq(1).win(60000));
    for (std::uint32_t acked = 1; acked < taken; acked += 10) {
        s.forget_sent();
        s.sends(ack(acked).seq(1).win(60000));
    }
    CHECK(s.events().writable);
    CHECK(s.writes(1, record) == 1);
}
