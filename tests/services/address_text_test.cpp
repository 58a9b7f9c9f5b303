// Addresses, URLs and specifications as they are typed.
#include <string>

#include <catch2/catch.hpp>

#include "services/program/endpoint_text.hpp"
#include "services/serve/wire_host.hpp"
#include "services/transfer/url.hpp"

using namespace coax::services;

TEST_CASE("an endpoint is a numeric address and a port") {
    for (const char* text :
         {"127.0.0.1:80", "0.0.0.0:0", "198.18.0.2:65535", "[::1]:80", "[fd00:c0a0::2]:8080"}) {
        const auto endpoint = parse_endpoint(text);
        REQUIRE(endpoint);
        CHECK(to_text(*endpoint) == text);
    }
}

TEST_CASE("what is no endpoint is refused whole") {
    for (const char* text : {"",
                             ":",
                             "80",
                             ":80",
                             "127.0.0.1",
                             "127.0.0.1:",
                             "127.0.0.1:65536",
                             "127.0.0.1:-1",
                             "127.0.0.1:+1",
                             "127.0.0.1: 80",
                             "127.0.0.1:80 ",
                             "127.0.0.1:8o",
                             "localhost:80",
                             "256.0.0.1:80",
                             "1.2.3:80",
                             "::1:80",
                             "[::1]",
                             "[::1]80",
                             "[127.0.0.1]:80",
                             "[:80",
                             "[]:80",
                             "127.0.0.1:80:80"}) {
        INFO(text);
        CHECK_FALSE(parse_endpoint(text));
    }
}

TEST_CASE("a URL names an endpoint, a host and a target") {
    const auto full = parse_url("http://198.18.0.2:8080/a/b?c=d#e");
    REQUIRE(full);
    CHECK(to_text(full->endpoint) == "198.18.0.2:8080");
    CHECK(full->host == "198.18.0.2:8080");
    CHECK(full->target == "/a/b?c=d");

    const auto bare = parse_url("http://[::1]");
    REQUIRE(bare);
    CHECK(to_text(bare->endpoint) == "[::1]:80");
    CHECK(bare->target == "/");

    const auto query = parse_url("http://127.0.0.1?x");
    REQUIRE(query);
    CHECK(query->target == "/?x");
}

TEST_CASE("what cannot be fetched is refused") {
    for (const char* text : {"", "http://", "https://127.0.0.1/", "127.0.0.1/", "http://name/",
                             "http://127.0.0.1:0/", "http://127.0.0.1:x/", "http://127.0.0.1/a b",
                             "http://127.0.0.1/\r\nX: y", "http://user@127.0.0.1/"}) {
        INFO(text);
        CHECK_FALSE(parse_url(text));
    }
}

TEST_CASE("the second host of a wire keeps all but the addresses") {
    const auto address = boost::asio::ip::make_address("198.18.0.9");
    const auto host = [&](const char* specification) {
        return wire_host({specification, {}}, address).specification;
    };
    CHECK(host("wire") == "wire,ip=198.18.0.9/24");
    CHECK(host("wire:lab") == "wire:lab,ip=198.18.0.9/24");
    CHECK(host("wire,ip=198.18.0.1/16,mtu=9000") == "wire,mtu=9000,ip=198.18.0.9/16");
    CHECK(is_wire({"wire", {}}));
    CHECK(is_wire({"wire:x", {}}));
    CHECK(is_wire({"wire,mtu=900", {}}));
    CHECK_FALSE(is_wire({"wired", {}}));
    CHECK_FALSE(is_wire({"kernel", {}}));
}
