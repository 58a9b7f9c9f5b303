// Hostile input: segments, calls and clock jumps by a seed, against one layer. Whatever comes,
// nothing asserts, limits hold, and at the end nothing is left.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/tcp/cable.hpp"
#include "tests/tcp/short_ways.hpp"

using namespace coax::stack;
using namespace coax::tests;

namespace {

class storm {
  public:
    explicit storm(std::uint64_t seed)
        : random_(seed), layer_random_(seed + 1000), layer_(limits(), layer_random_) {
        listener_ = *layer_.open(nullptr);
        REQUIRE(layer_.bind(listener_, {ip_address::any_v4(), 80}, true));
        REQUIRE(layer_.listen(listener_, 4));
    }
    void turn() {
        switch (random_.below(12)) {
            case 0: call(); break;
            case 1: pass_time(); break;
            case 2: drain_events(); break;
            case 3: echo_state(); break;
            default: segment(); break;
        }
        if (random_.chance(0.7)) pull();
    }
    void finish() {
        for (const auto& s : sockets_) layer_.close(s, now_);
        layer_.close(listener_, now_);
        for (int i = 0; i < 5000; ++i) {
            pull();
            const instant next = layer_.next_deadline();
            if (next == never) break;
            now_ = std::max(now_, next);
            layer_.advance(now_);
        }
        CHECK(layer_.socket_count() == 0);
        CHECK(layer_.next_sender() == nullptr);
        CHECK(layer_.next_deadline() == never);
    }

  private:
    static tcp_config limits() {
        tcp_config config;
        config.connections_max = 12;
        config.half_open_max = 6;
        config.time_wait_max = 4;
        config.syn_queue_max = 3;
        config.reply_queue_max = 5;
        config.buffer_memory_bytes = 40 * 4096;
        config.receive_buffer_bytes = 40000;
        config.receive_buffer_max_bytes = 40000;
        config.send_buffer_bytes = 20000;
        config.send_buffer_max_bytes = 20000;
        config.user_timeout = 100s;
        return config;
    }
    // Mostly near what the layer sent last, sometimes anywhere.
    std::uint32_t near(std::uint32_t value) {
        switch (random_.below(6)) {
            case 0: return static_cast<std::uint32_t>(random_.next());
            case 1: return value + static_cast<std::uint32_t>(random_.below(60000)) - 30000;
            case 2: return value + static_cast<std::uint32_t>(random_.below(5)) - 2;
            default: return value;
        }
    }
    void segment() {
        peer& p = peers_[random_.below(peers_.size())];
        wire::tcp_header h;
        h.source_port = p.port;
        h.destination_port = 80;
        const std::uint64_t kind = random_.below(16);
        h.flags.syn = kind < 4;
        h.flags.ack = kind != 0 && kind != 1;
        h.flags.fin = kind == 5;
        h.flags.rst = kind == 6 && random_.chance(0.3);
        if (random_.chance(0.02)) h.flags = {true, true, true, true, true, true, true, true};
        h.sequence = near(p.next);
        h.acknowledgment = near(p.seen);
        h.window = static_cast<std::uint16_t>(random_.below(65536) >> random_.below(16));
        if (random_.chance(0.5))
            h.options.timestamps = wire::tcp_timestamps{near(p.stamp++), near(p.stamp_seen)};
        if (h.flags.syn && random_.chance(0.7))
            h.options.maximum_segment_size = static_cast<std::uint16_t>(random_.below(9000));
        h.options.sack_permitted = h.flags.syn && random_.chance(0.7);
        if (!h.flags.syn && random_.chance(0.4)) {
            h.options.sack_count = static_cast<std::uint8_t>(1 + random_.below(4));
            for (auto& block : h.options.sack) {
                block.left = near(p.seen) - static_cast<std::uint32_t>(random_.below(20000));
                block.right = block.left + static_cast<std::uint32_t>(random_.below(5000));
            }
        }
        if (h.flags.syn && random_.chance(0.5))
            h.options.window_scale = static_cast<std::uint8_t>(random_.below(256));
        const std::uint32_t length =
            random_.chance(0.6) ? 0 : static_cast<std::uint32_t>(random_.below(3000));
        const flow ends{{cable::address(0), 80}, {cable::address(1), p.port}};
        input_by_short_way(layer_, ends, h, const_bytes(bytes_.data(), length), now_);
        if (random_.chance(0.6)) p.next = h.sequence + length + (h.flags.syn ? 1 : 0);
    }
    void call() {
        if (const auto a = layer_.accept(listener_)) sockets_.push_back(a->socket);
        if (random_.chance(0.2) && sockets_.size() < 20) connect();
        if (sockets_.empty()) return;
        const std::size_t at = random_.below(sockets_.size());
        const tcp::socket_id s = sockets_[at];
        const std::size_t n = random_.below(bytes_.size());
        const const_bytes out(bytes_.data(), n);
        const mutable_bytes in(bytes_.data(), n);
        switch (random_.below(9)) {
            case 0: layer_.close(s, now_); break;
            case 1: layer_.abort(s, now_); break;
            case 2:
                (void)layer_.shutdown(s, static_cast<tcp::shutdown_side>(random_.below(3)), now_);
                break;
            case 3: (void)layer_.set_no_delay(s, random_.chance(0.5), now_); break;
            case 4: (void)layer_.set_keep_alive(s, random_.chance(0.5), now_); break;
            case 5: (void)layer_.set_receive_buffer(s, static_cast<std::uint32_t>(n)); break;
            case 6: (void)layer_.receive(s, {&in, 1}, now_); break;
            default: (void)layer_.send(s, {&out, 1}, now_); break;
        }
        if (layer_.info(s).code() == error::bad_handle)
            sockets_.erase(sockets_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    void connect() {
        const auto s = layer_.open(nullptr);
        if (!s) return;
        sockets_.push_back(*s);
        if (random_.chance(0.5)) (void)layer_.bind(*s, {cable::address(0), 80}, true);
        const peer& p = peers_[random_.below(peers_.size())];
        (void)layer_.connect(*s, {cable::address(1), p.port}, cable::address(0), now_);
    }
    void echo_state() {  // an ICMP error, true or not
        const peer& p = peers_[random_.below(peers_.size())];
        const flow ends{{cable::address(0), 80}, {cable::address(1), p.port}};
        layer_.icmp_error(ends, near(p.seen - 1), static_cast<tcp::icmp_verdict>(random_.below(3)),
                          error::host_unreachable, static_cast<std::uint16_t>(random_.below(2000)),
                          now_);
    }
    void pass_time() {
        now_ += duration(random_.below(std::uint64_t{1} << random_.below(38)));
        layer_.advance(now_);
    }
    void drain_events() {
        tcp::event e;
        while (layer_.next_event(e)) REQUIRE(e.socket);
    }
    void pull() {
        while (tcp::sender* from = layer_.next_sender()) {
            if (random_.chance(0.05)) {
                layer_.unreachable(*from, error::host_unreachable, now_);
                continue;
            }
            from->route.mtu = static_cast<std::uint16_t>(600 + random_.below(3) * 450);
            tcp::segment s;
            if (!next_by_short_way(layer_, *from, now_, s)) continue;
            REQUIRE(s.payload_size + 40 <= 1500);
            for (peer& p : peers_) {
                if (p.port != s.ends.remote.port) continue;
                p.seen = s.header.sequence + s.payload_size + (s.header.flags.syn ? 1 : 0) +
                         (s.header.flags.fin ? 1 : 0);
                if (s.header.flags.ack && random_.chance(0.8)) p.next = s.header.acknowledgment;
                if (s.header.options.timestamps) p.stamp_seen = s.header.options.timestamps->value;
            }
        }
    }

    struct peer {
        std::uint16_t port;
        std::uint32_t next = 0, seen = 0, stamp = 1, stamp_seen = 0;
    };
    seeded random_;
    seeded layer_random_;
    tcp::layer layer_;
    instant now_{50s};
    tcp::socket_id listener_;
    std::vector<tcp::socket_id> sockets_;
    std::array<peer, 6> peers_{{{100}, {101}, {102}, {103}, {104}, {105}}};
    std::vector<std::byte> bytes_ = std::vector<std::byte>(4000);
};

}  // namespace

TEST_CASE("a storm of segments, calls and clock jumps") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        INFO("seed " << seed);
        storm s(seed);
        for (int i = 0; i < 3000; ++i) s.turn();
        s.finish();
    }
}

// RFC 9293 3.6, 3.10.4, 3.10.5: whatever the order of closing, both sides end
TEST_CASE("connections come and go over a bad cable, and nothing is left") {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        INFO("seed " << seed);
        cable c(seed, {.loss = 0.05, .duplication = 0.03, .reordering = 0.1});
        seeded random(seed + 77);
        const auto listener = *c.side(1).open(nullptr);
        REQUIRE(c.side(1).bind(listener, {ip_address::any_v4(), 80}, true));
        REQUIRE(c.side(1).listen(listener, 64));
        std::vector<std::pair<std::size_t, tcp::socket_id>> open;
        const std::array<std::byte, 5000> bytes{};
        for (int round = 0; round < 400; ++round) {
            if (random.chance(0.5)) {
                const auto s = *c.side(0).open(nullptr);
                REQUIRE(c.side(0).connect(s, {cable::address(1), 80}, cable::address(0), c.now()));
                open.emplace_back(0, s);
            }
            while (const auto a = c.side(1).accept(listener)) open.emplace_back(1, a->socket);
            if (!open.empty()) {
                const std::size_t at = random.below(open.size());
                const auto [side, s] = open[at];
                const const_bytes piece(bytes.data(), 1 + random.below(bytes.size()));
                const std::uint64_t what = random.below(6);
                if (what < 3) (void)c.side(side).send(s, {&piece, 1}, c.now());
                else if (what == 3)
                    (void)c.side(side).shutdown(s, tcp::shutdown_side::send, c.now());
                else if (what == 4) c.side(side).close(s, c.now());
                else c.side(side).abort(s, c.now());
                if (what > 3) open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
            }
            c.run_for(duration(random.below(20'000'000)));
        }
        for (const auto& [side, s] : open) c.side(side).close(s, c.now());
        c.run_for(10s);
        while (const auto a = c.side(1).accept(listener)) c.side(1).close(a->socket, c.now());
        c.side(1).close(listener, c.now());
        c.run_for(4000s);
        CHECK(c.side(0).socket_count() == 0);
        CHECK(c.side(1).socket_count() == 0);
        CHECK(c.side(0).next_deadline() == never);
        CHECK(c.side(1).next_deadline() == never);
    }
}
