// The receiver's side of selective acknowledgment: the examples of RFC 2018 and RFC 2883.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::tests;

namespace {

// The RFCs' examples begin at sequence number 5000 and use segments of 500 bytes: one segment of
// 4999 bytes comes first here, so that the numbers are theirs.
void receives_up_to_5000(script& s) {
    s.establish_passive(syn().mss(1460).sack_permitted());
    for (std::uint32_t at = 1; at < 5000; at += 1000) {
        s.sends(data(at, std::min(1000U, 5000 - at)));
        s.expects(ack(std::min(at + 1000, 5000U)).sack({}));
    }
    s.reads();
}

}  // namespace

// RFC 2018 2
TEST_CASE("SACK is permitted when both sides say so") {
    {
        script s;
        s.listens();
        s.sends(syn().mss(1460).sack_permitted());
        s.expects(syn_ack().sack_permitted());
        s.sends(ack(1).seq(1));
        s.accepts();
        CHECK(s.layer().info(s.socket)->sack);
    }
    {
        script s;
        s.listens();
        s.sends(syn().mss(1460));
        s.expects(syn_ack().sack_permitted(false));
        s.sends(ack(1).seq(1));
        s.accepts();
        CHECK_FALSE(s.layer().info(s.socket)->sack);
        s.sends(data(101, 100));
        s.expects(ack(1).sack({}));
        s.sends(data(1, 100));
        s.expects(ack(201).sack({}));
        s.sends(data(1, 100));
        s.expects(ack(201).sack({}));
    }
    {
        script s;
        s.connects();
        s.expects(syn().sack_permitted());
        s.sends(syn_ack().ack(1).mss(1460).sack_permitted());
        s.expects(ack(1));
        CHECK(s.layer().info(s.socket)->sack);
    }
    {
        tcp_config config;
        config.sack = false;
        script s(config);
        s.connects();
        s.expects(syn().sack_permitted(false));
        s.sends(syn_ack().ack(1).mss(1460).sack_permitted());
        s.expects(ack(1));
        CHECK_FALSE(s.layer().info(s.socket)->sack);
    }
}

// RFC 2018 7, case 1: the first four of eight segments arrive, the last four do not
TEST_CASE("RFC 2018 case 1: nothing is missing, nothing is reported") {
    script s;
    receives_up_to_5000(s);
    for (std::uint32_t at = 5000; at < 7000; at += 500) {
        s.sends(data(at, 500));
        s.expects(ack(at + 500).sack({}));
    }
}

// RFC 2018 7, case 2: the first segment is dropped, the seven behind it arrive
TEST_CASE("RFC 2018 case 2: one block that grows") {
    script s;
    receives_up_to_5000(s);
    for (std::uint32_t at = 5500; at < 9000; at += 500) {
        s.sends(data(at, 500));
        s.expects(ack(5000).sack({{5500, at + 500}}));
    }
    s.sends(data(5000, 500));
    s.expects(ack(9000).sack({}));
}

// RFC 2018 4, 7, case 3: the 2nd, 4th, 6th and 8th are dropped; later the 4th and the 2nd come
TEST_CASE("RFC 2018 case 3: the most recent block first") {
    script s;
    receives_up_to_5000(s);
    s.sends(data(5000, 500));
    s.expects(ack(5500).sack({}));
    s.sends(data(6000, 500));
    s.expects(ack(5500).sack({{6000, 6500}}));
    s.sends(data(7000, 500));
    s.expects(ack(5500).sack({{7000, 7500}, {6000, 6500}}));
    s.sends(data(8000, 500));
    s.expects(ack(5500).sack({{8000, 8500}, {7000, 7500}, {6000, 6500}}));
    s.sends(data(6500, 500));  // the 4th
    s.expects(ack(5500).sack({{6000, 7500}, {8000, 8500}}));
    s.sends(data(5500, 500));  // the 2nd
    s.expects(ack(7500).sack({{8000, 8500}}));
}

// RFC 2018 3: three blocks beside timestamps, four without
TEST_CASE("as many blocks as fit") {
    for (const bool timestamps : {false, true}) {
        script s;
        s.timestamps = timestamps;
        receives_up_to_5000(s);
        for (std::uint32_t at = 5100; at < 6100; at += 200) s.sends(data(at, 100));
        s.after(0ms);
        for (std::uint32_t i = 0; i < 4; ++i) s.expects(ack(5000));
        const seg all =
            timestamps ? ack(5000).sack({{5900, 6000}, {5700, 5800}, {5500, 5600}})
                       : ack(5000).sack({{5900, 6000}, {5700, 5800}, {5500, 5600}, {5300, 5400}});
        s.expects(all);
        s.sends(data(5100, 100));  // again: told first, then the block around it
        const seg again =
            timestamps ? ack(5000).sack({{5100, 5200}, {5100, 5200}, {5900, 6000}})
                       : ack(5000).sack({{5100, 5200}, {5100, 5200}, {5900, 6000}, {5700, 5800}});
        s.expects(again);
    }
}

// RFC 9293 3.7.1 (MUST-16): the option takes room from the payload
TEST_CASE("data beside SACK blocks fits the segment") {
    script s;
    receives_up_to_5000(s);
    s.sends(data(6000, 500));
    s.expects(ack(5000));
    s.sends(data(7000, 500));
    s.expects(ack(5000));
    s.writes(3000);
    s.expects(data(1, 1460 - 20).sack({{7000, 7500}, {6000, 6500}}));
    s.expects(data(1441, 1440).sack({{7000, 7500}, {6000, 6500}}));
    s.expects(data(2881, 120));
}

// RFC 2883 4.1.1: a duplicate segment, all of it acknowledged
TEST_CASE("RFC 2883 example 1: an acknowledgment was lost, a segment comes again") {
    script s;
    receives_up_to_5000(s);
    s.sends(data(5000, 500));
    s.expects(ack(5500).sack({}));
    s.sends(data(5500, 500));
    s.expects(ack(6000).sack({}));
    s.sends(data(5000, 500));
    s.expects(ack(6000).sack({{5000, 5500}}));
    CHECK(s.counter("tcp.dsacks_sent") == 1);
    s.sends(data(6000, 500));  // told once
    s.expects(ack(6500).sack({}));
}

// RFC 2883 4.1.2: an out-of-order segment and a duplicate
TEST_CASE("RFC 2883 example 2: a duplicate below the acknowledgment, with a gap above") {
    script s;
    receives_up_to_5000(s);
    s.sends(data(5000, 500));
    s.expects(ack(5500).sack({}));
    s.sends(data(6000, 500));
    s.expects(ack(5500).sack({{6000, 6500}}));
    s.sends(data(5000, 500));
    s.expects(ack(5500).sack({{5000, 5500}, {6000, 6500}}));
    s.sends(data(6500, 500));
    s.expects(ack(5500).sack({{6000, 7000}}));
}

// RFC 2883 4.1.3: a duplicate of an out-of-order segment
TEST_CASE("RFC 2883 example 3: a duplicate above the acknowledgment") {
    script s;
    receives_up_to_5000(s);
    s.sends(data(5500, 500));
    s.expects(ack(5000).sack({{5500, 6000}}));
    s.sends(data(6000, 500));
    s.expects(ack(5000).sack({{5500, 6500}}));
    s.sends(data(6000, 500));
    s.expects(ack(5000).sack({{6000, 6500}, {5500, 6500}}));
    CHECK(s.counter("tcp.dsacks_sent") == 1);
}

// RFC 2883 4.2.1: one duplicate subsegment
TEST_CASE("RFC 2883 4.2.1: a part of a segment comes again") {
    script s;
    receives_up_to_5000(s);
    s.sends(data(5000, 500));
    s.expects(ack(5500).sack({}));
    s.sends(data(5000, 1000));  // one segment of two thirds new data
    s.expects(ack(6000).sack({{5000, 5500}}));
}

// RFC 2883 4.2.2: two parts of one segment are duplicates, the first one is told
TEST_CASE("RFC 2883 4.2.2: two non-contiguous duplicate subsegments") {
    script s;
    receives_up_to_5000(s);
    s.sends(data(5500, 500));
    s.expects(ack(5000).sack({{5500, 6000}}));
    s.sends(data(6500, 500));
    s.expects(ack(5000).sack({{6500, 7000}, {5500, 6000}}));
    s.sends(data(5000, 1400));
    s.expects(ack(6400).sack({{5500, 6000}, {6500, 7000}}));
}

TEST_CASE("a burst of duplicates is told in one block") {
    script s;
    receives_up_to_5000(s);
    wire::tcp_header h;
    for (std::uint32_t at : {1000U, 2000U, 3000U}) {
        h.source_port = script::peer_port;
        h.destination_port = script::local_port;
        h.flags.ack = true;
        h.sequence = s.peer_iss + at;
        h.acknowledgment = s.own_iss + 1;
        h.window = 65535;
        const std::vector<std::byte> bytes(1000);
        (void)s.layer().input(s.ends, h, payload_view(bytes), s.now());
    }
    s.expects(ack(5000).sack({{1000, 4000}}));
    s.expects_nothing();
}
