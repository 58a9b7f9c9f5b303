// Attackers who see nothing and guess (RFC 5961), what scanners send, and memory that runs short.
#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

using namespace coax::stack;
using namespace coax::tests;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint32_t guesses = 1U << 14;
#else
constexpr std::uint32_t guesses = 1U << 20;
#endif

// Knows both ends of a connection, and the time; nothing that is said on it.
class blind_attacker {
  public:
    explicit blind_attacker(script& victim) : victim_(victim) {}

    // All its guesses, spread over some minutes.
    void spend(wire::tcp_flags flags, std::uint32_t length) {
        const std::vector<std::byte> payload(length, std::byte{0xee});
        instant now = victim_.now();
        for (std::uint32_t i = 0; i < guesses; ++i) {
            wire::tcp_header h;
            h.flags = flags;
            h.source_port = victim_.ends.remote.port;
            h.destination_port = victim_.ends.local.port;
            h.sequence = static_cast<std::uint32_t>(random_.next());
            h.acknowledgment = static_cast<std::uint32_t>(random_.next());
            h.window = static_cast<std::uint16_t>(random_.next());
            if (stamps)
                h.options.timestamps =
                    wire::tcp_timestamps{static_cast<std::uint32_t>(random_.next()), 0};
            victim_.layer().input(victim_.ends, h, payload_view(payload), now);
            if (i % 16 == 0) take_answers(now);
        }
        take_answers(now);
    }
    std::uint64_t answers = 0;
    bool stamps = false;

  private:
    void take_answers(instant now) {
        tcp::segment out;
        while (tcp::sender* from = victim_.layer().next_sender()) {
            from->route.mtu = 1500;
            from->route.epoch = 1;
            if (victim_.layer().next_segment(*from, now, out)) ++answers;
        }
    }
    script& victim_;
    seeded random_{42};
};

// The connection is as before: data goes both ways from where it stood.
void check_unharmed(script& s, std::uint32_t from) {
    REQUIRE(s.current() == state::established);
    CHECK_FALSE(s.events().failed);
    s.after(1s);
    s.sends(data(from, 100).ack(from));
    s.after(100ms);
    CHECK(s.reads() == 100);
    CHECK(s.layer().info(s.socket)->reassembly_ranges == 0);
    CHECK(s.writes(100) == 100);
}

}  // namespace

// RFC 5961 3, 4, 5: a million guesses and nothing for it
TEST_CASE("a blind attacker with 2^20 guesses gets nothing from a connection") {
    tcp_config config;
    script s(config);
    s.timestamps = GENERATE(false, true);
    s.establish_passive(syn().mss(1460).scale(7));
    const auto before = *s.layer().info(s.socket);
    blind_attacker attacker(s);
    attacker.stamps = s.timestamps;
    SECTION("resets") { attacker.spend({.rst = true}, 0); }
    SECTION("resets with an acknowledgment") { attacker.spend({.rst = true, .ack = true}, 0); }
    SECTION("SYNs") { attacker.spend({.syn = true}, 0); }
    SECTION("SYN,ACKs") { attacker.spend({.syn = true, .ack = true}, 0); }
    SECTION("data") { attacker.spend({.psh = true, .ack = true}, 1); }
    SECTION("bare acknowledgments") { attacker.spend({.ack = true}, 0); }
    SECTION("FINs") { attacker.spend({.fin = true, .ack = true}, 0); }
    const auto after = *s.layer().info(s.socket);
    CHECK(after.send_window == before.send_window);
    CHECK(after.congestion_window == before.congestion_window);
    CHECK(after.receive_buffered == 0);
    check_unharmed(s, 1);
}

// RFC 5961 7: what is not acceptable and carries nothing is answered twice a second at most
TEST_CASE("a blind attacker cannot make a connection talk") {
    script s;
    s.establish_passive();
    blind_attacker attacker(s);
    attacker.spend({.syn = true}, 0);
    attacker.spend({.ack = true}, 0);
    CHECK(attacker.answers <= 1);
    CHECK(s.counter("tcp.challenge_acks") <= 1);
}

TEST_CASE("a blind attacker gets nothing from an opening connection") {
    script s;
    SECTION("from the active side") {
        s.connects();
        s.expects(syn().seq(0));
        blind_attacker attacker(s);
        attacker.spend({.rst = true, .ack = true}, 0);
        attacker.spend({.syn = true, .ack = true}, 0);
        CHECK(s.current() == state::syn_sent);
        s.sends(syn_ack().ack(1).mss(1460));
        CHECK(s.events().connected);
    }
    SECTION("from the passive side") {
        s.listens();
        s.sends(syn().mss(1460));
        s.expects(syn_ack().seq(0).ack(1));
        blind_attacker attacker(s);
        attacker.spend({.rst = true}, 0);
        attacker.spend({.syn = true}, 0);
        attacker.spend({.ack = true}, 0);
        s.sends(ack(1).seq(1));
        s.accepts();
        CHECK(s.layer().accept(s.listener).code() == error::would_block);
    }
    SECTION("from a listener that sends cookies") {
        tcp_config config;
        config.syn_cookies = syn_cookie_mode::always;
        script c(config);
        c.listens();
        c.sends(syn().mss(1460));
        c.expects(syn_ack().seq(0).ack(1));
        blind_attacker attacker(c);
        attacker.spend({.ack = true}, 0);
        attacker.spend({.ack = true}, 1);
        CHECK(c.counter("tcp.syn_cookies_failed") == 2 * guesses);
        CHECK(c.layer().socket_count() == 1);
        CHECK(attacker.answers <= 2 * c.counter("tcp.resets_sent"));
        CHECK(attacker.answers <= 4000);  // resets are limited
    }
}

// RFC 1337 3 (F1), RFC 9293 3.10.7.4
TEST_CASE("a blind attacker does not end TIME-WAIT") {
    script s;
    s.establish_passive();
    s.closes();
    s.expects(fin(1).ack(1));
    s.sends(ack(2).seq(1));
    s.sends(fin(1).ack(2));
    s.expects(ack(2).seq(2));
    REQUIRE(s.layer().socket_count() == 2);
    blind_attacker attacker(s);
    attacker.spend({.rst = true}, 0);
    attacker.spend({.ack = true}, 1);
    CHECK(s.sends(rst(2)) == disposition::invalid);  // not even one who sees all
    CHECK(s.layer().socket_count() == 2);
    CHECK(attacker.answers <= 1);
}

// RFC 5961 5.2 before RFC 7323 4.3: the clock of the peer is not set by who guesses half
TEST_CASE("a segment with a wrong acknowledgment leaves no timestamp behind") {
    script s;
    s.timestamps = true;
    s.establish_passive();
    const auto clock = static_cast<std::uint32_t>(s.now().time_since_epoch() / 1ms);
    CHECK(s.sends(data(1, 10).ack(0x40000000U).ts(clock + 1'000'000)) == disposition::bad_ack);
    s.expects(ack(1));
    s.after(10ms);
    CHECK(s.sends(data(1, 10).ack(1)) == disposition::consumed);
    s.expects(ack(11));
    CHECK(s.reads() == 10);
}

TEST_CASE("flags that no honest segment has are counted, and accepted by nobody") {
    const auto try_all = [](script& s) {
        s.sends(seg({}).seq(1).length(5));
        CHECK(s.counter("tcp.null_flags") == 1);
        s.sends(seg({.fin = true, .psh = true, .urg = true}).seq(1).push());
        CHECK(s.counter("tcp.xmas") == 1);
        s.sends(seg({.fin = true}).seq(1));
        CHECK(s.counter("tcp.fin_without_ack") == 1);
        s.sends(seg({.fin = true, .syn = true}).seq(1));
        CHECK(s.counter("tcp.syn_fin") == 1);
        s.sends(seg({.syn = true, .rst = true}).seq(2));
        CHECK(s.counter("tcp.syn_rst") == 1);
    };
    SECTION("a listener does not answer") {
        script s;
        s.listens();
        try_all(s);
        s.expects_nothing();
        CHECK(s.layer().socket_count() == 1);
        CHECK(s.counter("tcp.invalid") == 5);
    }
    SECTION("a connection goes on") {
        script s;
        s.establish_passive();
        try_all(s);
        CHECK(s.current() == state::established);
        CHECK(s.layer().available(s.socket) == 0);
    }
}

TEST_CASE("LAND, port zero and peers that are no hosts are counted and not answered") {
    script s;
    s.listens();
    const flow good = s.ends;
    s.ends.remote = s.ends.local;
    CHECK(s.sends(syn()) == disposition::invalid);
    CHECK(s.counter("tcp.land") == 1);
    s.ends = good;
    s.ends.remote.address = ip_address::v4(224, 0, 0, 1);
    CHECK(s.sends(syn()) == disposition::invalid);
    CHECK(s.counter("tcp.bad_peer") == 1);
    s.ends = good;
    s.ends.remote.port = 0;
    CHECK(s.sends(syn()) == disposition::invalid);
    CHECK(s.sends(ack(1)) == disposition::invalid);
    s.ends = good;
    s.ends.local.port = 0;
    CHECK(s.sends(syn()) == disposition::invalid);
    CHECK(s.counter("tcp.port_zero") == 3);
    s.expects_nothing();
}

// RFC 2018 8: what was reported may be given up; what is in order is not
TEST_CASE("memory that runs short is taken from what came out of order") {
    tcp_config config;
    config.buffer_memory_bytes = 40 * 4096;
    config.receive_buffer_bytes = 1U << 20;
    config.unaccepted_bytes_max = 1U << 20;
    script s(config);
    s.establish_passive(syn().mss(1460).scale(7));
    constexpr std::uint32_t block = 4080;
    std::uint32_t at = 1;
    for (; at < 20 * block; at += block) s.sends(data(at, block).ack(1));
    std::uint32_t behind = at + 60 * block;
    while (s.sends(data(behind, block).ack(1)) == disposition::consumed) behind += block;
    CHECK(s.layer().info(s.socket)->reassembly_ranges == 1);  // three quarters are taken
    while (s.sends(data(at, block).ack(1)) == disposition::consumed) at += block;
    CHECK(at >= 38 * block);
    CHECK(s.counter("tcp.reassembly_pruned") == 1);
    CHECK(s.counter("tcp.no_memory") == 1);
    CHECK(s.layer().info(s.socket)->reassembly_ranges == 0);
    CHECK(s.reads() == at - 1);
    s.sends(data(at, block).ack(1));
    CHECK(s.reads() == block);
}

TEST_CASE("what is to be sent leaves memory for what arrives") {
    tcp_config config;
    config.buffer_memory_bytes = 64 * 4096;
    script s(config);
    s.establish_passive();
    CHECK(s.writes(1U << 20) <= 60 * 4080);
    s.after(1ms);
    CHECK(s.sends(data(1, 1000).ack(1)) == disposition::consumed);
    CHECK(s.reads() == 1000);
}

TEST_CASE("who is not accepted yet holds little memory") {
    script s;
    s.listens();
    s.sends(syn().mss(1460).scale(7));
    s.expects(syn_ack());
    s.sends(ack(1).seq(1));
    std::uint32_t at = 1;
    while (s.sends(data(at, 1460).ack(1)) == disposition::consumed && at < 1U << 20) at += 1460;
    CHECK(at <= 2 * 65536);
    s.accepts();
    CHECK(s.reads() >= 60000);
    for (int i = 0; i < 200; ++i, at += 1460) s.sends(data(at, 1460).ack(1));
}
