// What a connection says of its IP headers: the Differentiated Services field (RFC 9293 3.9.1.9),
// and the time to live.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::tests;
using namespace coax::stack;

namespace {

constexpr std::uint8_t expedited = 0xb8;

void set(script& s, tcp::socket_id socket, std::uint8_t value) {
    REQUIRE(s.layer().set_traffic_class(socket, value));
}

}  // namespace

// RFC 9293 3.9.1.9 (MUST-48, SHLD-21, SHLD-22)
TEST_CASE("the Differentiated Services field is what the user says, and may change") {
    script s;
    s.establish_passive();
    s.writes(10);
    s.expects(data(1, 10).traffic_class(0));
    set(s, s.socket, expedited | 3);  // the lower two bits are not his
    s.sends(ack(11).seq(1));
    s.writes(10);
    s.expects(data(11, 10).traffic_class(expedited));
    s.after(3s);
    s.expects(data(11, 10).traffic_class(expedited));  // and of what goes again
    s.forget_sent();
    s.sends(ack(21).seq(1));
    s.sends(data(1, 10));
    s.expects(ack(11).traffic_class(expedited));
    set(s, s.socket, 0x20);
    s.shuts();
    s.expects(fin(21).traffic_class(0x20));
    s.sends(fin(11).ack(22));
    s.expects(ack(12).traffic_class(0x20));
    s.sends(fin(11).ack(22));  // from TIME-WAIT
    s.expects(ack(12).traffic_class(0x20));
}

TEST_CASE("a listener's Differentiated Services field is that of its connections") {
    script s;
    s.listens();
    set(s, s.listener, expedited);
    s.sends(syn().mss(1460));
    s.expects(syn_ack().traffic_class(expedited));
    s.sends(ack(1).seq(1));
    s.accepts();
    s.writes(10);
    s.expects(data(1, 10).traffic_class(expedited));
    s.layer().abort(s.socket, s.now());
    s.expects(rst(11).ack(1).traffic_class(expedited));
}

TEST_CASE("the Differentiated Services field stands beside ECN") {
    script s;
    s.listens();
    s.sends(syn().mss(1460).ece().cwr());
    s.expects(syn_ack().ece());
    s.sends(ack(1).seq(1));
    s.accepts();
    set(s, s.socket, expedited);
    s.writes(10);
    s.expects(data(1, 10).traffic_class(expedited | tcp::ecn_capable));
}

// RFC 9293 3.9.2 (MUST-49)
TEST_CASE("the time to live is what the user says, and may change") {
    script s;
    s.establish_passive();
    s.writes(10);
    s.expects(data(1, 10).hops(0));  // as configured
    REQUIRE(s.layer().set_hops(s.socket, 7));
    s.sends(ack(11).seq(1));
    s.writes(10);
    s.expects(data(11, 10).hops(7));
    s.after(3s);
    s.expects(data(11, 10).hops(7));
    s.forget_sent();
    s.sends(ack(21).seq(1));
    REQUIRE(s.layer().set_hops(s.socket, 0));
    s.writes(10);
    s.expects(data(21, 10).hops(0));
    s.sends(ack(31).seq(1));
    REQUIRE(s.layer().set_hops(s.socket, 255));
    s.shuts();
    s.expects(fin(31).hops(255));
    s.sends(fin(1).ack(32));
    s.expects(ack(2).hops(255));
    s.sends(fin(1).ack(32));  // from TIME-WAIT
    s.expects(ack(2).hops(255));
}

TEST_CASE("a listener's time to live is that of its connections, and of what refuses them") {
    script s;
    s.listens();
    REQUIRE(s.layer().set_hops(s.listener, 1));
    s.sends(syn().mss(1460));
    s.expects(syn_ack().hops(1));
    s.sends(ack(1).seq(1));
    s.accepts();
    s.writes(10);
    s.expects(data(1, 10).hops(1));
    s.layer().abort(s.socket, s.now());
    s.expects(rst(11).ack(1).hops(1));
}
