// Addresses as text and as classes.
#include "stack/base/address.hpp"

#include <array>
#include <random>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

namespace {

using namespace coax::stack;

TEST_CASE("address: IPv4 text") {
    CHECK(ip_address::parse("198.18.0.2")->to_v4() == 0xc612'0002U);
    CHECK(ip_address::parse("198.18.0.2")->is_v4());
    CHECK(*ip_address::parse("0.0.0.0") == ip_address::any_v4());
    CHECK(ip_address::v4(198, 18, 0, 2).to_string() == "198.18.0.2");
    CHECK(ip_address::v4(0xffff'ffffU).to_string() == "255.255.255.255");
    for (const char* bad : {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ",
                            " 1.2.3.4", "1.2.3.-4", "1.2.3.+4", "1..3.4", "1.2.3.", "1.2.3.4/8",
                            "0x1.2.3.4", "1.2.3.99999999999"}) {
        CAPTURE(bad);
        CHECK_FALSE(ip_address::parse(bad));
    }
}

TEST_CASE("address: IPv6 text, printed as RFC 5952 says") {
    constexpr std::array<std::array<std::string_view, 2>, 13> cases{{
        {"::", "::"},
        {"::1", "::1"},
        {"fd00:C0A0::1", "fd00:c0a0::1"},
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:0db8::0001", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // 4.2.2: one group is not shortened
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // 4.2.3: the longest run
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // the first of equal ones
        {"1::", "1::"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::ffff:198.18.0.2", "198.18.0.2"},
        {"64:ff9b::198.18.0.2", "64:ff9b::c612:2"},
    }};
    for (const auto& [text, printed] : cases) {
        CAPTURE(text);
        const auto address = ip_address::parse(text);
        REQUIRE(address);
        CHECK(address->to_string() == printed);
        CHECK(ip_address::parse(address->to_string()) == address);
    }
    for (const char* bad :
         {":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3",
          "12345::", "g::", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:", ":1",
          "1.2.3.4::", "::1.2.3", "fe80::1%0", "::1.2.3.4.5", "1:2:3:4:5:6:7:1.2.3.4", "::1 "}) {
        CAPTURE(bad);
        CHECK_FALSE(ip_address::parse(bad));
    }
}

TEST_CASE("address: any text of these characters parses to a value or to nothing") {
    std::mt19937 random(11);
    constexpr std::string_view alphabet = "0123456789abcf:./";
    for (int round = 0; round < 50'000; ++round) {
        std::string text(random() % 24, ' ');
        for (char& c : text) c = alphabet[random() % alphabet.size()];
        if (const auto address = ip_address::parse(text))
            REQUIRE(ip_address::parse(address->to_string()) == address);
        if (const auto prefix = ip_prefix::parse(text))
            REQUIRE(ip_prefix::parse(prefix->to_string()) == prefix);
        mac_address::parse(text);
    }
}

TEST_CASE("address: both families keep apart") {
    CHECK(ip_address().is_v6());
    CHECK(ip_address() != ip_address::any_v4());
    CHECK(ip_address::parse("::1.2.3.4")->is_v6());
    CHECK(ip_address::parse("::fffe:1.2.3.4")->is_v6());
    CHECK(ip_address::parse("::1:ffff:1.2.3.4")->is_v6());
    CHECK(ip_address().is_unspecified());
    CHECK(ip_address::any_v4().is_unspecified());
    CHECK_FALSE(ip_address::parse("::1")->is_unspecified());
}

TEST_CASE("address: classes") {
    CHECK(ip_address::parse("127.255.0.1")->is_loopback());
    CHECK(ip_address::parse("::1")->is_loopback());
    CHECK_FALSE(ip_address::parse("::2")->is_loopback());
    CHECK_FALSE(ip_address::parse("128.0.0.1")->is_loopback());
    CHECK(ip_address::parse("224.0.0.1")->is_multicast());
    CHECK(ip_address::parse("239.255.255.255")->is_multicast());
    CHECK_FALSE(ip_address::parse("240.0.0.1")->is_multicast());
    CHECK(ip_address::parse("ff02::1")->is_multicast());
    CHECK(ip_address::parse("255.255.255.255")->is_limited_broadcast());
}

TEST_CASE("address: prefixes") {
    const auto net = *ip_prefix::parse("198.18.0.2/24");
    CHECK(net.contains(*ip_address::parse("198.18.0.255")));
    CHECK_FALSE(net.contains(*ip_address::parse("198.18.1.2")));
    CHECK(net.is_broadcast_of(*ip_address::parse("198.18.0.255")));
    CHECK_FALSE(net.is_broadcast_of(*ip_address::parse("198.18.0.254")));
    // RFC 3021: a /31 has no broadcast.
    CHECK_FALSE(
        ip_prefix::parse("198.18.0.2/31")->is_broadcast_of(*ip_address::parse("198.18.0.3")));
    CHECK(ip_prefix::parse("0.0.0.0/0")->contains(*ip_address::parse("9.9.9.9")));
    CHECK_FALSE(ip_prefix::parse("0.0.0.0/0")->contains(*ip_address::parse("fd00::1")));
    CHECK_FALSE(ip_prefix::parse("::/0")->contains(*ip_address::parse("9.9.9.9")));
    CHECK(ip_prefix::parse("fd00:c0a0::/33")->contains(*ip_address::parse("fd00:c0a0:7fff::1")));
    CHECK_FALSE(
        ip_prefix::parse("fd00:c0a0::/33")->contains(*ip_address::parse("fd00:c0a0:8000::1")));
    CHECK(net.to_string() == "198.18.0.2/24");
    for (const char* bad : {"198.18.0.2", "198.18.0.2/33", "198.18.0.2/", "fd00::/129", "/24",
                            "198.18.0.2/-1", "198.18.0.2/024"}) {
        CAPTURE(bad);
        CHECK_FALSE(ip_prefix::parse(bad));
    }
}

TEST_CASE("address: endpoints and MACs") {
    CHECK(endpoint{*ip_address::parse("198.18.0.2"), 80}.to_string() == "198.18.0.2:80");
    CHECK(endpoint{*ip_address::parse("fd00::1"), 443}.to_string() == "[fd00::1]:443");
    CHECK(mac_address::parse("02:00:0a:0B:ff:01")->to_string() == "02:00:0a:0b:ff:01");
    for (const char* bad :
         {"", "02:00:00:00:00", "02:00:00:00:00:0g", "02-00-00-00-00-01", "02:00:00:00:00:01:"}) {
        CAPTURE(bad);
        CHECK_FALSE(mac_address::parse(bad));
    }
}

}  // namespace
