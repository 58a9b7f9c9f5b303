// SYN cookies (RFC 4987 3.6): when they are used, what they keep, and what they refuse; and full
// queues of a listener.
#include <catch2/catch.hpp>

#include "stack/tcp/syn_cookie.hpp"
#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::tests;

namespace {

tcp_config small_queue(syn_cookie_mode mode = syn_cookie_mode::on_overflow) {
    tcp_config config;
    config.syn_queue_max = 2;
    config.syn_cookies = mode;
    return config;
}

// The SYN queue is full of SYNs from ports 7000 and 7001.
void overflow(script& s) {
    s.listens();
    for (const std::uint16_t port : {std::uint16_t{7000}, std::uint16_t{7001}}) {
        s.ends.remote.port = port;
        s.sends(syn().mss(1460));
        s.expects(syn_ack().seq(0).ack(1));
    }
    s.ends.remote.port = script::peer_port;
}

}  // namespace

TEST_CASE("cookies: they are used when the SYN queue is full, and nothing is kept") {
    script s(small_queue());
    overflow(s);
    CHECK(s.sends(syn().mss(1460)) == disposition::consumed);
    s.expects(syn_ack().seq(0).ack(1).mss(1460).win(65535));
    CHECK(s.layer().socket_count() == 1 + 2);
    CHECK(s.counter("tcp.syn_cookies_sent") == 1);
    CHECK(s.counter("tcp.syn_queue_evicted") == 0);
    s.after(100ms);
    CHECK(s.sends(ack(1).seq(1)) == disposition::consumed_ack_only);
    CHECK(s.counter("tcp.syn_cookies_accepted") == 1);
    s.accepts();
    CHECK(s.current() == state::established);
    s.sends(data(1, 100).ack(1));
    s.expects(ack(101).seq(1));
    CHECK(s.reads() == 100);
    s.writes(5000);
    s.expects(data(1, 1460));
    s.expects(data(1461, 1460));
    s.expects(data(2921, 1460));
    s.expects(data(4381, 620));
    // Those that stood in the queue are still there.
    s.ends.remote.port = 7001;
    CHECK(s.layer().socket_count() == 1 + 2 + 1);
}

TEST_CASE("cookies: never, and always") {
    SECTION("never: the oldest gives way") {
        script s(small_queue(syn_cookie_mode::off));
        overflow(s);
        s.sends(syn().mss(1460));
        s.expects(syn_ack().seq(0).ack(1));
        CHECK(s.counter("tcp.syn_cookies_sent") == 0);
        CHECK(s.counter("tcp.syn_queue_evicted") == 1);
    }
    SECTION("always: the queue stays empty") {
        script s(small_queue(syn_cookie_mode::always));
        s.listens();
        s.sends(syn().mss(1460));
        s.expects(syn_ack().seq(0).ack(1));
        CHECK(s.layer().socket_count() == 1);
        s.sends(ack(1).seq(1));
        s.accepts();
    }
}

// RFC 7323 2.2, RFC 2018 2
TEST_CASE("cookies: the timestamp keeps window scale and SACK") {
    script s(small_queue());
    overflow(s);
    s.timestamps = true;
    SECTION("both") {
        s.sends(syn().mss(1460).scale(7).sack_permitted());
        s.expects(syn_ack().seq(0).ack(1).mss(1460).scale(8).sack_permitted());
        s.after(300ms);
        s.sends(ack(1).seq(1).win(1000));
        s.accepts();
        const auto info = *s.layer().info(s.socket);
        CHECK(info.timestamps);
        CHECK(info.sack);
        CHECK(info.send_window_scale == 7);
        CHECK(info.receive_window_scale == 8);
        CHECK(info.send_window == 1000U << 7);
        s.writes(3000);
        s.expects(data(1, 1448));
        s.expects(data(1449, 1448));
        s.expects(data(2897, 104));
    }
    SECTION("neither") {
        s.sends(syn().mss(1460));
        s.expects(syn_ack().seq(0).ack(1).mss(1460));
        s.sends(ack(1).seq(1));
        s.accepts();
        const auto info = *s.layer().info(s.socket);
        CHECK(info.timestamps);
        CHECK_FALSE(info.sack);
        CHECK(info.send_window_scale == 0);
    }
    SECTION("a scale of zero is a scale") {
        s.sends(syn().mss(1460).scale(0));
        s.expects(syn_ack().seq(0).ack(1).scale(8));
        s.sends(ack(1).seq(1));
        s.accepts();
        CHECK(s.layer().info(s.socket)->receive_window_scale == 8);
    }
}

TEST_CASE("cookies: without timestamps there is no room for options") {
    script s(small_queue());
    overflow(s);
    s.sends(syn().mss(1400).scale(7).sack_permitted());
    s.expects(syn_ack().seq(0).ack(1).mss(1460));
    s.sends(ack(1).seq(1).win(1000));
    s.accepts();
    const auto info = *s.layer().info(s.socket);
    CHECK_FALSE(info.sack);
    CHECK(info.send_window == 1000);
    CHECK(info.send_mss == 1300);
}

TEST_CASE("cookies: an MSS never counts as more than was offered") {
    for (std::uint16_t offered = 0; offered < 9000; ++offered) {
        seeded random(offered);
        const tcp::secrets keys(random);
        const flow ends{{ip_address::v4(1), 1}, {ip_address::v4(2), 2}};
        const auto cookie = tcp::syn_cookie::make(keys, ends, tcp::seq(7), 9, offered);
        const auto mss = tcp::syn_cookie::check(keys, ends, tcp::seq(7), 9, cookie, 88);
        REQUIRE(mss);
        REQUIRE(*mss <= std::max<std::uint16_t>(offered, 88));
        if (offered >= 536) REQUIRE(*mss * 10 >= std::min<int>(offered, 1460) * 4);
    }
}

TEST_CASE("cookies: the timestamp is never ahead of the clock, and holds what was put in") {
    for (std::uint32_t clock : {0U, 1U, 63U, 64U, 100U, 0xffffffffU, 0x80000000U})
        for (std::uint8_t scale = 0; scale < 16; ++scale)
            for (const bool sack : {false, true})
                for (const bool ecn : {false, true}) {
                    const tcp::cookie_options options{scale, sack, ecn};
                    const std::uint32_t value = tcp::cookie_timestamp(clock, options);
                    REQUIRE(clock - value < 64);
                    REQUIRE(tcp::options_of(value) == options);
                }
}

TEST_CASE("cookies: data on the acknowledgment that brings one back") {
    script s(small_queue());
    overflow(s);
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    s.sends(data(1, 100).ack(1));
    s.expects(ack(101).seq(1));
    s.accepts();
    CHECK(s.reads() == 100);
}

TEST_CASE("cookies: one is good also when a later SYN stands in the queue") {
    script s(small_queue());
    overflow(s);
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    const std::uint32_t cookie = s.own_iss;
    s.ends.remote.port = 7000;  // leaves the queue
    s.sends(rst(1));
    s.ends.remote.port = script::peer_port;
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    REQUIRE(s.own_iss != cookie);
    REQUIRE(s.counter("tcp.syn_cookies_sent") == 1);
    SECTION("the cookie comes back") {
        s.own_iss = cookie;
        CHECK(s.sends(ack(1).seq(1)) == disposition::consumed_ack_only);
        CHECK(s.counter("tcp.syn_cookies_accepted") == 1);
    }
    SECTION("the number of the queue comes back") {
        CHECK(s.sends(ack(1).seq(1)) == disposition::consumed_ack_only);
        CHECK(s.counter("tcp.syn_cookies_accepted") == 0);
    }
    SECTION("a number that nobody sent leaves the queue alone") {
        CHECK(s.sends(ack(5000).seq(1)) == disposition::bad_ack);
        s.expects(rst(5000));
        CHECK(s.sends(ack(1).seq(1)) == disposition::consumed_ack_only);
    }
    s.accepts();
    CHECK(s.current() == state::established);
    s.sends(data(1, 100).ack(1));
    s.expects(ack(101).seq(1));
}

// What a cookie costs: nothing is kept of those that came back, either.
TEST_CASE("cookies: one is good again when its connection is gone") {
    script s(small_queue(syn_cookie_mode::always));
    s.listens();
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    s.sends(ack(1).seq(1));
    s.accepts();
    s.sends(rst(1));
    s.sends(ack(1).seq(1));
    s.accepts();
    CHECK(s.current() == state::established);
    CHECK(s.counter("tcp.syn_cookies_accepted") == 2);
}

TEST_CASE("cookies: a wrong one is answered as by any listener") {
    script s(small_queue());
    overflow(s);
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    CHECK(s.sends(ack(2).seq(1)) == disposition::bad_ack);
    s.expects(rst(2));
    CHECK(s.sends(ack(1).seq(2)) == disposition::bad_ack);  // another IRS
    s.expects(rst(1));
    CHECK(s.counter("tcp.syn_cookies_failed") == 2);
    s.ends.remote.port = 6000;  // another flow
    CHECK(s.sends(ack(1).seq(1)) == disposition::bad_ack);
    s.expects(rst(1));
    CHECK(s.layer().socket_count() == 3);
}

TEST_CASE("cookies: they are good for one period and the next") {
    script s(small_queue());
    overflow(s);
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    const std::uint32_t iss = s.own_iss;  // others are seen while time passes
    SECTION("soon enough") {
        s.after(63s);
        s.own_iss = iss;
        CHECK(s.sends(ack(1).seq(1)) == disposition::consumed_ack_only);
    }
    SECTION("too late") {
        s.after(129s);
        s.own_iss = iss;
        CHECK(s.sends(ack(1).seq(1)) == disposition::bad_ack);
    }
}

TEST_CASE("cookies: a listener that sent none lately accepts none") {
    script s(small_queue());
    s.listens();
    // Right for this very flow, were one awaited.
    seeded random(7);
    const tcp::secrets keys(random);
    const auto period = static_cast<std::uint32_t>(s.now().time_since_epoch() / 64s);
    const auto cookie = tcp::syn_cookie::make(keys, s.ends, tcp::seq(s.peer_iss), period, 1460);
    s.own_iss = cookie.value();
    CHECK(s.sends(ack(1).seq(1)) == disposition::bad_ack);
    s.expects(rst(1));
    CHECK(s.counter("tcp.syn_cookies_failed") == 0);
}

TEST_CASE("cookies: a full accept queue counts the acknowledgment as lost") {
    script s(small_queue(syn_cookie_mode::always));
    s.listens(1);
    s.ends.remote.port = 6000;
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    const std::uint32_t iss = s.own_iss;
    s.ends.remote.port = 6001;
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    s.sends(ack(1).seq(1));
    s.ends.remote.port = 6000;
    s.own_iss = iss;
    CHECK(s.sends(ack(1).seq(1)) == disposition::backlog_full);
    s.expects_nothing();
    REQUIRE(s.layer().accept(s.listener));
    s.sends(data(1, 10).ack(1));  // what the peer sends next brings it again
    s.expects(ack(11).seq(1));
    s.accepts();
    CHECK(s.reads() == 10);
}

TEST_CASE("abort_on_overflow: a full accept queue answers with a reset") {
    tcp_config config;
    config.abort_on_overflow = true;
    script s(config);
    s.listens(1);
    s.ends.remote.port = 6000;
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    const std::uint32_t iss = s.own_iss;
    s.ends.remote.port = 6001;
    s.sends(syn().mss(1460));
    s.expects(syn_ack().seq(0).ack(1));
    s.sends(ack(1).seq(1));
    s.ends.remote.port = 6000;
    s.own_iss = iss;
    CHECK(s.sends(ack(1).seq(1)) == disposition::backlog_full);
    s.expects(rst(1));
    CHECK(s.layer().socket_count() == 2);
}

TEST_CASE("replies that cannot leave do not keep back others") {
    tcp_config config = small_queue(syn_cookie_mode::always);
    config.reply_queue_max = 4;
    seeded random(3);
    tcp::layer layer(config, random);
    const auto listener = *layer.open(nullptr);
    REQUIRE(layer.bind(listener, {ip_address::any_v4(), 80}, false));
    REQUIRE(layer.listen(listener, 16));
    tcp::sender_list waiting;
    wire::tcp_header h;
    h.flags.syn = true;
    for (std::uint32_t i = 0; i < 10; ++i) {
        const flow ends{{ip_address::v4(198, 18, 0, 2), 80}, {ip_address::v4(100 + i), 5000}};
        CHECK(layer.input(ends, h, {}, instant{1s}) == disposition::consumed);
        tcp::sender* from = layer.next_sender();
        REQUIRE(from != nullptr);
        CHECK(from->ends() == ends);
        layer.park(*from, waiting);
    }
    CHECK(waiting.size() == 4);
    layer.unreachable(waiting, error::host_unreachable, instant{2s});
    CHECK(layer.socket_count() == 1);
}

// RFC 3168 6.1.1
TEST_CASE("cookies: the timestamp keeps that both agreed to ECN") {
    script s(small_queue());
    overflow(s);
    s.timestamps = true;
    const bool asks = GENERATE(true, false);
    s.sends(asks ? syn().mss(1460).ece().cwr() : syn().mss(1460));
    s.expects(asks ? syn_ack().seq(0).ack(1).ece() : syn_ack().seq(0).ack(1));
    s.sends(ack(1).seq(1));
    s.accepts();
    CHECK(s.layer().info(s.socket)->congestion_notification == asks);
    s.writes(10);
    s.expects(data(1, 10).ect(asks));
}

TEST_CASE("connections that nobody accepted hold only so much together") {
    tcp_config config;
    config.listener_bytes_max = 2500;
    script s(config);
    s.listens();
    const auto opens = [&](std::uint16_t port) {
        s.ends.remote.port = port;
        s.sends(syn().mss(1000));
        s.expects(syn_ack());
        s.sends(ack(1).seq(1));
    };
    opens(7000);
    CHECK(s.sends(data(1, 1000)) == disposition::consumed);
    CHECK(s.sends(data(1001, 1000)) == disposition::consumed);
    s.forget_sent();
    opens(7001);
    CHECK(s.sends(data(1, 500)) == disposition::consumed);
    CHECK(s.sends(data(501, 1)) == disposition::limit);
    CHECK(s.counter("tcp.listener_full") == 1);
    s.forget_sent();
    s.ends.remote.port = 7000;
    s.accepts();  // the first one has an owner now
    s.ends.remote.port = 7001;
    CHECK(s.sends(data(501, 1000)) == disposition::consumed);
    s.sends(rst(1501));  // and what is gone holds nothing
    s.forget_sent();
    opens(7002);
    CHECK(s.sends(data(1, 1000)) == disposition::consumed);
    CHECK(s.sends(data(1001, 1000)) == disposition::consumed);
    CHECK(s.counter("tcp.listener_full") == 1);
}
