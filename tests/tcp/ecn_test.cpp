// Explicit congestion notification (RFC 3168; RFC 9293 3.8.2, SHLD-8): the handshake in all its
// combinations, the cycle of CE, ECE and CWR on both sides, and what must never carry ECT.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

namespace {

using namespace coax;
using namespace coax::tests;
using stack::ecn_use;
using stack::tcp_config;

tcp_config with(ecn_use how) {
    tcp_config config = script::with_newreno(tcp_config());
    config.ecn = how;
    config.quick_acks = 0;
    return config;
}

seg ecn_syn() { return syn().mss(1460).ece().cwr(); }

// A connection with ECN that a peer opened.
void establish(script& s) {
    s.listens();
    s.sends(ecn_syn());
    s.expects(syn_ack().seq(0).ack(1).ece().ect(false));
    s.sends(ack(1).seq(1));
    s.accepts();
    REQUIRE(s.layer().info(s.socket)->congestion_notification);
}

std::uint32_t window(script& s) { return s.layer().info(s.socket)->congestion_window; }

void takes(script& s, std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) s.expects(data(first + i * 1460, 1460).ect());
}

// RFC 3168 6.1.1
TEST_CASE("ECN, passive: agreed when the SYN has both flags and the socket may") {
    struct row {
        ecn_use how;
        bool ece, cwr, agreed;
    };
    const row r = GENERATE(
        row{ecn_use::accept, true, true, true}, row{ecn_use::request, true, true, true},
        row{ecn_use::off, true, true, false}, row{ecn_use::accept, true, false, false},
        row{ecn_use::accept, false, true, false}, row{ecn_use::accept, false, false, false});
    script s(with(r.how));
    s.listens();
    seg opening = syn().mss(1460);
    if (r.ece) opening = opening.ece();
    if (r.cwr) opening = opening.cwr();
    s.sends(opening);
    s.expects(r.agreed ? syn_ack().seq(0).ack(1).ece().ect(false)
                       : syn_ack().seq(0).ack(1).ect(false));
    s.sends(ack(1).seq(1));
    s.accepts();
    CHECK(s.layer().info(s.socket)->congestion_notification == r.agreed);
    CHECK(s.counter("tcp.ecn_negotiated") == (r.agreed ? 1 : 0));
    s.writes(100);
    s.expects(data(1, 100).ect(r.agreed));
}

// RFC 3168 6.1.1: ECE without CWR is consent; both are the reflection of an old host
TEST_CASE("ECN, active: asked for on request, agreed by ECE alone") {
    struct row {
        ecn_use how;
        bool ece, cwr, agreed;
    };
    const row r = GENERATE(
        row{ecn_use::request, true, false, true}, row{ecn_use::request, true, true, false},
        row{ecn_use::request, false, true, false}, row{ecn_use::request, false, false, false},
        row{ecn_use::accept, true, false, false}, row{ecn_use::off, true, false, false});
    script s(with(r.how));
    s.connects();
    s.expects(r.how == ecn_use::request ? syn().seq(0).ece().cwr().ect(false) : syn().seq(0));
    seg answer = syn_ack().mss(1460).ack(1);
    if (r.ece) answer = answer.ece();
    if (r.cwr) answer = answer.cwr();
    s.sends(answer);
    s.expects(ack(1).seq(1).ect(false));
    CHECK(s.layer().info(s.socket)->congestion_notification == r.agreed);
    s.writes(100);
    s.expects(data(1, 100).ect(r.agreed));
}

// RFC 3168 6.1.1.1: a SYN that is not answered goes again without the flags; and 6.1.1: who sent
// such a SYN sets ECT no more, whatever comes back
TEST_CASE("ECN, active: the second SYN does not ask") {
    script s(with(ecn_use::request));
    s.connects();
    s.expects(syn().seq(0).ece().cwr());
    s.after(1001ms);
    s.expects(syn().seq(0));
    s.sends(syn_ack().mss(1460).ack(1).ece());
    s.expects(ack(1).seq(1));
    CHECK(!s.layer().info(s.socket)->congestion_notification);
}

// RFC 3168 6.1.1: both ask at once
TEST_CASE("ECN in a simultaneous open") {
    script s(with(ecn_use::request));
    s.connects();
    s.expects(syn().seq(0).ece().cwr());
    s.sends(ecn_syn());
    s.expects(syn_ack().seq(0).ack(1).ece().ect(false));
    s.sends(syn_ack().mss(1460).ack(1).ece());
    CHECK(s.current() == state::established);
    CHECK(s.layer().info(s.socket)->congestion_notification);
}

TEST_CASE("ECN: the choice of a listener is that of its connections, a socket's its own") {
    script s(with(ecn_use::accept));
    s.listens();
    CHECK(s.layer().set_ecn(s.listener, ecn_use::off));
    s.sends(ecn_syn());
    s.expects(syn_ack().seq(0).ack(1));
    script t(with(ecn_use::off));
    t.socket = *t.layer().open(nullptr);
    CHECK(t.layer().set_ecn(t.socket, ecn_use::request));
    REQUIRE(t.layer().bind(t.socket, t.ends.local, true));
    REQUIRE(t.layer().connect(t.socket, t.ends.remote, t.ends.local.address, t.now()));
    t.expects(syn().seq(0).ece().cwr());
}

// RFC 3168 6.1.3: every acknowledgment says ECE, from the first CE until CWR
TEST_CASE("ECN, receiver: CE is echoed until CWR comes") {
    script s(with(ecn_use::accept));
    establish(s);
    s.sends(data(1, 1460));
    s.sends(data(1461, 1460));
    s.expects(ack(2921));
    s.sends(data(2921, 1460).ce());
    s.expects(ack(4381).ece().ect(false));  // the news does not wait for a second segment
    s.sends(data(4381, 1460));
    s.expects(ack(5841).ece());
    s.sends(data(5841, 1460));
    s.sends(data(7301, 1460));
    s.expects(ack(8761).ece());
    s.writes(100);
    s.expects(data(1, 100).ece().ect());
    s.sends(data(8761, 1460).cwr());
    s.sends(data(10221, 1460));
    s.expects(ack(11681));
    CHECK(s.counter("tcp.ecn_marks_received") == 1);
}

// RFC 3168 6.1.3: a segment may bring CWR for the old and CE for the new
TEST_CASE("ECN, receiver: CWR on a marked segment begins anew") {
    script s(with(ecn_use::accept));
    establish(s);
    s.sends(data(1, 1460).ce());
    s.expects(ack(1461).ece());
    s.sends(data(1461, 1460).ce().cwr());
    s.expects(ack(2921).ece());
    s.sends(data(2921, 1460).cwr());
    s.expects(ack(4381));
    s.sends(data(4381, 1460));
    s.sends(data(5841, 1460));
    s.expects(ack(7301));
    CHECK(s.counter("tcp.ecn_marks_received") == 2);
}

// RFC 3168 6.1.4, 6.1.5: what honest senders never mark with ECT
TEST_CASE("ECN, receiver: CE on a bare acknowledgment or outside the window says nothing") {
    script s(with(ecn_use::accept));
    establish(s);
    s.sends(ack(1).seq(1).ce());
    s.sends(data(1000001, 1460).ce());
    s.expects(ack(1));
    s.sends(data(1, 1460));
    s.sends(data(1461, 1460));
    s.expects(ack(2921));
    CHECK(s.counter("tcp.ecn_marks_received") == 0);
}

// RFC 3168 6.1.2: half the window, once per window of data; CWR on the first new data
TEST_CASE("ECN, sender: ECE halves the window once, and CWR says so once") {
    script s(with(ecn_use::accept));
    establish(s);
    s.writes(100 * 1460);
    takes(s, 1, 10);
    s.sends(ack(2921).seq(1).ece());
    CHECK(window(s) == 7300);
    CHECK(s.layer().info(s.socket)->slow_start_threshold == 7300);
    s.expects_nothing();              // eight in flight, five allowed
    s.sends(ack(8761).seq(1).ece());  // still the same window of data
    CHECK(window(s) == 7300);
    s.expects(data(14601, 1460).ect().cwr());
    s.sends(ack(11681).seq(1).ece());
    s.expects(data(16061, 1460).ect());
    s.expects(data(17521, 1460).ect());
    s.sends(ack(14601).seq(1).ece());
    CHECK(window(s) == 7300);
    s.expects(data(18981, 1460).ect());
    s.expects(data(20441, 1460).ect());
    // What was sent after the reduction is marked again: another one.
    s.sends(ack(16061).seq(1).ece());
    CHECK(window(s) == 5 * 1460 / 2);
    CHECK(s.counter("tcp.ecn_reductions") == 2);
    CHECK(s.counter("tcp.window_reductions") == 2);
    s.sends(ack(21901).seq(1));
    s.expects(data(21901, 1460).ect().cwr());
    CHECK(s.counter("tcp.ecn_reductions_told") == 2);
}

// RFC 3168 6.1.2: the window does not grow while it answers
TEST_CASE("ECN, sender: no growth before the reduced window is acknowledged") {
    script s(with(ecn_use::accept));
    establish(s);
    s.writes(100 * 1460);
    takes(s, 1, 10);
    s.sends(ack(1461).seq(1).ece());
    for (std::uint32_t n = 2; n <= 10; ++n) s.sends(ack(1 + n * 1460).seq(1));
    CHECK(window(s) == 7300);
}

// RFC 3168 6.1.2: loss reduces and is told by CWR; 6.1.5: no ECT on what goes again
TEST_CASE("ECN, sender: after a loss CWR, no second reduction by ECE, no ECT on retransmissions") {
    script s(with(ecn_use::accept));
    establish(s);
    s.writes(100 * 1460);
    takes(s, 1, 10);
    s.after(201ms);
    s.expects(data(1, 1460).ect(false));
    const std::uint32_t threshold = s.layer().info(s.socket)->slow_start_threshold;
    s.sends(ack(14601).seq(1).ece());
    CHECK(s.layer().info(s.socket)->slow_start_threshold == threshold);
    CHECK(s.counter("tcp.ecn_reductions") == 0);
    s.expects(data(14601, 1460).ect().cwr());
}

// RFC 3168 6.1.6
TEST_CASE("ECN: window probes are not marked") {
    script s(with(ecn_use::accept));
    establish(s);
    s.sends(ack(1).seq(1).win(0));
    s.writes(1000);
    s.after(1100ms);
    s.expects(data(1, 1).ect(false));
}

// A path that clears ECT, or a peer that did not agree: nothing of it matters.
TEST_CASE("without ECN its bits are ignored") {
    script s(with(ecn_use::off));
    s.establish_passive();
    s.writes(100 * 1460);
    for (std::uint32_t i = 0; i < 10; ++i) s.expects(data(1 + i * 1460, 1460).ect(false));
    s.sends(ack(1461).seq(1).ece());
    CHECK(window(s) >= 14600);
    s.sends(data(1, 1460).ack(1461).ce().cwr());
    s.sends(data(1461, 1460).ack(1461).ce());
    for (int i = 0; i < 2; ++i)
        s.expects(data(14601U + static_cast<std::uint32_t>(i) * 1460, 1460));
    CHECK(s.counter("tcp.ecn_marks_received") == 0);
    CHECK(s.counter("tcp.ecn_reductions") == 0);
}

// RFC 9438 4.6: CUBIC's answer to ECE
TEST_CASE("ECN with CUBIC reduces to 0.7") {
    tcp_config config = with(ecn_use::accept);
    config.congestion = stack::congestion_algorithm::cubic;
    script s(config);
    establish(s);
    s.writes(100 * 1460);
    takes(s, 1, 10);
    s.sends(ack(1461).seq(1).ece());
    CHECK(window(s) == 10220);
}

}  // namespace
