// IGMP as a host speaks it: its messages, what is told of groups joined and left, what queries are
// answered, in three versions, and what strangers cannot make it do.
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "tests/support/stack_on_memory.hpp"

namespace {

using namespace coax::stack;
using namespace coax::test;

const ip_address group_a = *ip_address::parse("239.1.2.3");
const ip_address group_b = *ip_address::parse("239.200.0.9");

bytes message(std::initializer_list<unsigned> octets) {
    bytes made;
    for (const unsigned o : octets) made.push_back(static_cast<std::byte>(o));
    return made;
}
// A query of version 1 or 2, or (`v3`) 3; `code`: the response time.
bytes query(unsigned code, const ip_address& group = ip_address::any_v4(), bool v3 = true) {
    bytes made = message({0x11, code, 0, 0});
    for (std::size_t i = 12; i < 16; ++i) made.push_back(std::byte{group.octets()[i]});
    return v3 ? joined(made, message({2, 125, 0, 0})) : made;
}

class querier : public stack_on_memory {
  public:
    using stack_on_memory::stack_on_memory;

    udp_socket member(const ip_address& group, std::uint16_t port = 0) {
        const auto socket = *host->udp_open(nullptr);
        REQUIRE(host->udp_bind(socket, {ip_address::any_v4(), port}));
        REQUIRE(host->udp_join_group(socket, group));
        return socket;
    }
    void ask(const bytes& what, std::string_view to = "224.0.0.1", bool alert = true,
             std::string_view from = peer_ip) {
        deliver_frame(ethernet_frame(group_mac(address(to)), peer_mac, wire::ethernet_type_ipv4,
                                     igmp_packet(ipv4_of(from, to, 2), what, alert)));
    }
    // Everything that was said since, as "exclude 239.1.2.3", "report2 239.1.2.3", "leave ...".
    // Checks what all packets have in common.
    std::vector<std::string> said() {
        std::vector<std::string> all;
        while (const auto packet = take_packet()) {
            if (packet->ip.protocol != wire::protocol_igmp) continue;
            CHECK(packet->ip.time_to_live == 1);
            CHECK(packet->ip.source == address(own_ip));
            CHECK(packet->ethernet.destination == group_mac(packet->ip.destination));
            CHECK(wire::parse_ipv4(packet->packet, packet->packet.size()).has_router_alert);
            CHECK(wire::fold_sum(
                      wire::sum_bytes(0, packet->inside.data(), packet->inside.size())) == 0xffff);
            describe(*packet, all);
        }
        std::ranges::sort(all);
        return all;
    }
    // ... until nothing more is to be done before `until`.
    std::vector<std::string> said_until(instant until) {
        std::vector<std::string> all;
        while (true) {
            for (auto& each : said()) all.push_back(std::move(each));
            const instant next = host->next_deadline();
            if (next > until) break;
            now = std::max(now, next);
            turn();
        }
        now = std::max(now, until);
        std::ranges::sort(all);
        return all;
    }
    std::vector<std::string> said_within(duration time) { return said_until(now + time); }

  private:
    static void describe(const taken_apart& packet, std::vector<std::string>& all) {
        const auto parsed = wire::parse_igmp(packet.inside, packet.inside.size());
        REQUIRE(parsed);
        const std::string group = parsed->group.to_string();
        switch (parsed->type) {
            case wire::igmp::report_v1:
            case wire::igmp::report_v2:
                CHECK(packet.ip.destination == parsed->group);
                all.push_back((parsed->type == wire::igmp::report_v1 ? "report1 " : "report2 ") +
                              group);
                return;
            case wire::igmp::leave:
                CHECK(packet.ip.destination == address("224.0.0.2"));
                all.push_back("leave " + group);
                return;
            default: break;
        }
        REQUIRE(parsed->type == wire::igmp::report_v3);
        CHECK(packet.ip.destination == address("224.0.0.22"));
        CHECK(packet.ip.traffic_class == 0xc0);
        const std::size_t count = wire::load_16(packet.inside.data() + 6);
        REQUIRE(packet.inside.size() == 8 + count * 8);
        for (std::size_t i = 0; i < count; ++i) {
            const auto record =
                wire::parse_igmp_record(const_bytes(packet.inside).subspan(8 + i * 8));
            static const std::map<unsigned, std::string> names{
                {2, "is "}, {3, "left "}, {4, "joined "}};
            all.push_back(names.at(record->type) + record->group.to_string());
        }
    }
};

using words = std::vector<std::string>;

TEST_CASE("igmp: messages are read as their length and code say") {
    const auto read = [](const bytes& m) { return wire::parse_igmp(m, m.size()); };
    CHECK(read(query(0, group_a, false))->version == 1);
    CHECK(read(query(0, group_a, false))->response_time == 100);
    CHECK(read(query(20, group_a, false))->version == 2);
    CHECK(read(query(20, group_a, false))->response_time == 20);
    CHECK(read(query(20, group_a))->version == 3);
    CHECK(read(query(20, group_a))->group == group_a);
    // RFC 3376 4.1.1: from 128 on a float.
    CHECK(read(query(127))->response_time == 127);
    CHECK(read(query(128))->response_time == 128);
    CHECK(read(query(0x8f))->response_time == 31 << 3);
    CHECK(read(query(0xff))->response_time == 31 << 10);
    for (std::size_t size = 0; size < 8; ++size) CHECK_FALSE(read(bytes(size, std::byte{0x11})));
    for (std::size_t size = 9; size < 12; ++size) CHECK_FALSE(read(bytes(size, std::byte{0x11})));
    bytes sources = query(20, group_a);
    wire::store_16(sources.data() + 10, 2);
    CHECK_FALSE(read(joined(sources, bytes(7))));
    CHECK(read(joined(sources, bytes(8)))->version == 3);
    // In pieces: the first has all that is read.
    CHECK(wire::parse_igmp(const_bytes(sources), 20)->version == 3);
    // RFC 2236, by hand.
    bytes made(8);
    wire::emit_igmp(wire::igmp::report_v2, group_a, made.data());
    CHECK(made == message({0x16, 0, 0xf8, 0xfa, 239, 1, 2, 3}));
}

TEST_CASE("igmp: RFC 3376 5.1: joining and leaving is told at once, and once more") {
    querier net;
    const auto socket = net.member(group_a);
    net.turn();
    CHECK(net.said() == words{"joined 239.1.2.3"});
    CHECK(net.said_within(1s) == words{"joined 239.1.2.3"});
    CHECK(net.said_within(600s).empty());
    // Others in the same group are no news.
    const auto second = net.member(group_a);
    net.host->udp_close(socket);
    CHECK(net.said_within(10s).empty());
    REQUIRE(net.host->udp_leave_group(second, group_a));
    net.turn();
    CHECK(net.said() == words{"left 239.1.2.3"});
    CHECK(net.said_within(1s) == words{"left 239.1.2.3"});
    CHECK(net.said_within(600s).empty());
    // Closing leaves what was joined; joining again in between is what is told in the end.
    net.host->udp_close(net.member(group_b));
    const auto again = net.member(group_b);
    net.turn();
    CHECK(net.said() == words{"joined 239.200.0.9", "joined 239.200.0.9", "left 239.200.0.9"});
    CHECK(net.said_within(1s) == words{"joined 239.200.0.9"});
    CHECK(net.said_within(600s).empty());
    net.host->udp_close(again);
    CHECK(net.said_within(10s) == words{"left 239.200.0.9", "left 239.200.0.9"});
    // RFC 1112 4: nobody reports the group of all.
    const auto all = net.member(address("224.0.0.1"));
    net.ask(query(10));
    CHECK(net.said_within(10s).empty());
    net.host->udp_close(all);
    CHECK(net.said_within(10s).empty());
}

TEST_CASE("igmp: RFC 3376 5.2: queries are answered once, within their time") {
    querier net;
    const auto a = net.member(group_a);
    const auto b = net.member(group_b);
    net.said_within(10s);
    net.ask(query(50));
    CHECK(net.said().empty());
    CHECK(net.said_within(5s) == words{"is 239.1.2.3", "is 239.200.0.9"});
    CHECK(net.count("igmp.queries") == 1);
    CHECK(net.said_within(600s).empty());
    // Several are answered together, in the time of the most urgent one.
    net.ask(query(0xff));
    net.ask(query(10));
    net.ask(query(0xff));
    CHECK(net.said_within(1s) == words{"is 239.1.2.3", "is 239.200.0.9"});
    // For one group; and for none of ours. They come to the group they are about.
    net.ask(query(10, group_b), "239.200.0.9");
    net.ask(query(10, address("239.9.9.9")), "224.0.0.1");
    CHECK(net.said_within(1s) == words{"is 239.200.0.9"});
    // Of one that was left meanwhile nothing is said but that.
    net.ask(query(100));
    REQUIRE(net.host->udp_leave_group(a, group_a));
    CHECK(net.said_within(20s) == words{"is 239.200.0.9", "left 239.1.2.3", "left 239.1.2.3"});
    net.host->udp_close(b);
    net.said_within(20s);
    net.ask(query(10));
    CHECK(net.said_within(20s).empty());
}

TEST_CASE("igmp: many groups take several reports") {
    stack_config config;
    device_capabilities caps;
    caps.mtu = 576;
    querier net(config, caps);
    std::set<std::string> wanted;
    for (std::uint8_t i = 0; i < 10; ++i) {
        const auto socket = *net.host->udp_open(nullptr);
        for (std::uint8_t k = 0; k < 20; ++k) {
            const ip_address group = ip_address::v4(239, 1, i, k);
            REQUIRE(net.host->udp_join_group(socket, group));
            wanted.insert("is " + group.to_string());
        }
    }
    net.said_within(10s);
    const auto before = net.count("igmp.reports_sent");
    net.ask(query(10));
    const auto all = net.said_within(1s);
    CHECK(all.size() == 200);
    CHECK(std::set(all.begin(), all.end()) == wanted);
    CHECK(net.count("igmp.reports_sent") - before == 3);  // 68 in each
}

TEST_CASE("igmp: RFC 3376 7.2.1, RFC 2236: an older querier is answered in its own words") {
    querier net;
    const auto a = net.member(group_a);
    net.turn();
    net.said();
    net.ask(query(10, ip_address::any_v4(), false));
    // What was still to be said in version 3 is not said any more.
    CHECK(net.said_within(1s) == words{"report2 239.1.2.3"});
    CHECK(net.said_within(20s).empty());
    const auto b = net.member(group_b);
    net.turn();
    CHECK(net.said() == words{"report2 239.200.0.9"});
    CHECK(net.said_within(10s) == words{"report2 239.200.0.9"});
    // Another host was quicker.
    net.ask(query(100, ip_address::any_v4(), false));
    net.ask(message({0x16, 0, 0, 0, 239, 1, 2, 3}), "239.1.2.3");
    CHECK(net.count("igmp.suppressed") == 1);
    CHECK(net.said_within(10s) == words{"report2 239.200.0.9"});
    // So it says that it leaves, or is silent (RFC 2236 3).
    net.host->udp_close(a);
    net.host->udp_close(b);
    net.turn();
    CHECK(net.said() == words{"leave 239.200.0.9"});
    CHECK(net.said_within(20s).empty());
    CHECK(net.count("igmp.leaves_sent") == 1);
    // Version 1 is spoken as long as its querier is remembered, then 2, then 3 again.
    net.ask(query(0, ip_address::any_v4(), false), "224.0.0.1", false);
    const auto c = net.member(group_a);
    net.turn();
    CHECK(net.said() == words{"report1 239.1.2.3"});
    net.host->udp_close(c);
    net.turn();
    CHECK(net.said().empty());
    net.pass(100s);
    net.ask(query(10, ip_address::any_v4(), false));
    net.pass(161s);
    const auto d = net.member(group_a);
    net.turn();
    CHECK(net.said() == words{"report2 239.1.2.3"});
    net.said_within(90s);
    net.pass(20s);
    net.host->udp_close(d);
    net.turn();
    CHECK(net.said() == words{"left 239.1.2.3"});
}

TEST_CASE("igmp: what is damaged, forged or for routers is counted and not answered") {
    querier net;
    const auto socket = net.member(group_a);
    net.said_within(10s);
    const auto ignored = [&](std::string_view why) {
        CAPTURE(why);
        CHECK(net.count(why) == 1);
        CHECK(net.said_within(20s).empty());
    };
    net.ask(query(10), "224.0.0.1", false);
    ignored("igmp.forged");
    net.ask(message({0x11, 10, 0, 0, 0, 0, 0, 0, 2}));
    ignored("igmp.malformed");
    bytes packet = igmp_packet(ipv4_of(peer_ip, "224.0.0.1", 2), query(10));
    packet.at(packet.size() - 3) ^= std::byte{1};
    net.deliver(packet);
    ignored("igmp.bad_checksum");
    net.ask(message({0x17, 0, 0, 0, 239, 1, 2, 3}));
    ignored("igmp.ignored");
    net.ask(query(10), "224.0.0.1", true, "203.0.113.5");  // not of this link
    CHECK(net.count("igmp.forged") == 2);
    net.ask(message({0x16, 0, 0, 0, 239, 1, 2, 3}), "239.1.2.3", true, "203.0.113.5");
    CHECK(net.count("igmp.forged") == 3);
    CHECK(net.said_within(20s).empty());
    // A switch that asks may have no address; nobody else.
    net.ask(query(10), "224.0.0.1", true, "0.0.0.0");
    CHECK(net.said_within(1s) == words{"is 239.1.2.3"});
    net.deliver_frame(
        ethernet_frame(group_mac(group_a), peer_mac, wire::ethernet_type_ipv4,
                       udp_packet(ipv4_of("0.0.0.0", "239.1.2.3", 17), 1000, 7, text_bytes("x"))));
    CHECK(net.count("ip.bad_source") == 1);
    // In pieces, with more sources than it has.
    net.device.head_bytes = 14 + 24 + 12;
    bytes sources = query(10, group_a);
    wire::store_16(sources.data() + 10, 300);
    net.ask(joined(sources, bytes(4 * 300)), "239.1.2.3");
    CHECK(net.said_within(1s) == words{"is 239.1.2.3"});
    net.ask(joined(sources, bytes(4 * 300 - 1)), "239.1.2.3");
    CHECK(net.count("igmp.malformed") == 2);
    net.host->udp_close(socket);
}

TEST_CASE("igmp: who asks all the time is not answered all the time") {
    stack_config config;
    config.ip.igmp_per_second_max = 20;
    querier net(config);
    for (int i = 0; i < 5; ++i)
        net.member(ip_address::v4(239, 0, 0, static_cast<std::uint8_t>(i + 1)));
    net.said_within(10s);
    for (const bool v3 : {true, false}) {
        const auto before = net.count("igmp.reports_sent");
        const auto until = net.now + 5s;
        // All that a tenth of a second lets through, and each for all groups.
        while (net.now < until) {
            net.ask(query(1, ip_address::any_v4(), v3));
            net.pass(1ms);
        }
        const auto sent = net.count("igmp.reports_sent") - before;
        CAPTURE(v3, sent);
        CHECK(sent >= 40);
        CHECK(sent <= 20 * 6 + 5);
        net.device.sent.clear();
    }
    CHECK(net.count("igmp.rate_limited") > 0);
    // A queue that nobody empties is bounded.
    net.device.room = 0;
    for (int i = 0; i < 100'000 && net.count("igmp.queue_full") == 0; ++i)
        net.host->udp_close(net.member(group_a));
    CHECK(net.count("igmp.queue_full") > 0);
}

TEST_CASE("igmp: a device that hears no queries: groups are reported unasked, in version 2") {
    device_capabilities caps;
    caps.hears_all_groups = false;
    querier net({}, caps);
    const auto socket = net.member(group_a);
    CHECK(net.device.groups == std::vector<ip_address>{group_a});
    net.turn();
    CHECK(net.said() == words{"report2 239.1.2.3"});
    CHECK(net.said_within(10s) == words{"report2 239.1.2.3"});
    // At least once in each query interval of 125 s.
    for (int i = 0; i < 5; ++i) CHECK(net.said_within(125s).size() >= 1);
    // A query of any version that comes is answered in it, too.
    net.ask(query(10, group_a), "239.1.2.3");
    CHECK(net.said_within(1s) == words{"report2 239.1.2.3"});
    net.host->udp_close(socket);
    net.turn();
    CHECK(net.said() == words{"leave 239.1.2.3"});
    CHECK(net.device.groups.empty());
    CHECK(net.said_within(600s).empty());
    CHECK(net.host->next_deadline() == never);
}

}  // namespace
