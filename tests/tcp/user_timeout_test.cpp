// The user timeout option (RFC 5482 3): told and obeyed in SYNs, off unless configured.
#include <catch2/catch.hpp>

#include "stack/wire/tcp.hpp"
#include "tests/tcp/script.hpp"

using namespace coax::tests;
using namespace coax::stack;

namespace {

tcp_config with_option(bool on = true) {
    tcp_config config;
    config.user_timeout_option = on;
    return config;
}

// How long a connection waits for an acknowledgment that does not come.
duration patience(script& s) {
    const instant began = s.now();
    s.writes(10);
    while (s.layer().error_of(s.socket) == error::none && s.now() - began < 8000s) s.after(10s);
    CHECK(s.layer().error_of(s.socket) == error::timed_out);
    return s.now() - began;
}

}  // namespace

TEST_CASE("a listener's user timeout is told in its SYN,ACK, in seconds or minutes") {
    const auto [timeout, told] = GENERATE(std::pair<duration, std::uint16_t>{1500ms, 2},
                                          std::pair<duration, std::uint16_t>{32767s, 32767},
                                          std::pair<duration, std::uint16_t>{36000s, 0x8000 | 600});
    script s(with_option());
    s.listens();
    REQUIRE(s.layer().set_user_timeout(s.listener, timeout));
    s.sends(syn().mss(1460));
    s.expects(syn_ack().user_timeout(told));
}

TEST_CASE("a longer user timeout of the peer is taken over, within the limit") {
    const auto [told, least] = GENERATE(
        std::pair<int, duration>{1800, 1800s}, std::pair<int, duration>{0x8000 | 30, 1800s},
        std::pair<int, duration>{0x8000 | 30000, 7200s}, std::pair<int, duration>{20, 900s},
        std::pair<int, duration>{0, 900s});
    script s(with_option());
    s.listens();
    s.sends(syn().mss(1460).user_timeout(static_cast<std::uint16_t>(told)));
    s.expects(syn_ack());
    s.sends(ack(1).seq(1));
    s.accepts();
    const duration waited = patience(s);
    CHECK(waited >= least - 70s);  // the last retransmission that finds it over
    CHECK(waited <= least + 130s);
}

TEST_CASE("the user's own timeout is not changed by the peer's, nor any when it is off") {
    const bool on = GENERATE(true, false);
    script s(with_option(on));
    s.listens();
    if (on) REQUIRE(s.layer().set_user_timeout(s.listener, 60s));
    s.sends(syn().mss(1460).user_timeout(3600));
    s.expects(on ? syn_ack().user_timeout(60) : syn_ack());
    s.sends(ack(1).seq(1));
    s.accepts();
    CHECK(patience(s) <= (on ? 130s : 1030s));
}

TEST_CASE("the user timeout option is written and read back") {
    wire::tcp_header header;
    header.flags.syn = true;
    header.options.maximum_segment_size = 1460;
    header.options.window_scale = 7;
    header.options.sack_permitted = true;
    header.options.timestamps = wire::tcp_timestamps{1, 2};
    header.options.user_timeout = 0x8005;
    std::array<std::byte, wire::tcp_header_max> bytes{};
    const std::size_t length = wire::tcp_header_length(header);
    wire::emit_tcp(header, bytes.data());
    const auto parsed = wire::parse_tcp(const_bytes(bytes).first(length));
    CHECK(parsed.fault == wire::tcp_fault::none);
    CHECK(parsed.header == header);
}
