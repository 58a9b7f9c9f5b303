// The Differentiated Services field of a connection (RFC 9293 3.9.1.9).
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
