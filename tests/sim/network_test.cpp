// The simulated network by itself: what lanes, cards and routers do to frames.

#include "tests/sim/network/network.hpp"

#include <catch2/catch.hpp>

#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/tcp.hpp"
#include "tests/sim/network/segmentation.hpp"

namespace {

using namespace coax;
using namespace coax::sim;
using namespace std::chrono_literals;
namespace wire = stack::wire;

// Takes down when each frame came and its first byte.
struct sink final : receiver {
    explicit sink(schedule& s) : time(s) {}
    void on_frame(frame_ptr arrived) override {
        came.push_back({time.now(), std::to_integer<int>(arrived->data()[0])});
        lengths.push_back(arrived->length);
        damaged += arrived->damaged ? 1 : 0;
    }
    struct arrival {
        stack::instant when;
        int mark;
    };
    schedule& time;
    std::vector<arrival> came;
    std::vector<std::uint32_t> lengths;
    int damaged = 0;
};

struct one_lane {
    explicit one_lane(const lane_options& options, std::uint64_t seed = 1)
        : way(time, frames, options, seed), end(time) {
        way.lead_to(end);
    }
    stack::instant send(int mark, std::uint32_t length = 1000) {
        frame_ptr f = frames.take(length);
        f->length = length;
        std::fill_n(f->data(), length, std::byte{0});
        f->data()[0] = static_cast<std::byte>(mark);
        return way.send(std::move(f));
    }
    void run() {
        while (time.run_next(stack::never)) {
        }
    }
    schedule time;
    frame_pool frames;
    lane way;
    sink end;
};

TEST_CASE("lane: delay and bandwidth are kept to the nanosecond") {
    lane_options o;
    o.delay = 3ms;
    o.bits_per_second = 8'000'000;  // a byte each microsecond
    one_lane l(o);
    CHECK(l.send(1) == schedule::beginning + 1ms);
    CHECK(l.send(2) == schedule::beginning + 2ms);
    l.run();
    REQUIRE(l.end.came.size() == 2);
    CHECK(l.end.came[0].when == schedule::beginning + 4ms);
    CHECK(l.end.came[1].when == schedule::beginning + 5ms);
    CHECK(l.frames.out() == 0);
}

TEST_CASE("lane: what does not fit the queue is lost at its tail") {
    lane_options o;
    o.bits_per_second = 8'000'000;
    o.queue_bytes = 3000;
    one_lane l(o);
    for (int i = 0; i < 10; ++i) l.send(i);
    l.run();
    REQUIRE(l.end.came.size() == 3);
    CHECK(l.end.came[2].mark == 2);
    CHECK(l.way.counters().lost_queue_full == 7);
    CHECK(l.way.counters().balanced(0));
}

TEST_CASE("lane: shares are met, and every frame is accounted for") {
    lane_options o;
    o.loss = 100'000;
    o.duplicate = 50'000;
    o.damage = 20'000;
    o.reorder = 100'000;
    o.reorder_by = 5us;
    o.burst_enter = 1000;
    o.burst_leave = 250'000;
    one_lane l(o, 7);
    for (int i = 0; i < 20'000; ++i) l.send(i & 0x7f);
    l.run();
    const lane_counters& c = l.way.counters();
    CHECK(c.balanced(0));
    CHECK(c.lost_by_chance > 1800);
    CHECK(c.lost_by_chance < 2200);
    CHECK(c.duplicated > 700);
    CHECK(c.damaged > 250);
    CHECK(c.lost_in_burst > 20);
    CHECK(c.reordered > 1500);
    CHECK(l.end.came.size() == c.delivered);
    CHECK(l.frames.out() == 0);
}

TEST_CASE("lane: jitter keeps the order unless told otherwise; a late frame is overtaken") {
    for (const bool keeps : {true, false}) {
        lane_options o;
        o.jitter = 10ms;
        o.keeps_order = keeps;
        one_lane l(o, 3);
        for (int i = 0; i < 100; ++i) l.send(i);
        l.run();
        const bool sorted =
            std::is_sorted(l.end.came.begin(), l.end.came.end(),
                           [](const auto& a, const auto& b) { return a.mark < b.mark; });
        CHECK(sorted == keeps);
    }
}

TEST_CASE("lane: rule, outage and black hole lose what they should") {
    lane_options o;
    o.mtu = 1486;
    o.lose_if = [](stack::const_bytes f) { return f[0] == std::byte{5}; };
    o.outages.push_back({schedule::beginning + 1ms, schedule::beginning + 2ms});
    one_lane l(o);
    l.send(5);
    l.send(6);
    l.send(7, 1501);
    l.time.run_next(schedule::beginning + 1ms);
    l.run();
    while (l.time.now() < schedule::beginning + 1ms) l.time.run_next(schedule::beginning + 1ms);
    l.send(8);
    l.time.run_next(schedule::beginning + 2ms);
    while (l.time.now() < schedule::beginning + 2ms) l.time.run_next(schedule::beginning + 2ms);
    l.send(9);
    l.run();
    REQUIRE(l.end.came.size() == 2);
    CHECK(l.end.came[0].mark == 6);
    CHECK(l.end.came[1].mark == 9);
    CHECK(l.way.counters().lost_by_rule == 1);
    CHECK(l.way.counters().lost_too_big == 1);
    CHECK(l.way.counters().lost_down == 1);
}

// An IPv4 TCP frame with that much payload and a partial checksum.
frame_ptr tcp_frame(frame_pool& frames, std::size_t payload, wire::tcp_flags flags) {
    wire::tcp_header tcp;
    tcp.source_port = 40000;
    tcp.destination_port = 80;
    tcp.sequence = 0xffff'fff0;
    tcp.flags = flags;
    tcp.options.timestamps = wire::tcp_timestamps{1, 2};
    const std::size_t header = wire::tcp_header_length(tcp);
    const std::size_t start = wire::ethernet_header_size + wire::ipv4_header_size;
    frame_ptr f = frames.take(start + header + payload);
    f->length = static_cast<std::uint32_t>(start + header + payload);
    wire::emit_ethernet({{}, {}, wire::ethernet_type_ipv4}, f->data());
    wire::ipv4_header ip;
    ip.source = stack::ip_address::v4(198, 18, 0, 1);
    ip.destination = stack::ip_address::v4(198, 18, 0, 2);
    ip.protocol = wire::protocol_tcp;
    ip.total_length = static_cast<std::uint16_t>(f->length - wire::ethernet_header_size);
    ip.time_to_live = 64;
    ip.dont_fragment = true;
    ip.traffic_class = 2;  // ECT(0)
    wire::emit_ipv4(ip, f->data() + wire::ethernet_header_size);
    wire::emit_tcp(tcp, f->data() + start);
    for (std::size_t i = 0; i < payload; ++i)
        f->data()[start + header + i] = static_cast<std::byte>(i * 7);
    const std::uint64_t pseudo =
        wire::pseudo_header_sum(ip.source, ip.destination, wire::protocol_tcp,
                                static_cast<std::uint32_t>(header + payload));
    wire::store_native(f->data() + start + wire::tcp_checksum_offset, wire::fold_sum(pseudo));
    return f;
}

bool is_whole(const frame& f) {
    const auto packet = f.bytes().subspan(wire::ethernet_header_size);
    const auto ip = wire::parse_ipv4(packet, packet.size());
    if (ip.fault != wire::ipv4_fault::none || ip.header.total_length != packet.size()) return false;
    const auto segment = packet.subspan(ip.header_length);
    const std::uint64_t pseudo =
        wire::pseudo_header_sum(ip.header.source, ip.header.destination, wire::protocol_tcp,
                                static_cast<std::uint32_t>(segment.size()));
    return wire::fold_sum(wire::sum_bytes(pseudo, segment.data(), segment.size())) == 0xffff;
}

TEST_CASE("card: a super-segment is cut into whole segments, flags where they belong") {
    frame_pool frames;
    wire::tcp_flags flags;
    flags.ack = flags.psh = flags.fin = flags.cwr = true;
    const frame_ptr whole = tcp_frame(frames, 2500, flags);
    const auto pieces = cut_segments(frames, *whole, 1000);
    REQUIRE(pieces.size() == 3);
    std::uint32_t at = 0xffff'fff0;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        CHECK(is_whole(*pieces[i]));
        const auto segment = pieces[i]->bytes().subspan(34);
        const auto parsed = wire::parse_tcp(segment);
        CHECK(parsed.header.sequence == at);
        CHECK(parsed.header.flags.cwr == (i == 0));
        CHECK(parsed.header.flags.fin == (i == 2));
        CHECK(parsed.header.flags.psh == (i == 2));
        CHECK(parsed.header.flags.ack);
        const auto payload = segment.subspan(parsed.header_length);
        for (std::size_t k = 0; k < payload.size(); ++k)
            if (payload[k] != static_cast<std::byte>((bytes + k) * 7)) FAIL("payload at " << k);
        bytes += payload.size();
        at += static_cast<std::uint32_t>(payload.size());
    }
    CHECK(bytes == 2500);
}

TEST_CASE("lane: CE is set on those that can, and the header stays whole") {
    lane_options o;
    o.bits_per_second = 8'000'000;
    o.mark_bytes = 1;
    one_lane l(o);
    bool marked = false;
    struct look final : receiver {
        explicit look(bool& m) : marked(m) {}
        void on_frame(frame_ptr f) override {
            marked = (f->data()[15] & std::byte{3}) == std::byte{3} && is_whole(*f);
        }
        bool& marked;
    } end(marked);
    l.way.lead_to(end);
    for (int i = 0; i < 2; ++i) {
        frame_ptr f = tcp_frame(l.frames, 100, {});
        finish_partial_checksum(*f, 34, wire::tcp_checksum_offset);
        l.way.send(std::move(f));
    }
    l.run();
    CHECK(marked);
    CHECK(l.way.counters().marked == 1);
}

}  // namespace
