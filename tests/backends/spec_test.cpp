// Specification strings: what is understood, and the one line that a wrong one gets.
#include "backends/spec.hpp"

#include <sstream>
#include <string>
#include <variant>

#include <catch2/catch.hpp>

#include "stack/config.hpp"

namespace {

using namespace coax::backends;
using coax::stack::ip_address;
using namespace std::chrono_literals;

template <class Kind>
Kind parsed(const char* text) {
    auto result = parse_spec(text);
    if (auto* wrong = std::get_if<failure>(&result)) FAIL(wrong->message);
    const spec& s = std::get<spec>(result);
    REQUIRE(std::holds_alternative<Kind>(s));
    return std::get<Kind>(s);
}

std::string refused(const char* text) {
    auto result = parse_spec(text);
    REQUIRE(std::holds_alternative<failure>(result));
    return std::get<failure>(result).message;
}

TEST_CASE("spec: kernel") { parsed<kernel_spec>("kernel"); }

TEST_CASE("spec: xdp with its defaults") {
    const auto x = parsed<xdp_spec>("xdp:eth1,ip=198.18.0.2/24");
    CHECK(x.interface == "eth1");
    REQUIRE(x.addresses.size() == 1);
    CHECK(x.addresses[0].address == ip_address::v4(198, 18, 0, 2));
    CHECK(x.addresses[0].length == 24);
    CHECK(x.gateway.is_unspecified());
    CHECK(x.mode == xdp_spec::attach_mode::automatic);
    CHECK(x.queue == 0);
    CHECK(x.queues == 1);
    CHECK(x.tx_checksum);
    CHECK(x.gso);
    CHECK(x.rx_checksum == xdp_spec::checksum::automatic);
    CHECK_FALSE(x.faults.any());
    CHECK(x.capture.empty());
}

TEST_CASE("spec: how names are found") {
    const auto w = parsed<wire_spec>(
        "wire,dns=198.18.0.1,dns=198.18.0.2:5353,dns=[fd00:c0a0::1]:54,dns=fd00:c0a0::2,"
        "search=lab.example,search=Example,hosts=/tmp/hosts,resolv=/tmp/resolv.conf");
    REQUIRE(w.names.servers.size() == 4);
    CHECK(w.names.servers[0].address == ip_address::v4(198, 18, 0, 1));
    CHECK(w.names.servers[0].port == 53);
    CHECK(w.names.servers[1].port == 5353);
    CHECK(w.names.servers[2].address.is_v6());
    CHECK(w.names.servers[2].port == 54);
    CHECK(w.names.servers[3].port == 53);
    CHECK(w.names.search == std::vector<std::string>{"lab.example", "Example"});
    CHECK(w.names.hosts == "/tmp/hosts");
    CHECK(w.names.configuration == "/tmp/resolv.conf");
    const auto x = parsed<xdp_spec>("xdp:eth1,ip=198.18.0.2/24,dns=198.18.0.1");
    CHECK(x.names.servers.size() == 1);
    CHECK(x.names.hosts.empty());
    for (const char* wrong : {"", "localhost", "127.0.0.1", "198.18.0.1:", "198.18.0.1:0",
                              "[fd00::1", "[fd00::1]53", "198.18.0.1:65536", "0.0.0.0"}) {
        CAPTURE(wrong);
        CHECK(refused(("wire,dns=" + std::string(wrong)).c_str()).find("dns=") !=
              std::string::npos);
    }
    for (const char* wrong : {"", "a..b", "bad name", "1.2.3.4", "a/b"}) {
        CAPTURE(wrong);
        CHECK(refused(("wire,search=" + std::string(wrong)).c_str()).find("a domain") !=
              std::string::npos);
    }
    std::string many = "wire";
    for (int i = 1; i != 10; ++i) many += ",dns=198.18.0." + std::to_string(i);
    CHECK(refused(many.c_str()).find("at most 8") != std::string::npos);
    CHECK(refused("kernel,dns=198.18.0.1").find("kernel takes neither") != std::string::npos);
}

TEST_CASE("spec: xdp with every key") {
    const auto x = parsed<xdp_spec>(
        "xdp:eth1.5,ip=198.18.0.2/24,ip=fd00:c0a0::2/64,gw=198.18.0.1,mode=skb,queue=2,queues=3,"
        "frames=8192,ring=1024,rx_checksum=partial,tx_checksum=off,gso=off,loss=0.02,burst=3,"
        "duplicate=0.01,reorder=0.5,corrupt=1,delay=10ms,jitter=1.5us,seed=42,capture=/tmp/a.pcap");
    CHECK(x.interface == "eth1.5");
    REQUIRE(x.addresses.size() == 2);
    CHECK(x.addresses[1].address.is_v6());
    CHECK(x.addresses[1].length == 64);
    CHECK(x.gateway == ip_address::v4(198, 18, 0, 1));
    CHECK(x.mode == xdp_spec::attach_mode::skb);
    CHECK(x.queue == 2);
    CHECK(x.queues == 3);
    CHECK(x.frames == 8192);
    CHECK(x.ring_entries == 1024);
    CHECK(x.rx_checksum == xdp_spec::checksum::partial);
    CHECK_FALSE(x.tx_checksum);
    CHECK_FALSE(x.gso);
    CHECK(x.faults.loss == 0.02);
    CHECK(x.faults.burst == 3);
    CHECK(x.faults.duplicate == 0.01);
    CHECK(x.faults.reorder == 0.5);
    CHECK(x.faults.corrupt == 1);
    CHECK(x.faults.delay == 10ms);
    CHECK(x.faults.jitter == 1500ns);
    CHECK(x.faults.seed == 42);
    CHECK(x.capture == "/tmp/a.pcap");
}

TEST_CASE("spec: wire, bare and with keys") {
    const auto bare = parsed<wire_spec>("wire");
    CHECK(bare.segment == "default");
    CHECK(bare.addresses.empty());
    CHECK(bare.mtu == 1500);
    const auto w = parsed<wire_spec>(
        "wire:lan,ip=198.18.0.9/24,mtu=9000,gso=on,rx_checksum=trusted,full=drop,spread=frame,"
        "loss=0.1,seed=7");
    CHECK(w.segment == "lan");
    REQUIRE(w.addresses.size() == 1);
    CHECK(w.mtu == 9000);
    CHECK(w.gso);
    CHECK(w.rx_checksum == wire_spec::checksum::trusted);
    CHECK(w.full == wire_spec::when_full::drop);
    CHECK(w.spread == wire_spec::spreading::frame);
    CHECK(w.faults.loss == 0.1);
    CHECK(w.faults.seed == 7);
}

TEST_CASE("spec: a key behind the colon of a wire is not taken for its name") {
    CHECK(refused("wire:loss=0.02").find("wire,loss=0.02") != std::string::npos);
    CHECK(refused("wire:ip=198.18.0.9/24,mtu=9000").find("comma") != std::string::npos);
}

TEST_CASE("spec: what TCP is asked for, on both media") {
    const auto bare = parsed<wire_spec>("wire").tcp;
    CHECK(bare.congestion.empty());
    CHECK(bare.ecn == tcp_choices::ecn_use::standard);
    CHECK_FALSE(bare.pacing);
    CHECK(bare.idle == tcp_choices::idle_window::standard);
    const auto w = parsed<wire_spec>("wire,congestion=newreno,ecn=on,pacing=on").tcp;
    CHECK(w.congestion == "newreno");
    CHECK(w.ecn == tcp_choices::ecn_use::on);
    CHECK(w.pacing);
    const auto x = parsed<xdp_spec>("xdp:e,ip=198.18.0.2/24,congestion=cubic,ecn=off").tcp;
    CHECK(x.congestion == "cubic");
    CHECK(x.ecn == tcp_choices::ecn_use::off);
    CHECK(parsed<wire_spec>("wire,idle=validate").tcp.idle == tcp_choices::idle_window::validate);
    CHECK(parsed<wire_spec>("wire,idle=keep").tcp.idle == tcp_choices::idle_window::keep);
    CHECK(parsed<xdp_spec>("xdp:e,ip=198.18.0.2/24,idle=restart").tcp.idle ==
          tcp_choices::idle_window::restart);
    CHECK(parsed<wire_spec>("wire,idle=decay").tcp.idle == tcp_choices::idle_window::decay);
    // The words are the stack's.
    for (const auto name : coax::stack::congestion_algorithm_names)
        CHECK(parsed<wire_spec>(("wire,congestion=" + std::string(name)).c_str()).tcp.congestion ==
              name);
}

TEST_CASE("spec: the gateway of either end of the prefix, and a /31") {
    CHECK(parsed<xdp_spec>("xdp:e,ip=198.18.0.0/31").addresses[0].length == 31);
    CHECK(parsed<xdp_spec>("xdp:e,ip=198.18.0.2/24,gw=198.18.0.254").gateway ==
          ip_address::v4(198, 18, 0, 254));
}

struct wrong_spec {
    const char* text;
    const char* says;  // a part of the message
};

constexpr wrong_spec wrong_specs[] = {
    {"", "no kind"},
    {",ip=198.18.0.2/24", "no kind"},
    {"dpdk", "unknown kind \"dpdk\"; the kinds are kernel, wire, xdp"},
    {"XDP:eth1,ip=198.18.0.2/24", "unknown kind \"XDP\""},
    {"kernel:eth0", "neither a name nor keys"},
    {"kernel,ip=198.18.0.2/24", "neither a name nor keys"},
    {"wire:", "name is missing"},
    {"wire,", "\"\" is not of the form key=value"},
    {"wire,mtu=575", "mtu=575 must be a whole number, 576..65521"},
    {"wire,mtu=1500x", "must be a whole number"},
    {"wire,mtu=-1", "must be a whole number"},
    {"wire,mtu=99999999999999999999", "must be a whole number"},
    {"wire,gso=yes", "gso=yes must be on or off"},
    {"wire,full=", "must be wait or drop"},
    {"wire,spread=all", "must be flow or frame"},
    {"wire,congestion=vegas", "congestion=vegas must be cubic, newreno or bbr"},
    {"wire,ecn=maybe", "ecn=maybe must be off, accept or on"},
    {"wire,pacing=1", "pacing=1 must be on or off"},
    {"wire,idle=never", "idle=never must be keep, restart, decay or validate"},
    {"wire,gw=198.18.0.1", "unknown key \"gw\"; wire has ip, mtu, gso, rx_checksum, full, spread"},
    {"xdp", "xdp needs an interface: write xdp:IFACE,ip=A.B.C.D/LEN"},
    {"xdp:", "xdp needs an interface"},
    {"xdp:,ip=198.18.0.2/24", "xdp needs an interface"},
    {"xdp:a/b,ip=198.18.0.2/24", "can't be the name of an interface"},
    {"xdp:..,ip=198.18.0.2/24", "can't be the name of an interface"},
    {"xdp:sixteen-letters-,ip=198.18.0.2/24", "can't be the name of an interface"},
    {"xdp:eth1", "needs an address"},
    {"xdp:eth1,ip", "\"ip\" is not of the form key=value"},
    {"xdp:eth1,=5", "\"=5\" is not of the form key=value"},
    {"xdp:eth1,ip=198.18.0.2/24,", "is not of the form"},
    {"xdp:eth1,ip=", "is not an IP address"},
    {"xdp:eth1,ip=198.18.0/24", "is not an IP address"},
    {"xdp:eth1,ip=198.18.0.256/24", "is not an IP address"},
    {"xdp:eth1,ip=198.18.0.2", "lacks the length of the network's prefix: write 198.18.0.2/24"},
    {"xdp:eth1,ip=fd00::2", "write fd00::2/64"},
    {"xdp:eth1,ip=198.18.0.2/", "has a bad prefix length"},
    {"xdp:eth1,ip=198.18.0.2/33", "must be a whole number, 1..32"},
    {"xdp:eth1,ip=198.18.0.2/0", "must be a whole number, 1..32"},
    {"xdp:eth1,ip=fd00::2/129", "must be a whole number, 1..128"},
    {"xdp:eth1,ip=198.18.0.0/24", "is the address of the network"},
    {"xdp:eth1,ip=198.18.0.255/24", "is the broadcast address"},
    {"xdp:eth1,ip=127.0.0.1/8", "is not an address that a host on a network can have"},
    {"xdp:eth1,ip=224.0.0.1/24", "is not an address that a host"},
    {"xdp:eth1,ip=0.0.0.0/24", "is not an address that a host"},
    {"xdp:eth1,ip=255.255.255.255/24", "is not an address that a host"},
    {"xdp:eth1,ip=198.18.0.2/24,ip=198.18.0.2/16", "ip=198.18.0.2/16 is given twice"},
    {"xdp:eth1,ip=198.18.0.2/24,gw=198.18.1.1", "is not in the network of any ip="},
    {"xdp:eth1,ip=198.18.0.2/24,gw=198.18.0.2", "is coax's own address"},
    {"xdp:eth1,ip=198.18.0.2/24,gw=fd00::1", "is not in the network of any ip="},
    {"xdp:eth1,ip=198.18.0.2/24,gw=x", "gw=x is not an IP address"},
    {"xdp:eth1,ip=198.18.0.2/24,mode=fast", "mode=fast must be auto, native or skb"},
    {"xdp:eth1,ip=198.18.0.2/24,mode=skb,mode=skb", "the key \"mode\" is given twice"},
    {"xdp:eth1,ip=198.18.0.2/24,queue=4096", "0..4095"},
    {"xdp:eth1,ip=198.18.0.2/24,queues=0", "1..64"},
    {"xdp:eth1,ip=198.18.0.2/24,frames=64", "128..1048576"},
    {"xdp:eth1,ip=198.18.0.2/24,ring=1000", "must be a power of two, 64..32768"},
    {"xdp:eth1,ip=198.18.0.2/24,ring=32", "must be a power of two"},
    {"xdp:eth1,ip=198.18.0.2/24,rx_checksum=off", "must be auto, strict, partial or trusted"},
    {"xdp:eth1,ip=198.18.0.2/24,tx_checksum=1", "must be on or off"},
    {"xdp:eth1,ip=198.18.0.2/24,color=red", "unknown key \"color\"; xdp has ip, gw, mode, queue"},
    {"wire,loss=1.5", "loss=1.5 must be a share between 0 and 1"},
    {"wire,loss=nan", "must be a share"},
    {"wire,loss=2%", "must be a share"},
    {"wire,burst=0.5", "must be a number of at least 1"},
    {"wire,delay=10", "must be a duration with its unit"},
    {"wire,delay=ms", "must be a duration"},
    {"wire,delay=5min", "must be a duration"},
    {"wire,delay=-5ms", "must be a duration"},
    {"wire,delay=7200s", "must be at most 3600s"},
    {"wire,seed=x", "must be a whole number"},
    {"wire,capture=", "must be the name of a file"},
};

TEST_CASE("spec: each wrong one gets one line that says what is wrong") {
    for (const auto& [text, says] : wrong_specs) {
        CAPTURE(text);
        const std::string message = refused(text);
        CHECK_THAT(message, Catch::Contains(says));
        CHECK(message.find('\n') == std::string::npos);
        // The string itself is in the line, so that the user sees where.
        if (*text != '\0' && *text != ',') CHECK_THAT(message, Catch::Contains(text));
    }
}

}  // namespace
