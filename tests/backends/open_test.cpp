// Which backends there are, and what opening one that can't be opened says.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include <catch2/catch.hpp>

#include "backends/spec.hpp"

namespace {

using namespace coax::backends;

TEST_CASE("backends: each kind is available or says why not, with an example that parses") {
    std::set<std::string> kinds;
    for (const auto& a : available_backends()) {
        CAPTURE(a.kind, a.reason);
        kinds.insert(a.kind);
        CHECK(a.available == a.reason.empty());
        CHECK(a.reason.find('\n') == std::string::npos);
        CHECK(std::holds_alternative<spec>(parse_spec(a.example)));
        CHECK(a.example.starts_with(a.kind));
    }
    CHECK(kinds == std::set<std::string>{"kernel", "wire", "xdp"});
}

TEST_CASE("backends: the wire opens everywhere, with what was asked to go around it") {
    auto opened = open_driver(
        std::get<spec>(parse_spec("wire:open-test,ip=198.18.0.9/24,mtu=2000,loss=0.5,seed=3")));
    REQUIRE(std::holds_alternative<std::unique_ptr<driver>>(opened));
    const auto& d = *std::get<std::unique_ptr<driver>>(opened);
    CHECK(d.describe().kind == "wire");
    CHECK(d.describe().mtu == 2000);
    CHECK_FALSE(d.describe().notes.empty());  // the faults are told
    const auto counters = d.counters();
    CHECK(std::count_if(counters.begin(), counters.end(), [](const counter& each) {
              return std::string_view(each.name) == "faults.tx_duplicated";
          }) == 1);  // once around it, not twice
}

TEST_CASE("backends: what can't be opened says why") {
    const auto message = [](const spec& what) {
        auto opened = open_driver(what);
        REQUIRE(std::holds_alternative<failure>(opened));
        return std::get<failure>(opened).message;
    };
    CHECK_THAT(message(std::get<spec>(parse_spec("xdp:no-such-if,ip=198.18.0.2/24"))),
               Catch::Contains("there is no interface no-such-if here; there are"));
    CHECK_THAT(message(std::get<spec>(parse_spec("xdp:lo,ip=198.18.0.2/24"))),
               Catch::Contains("not an Ethernet interface"));
    CHECK_THAT(message(kernel_spec{}), Catch::Contains("kernel"));
}

TEST_CASE("backends: a description as one line") {
    description d;
    d.kind = "xdp";
    d.interface = "eth1";
    d.mode = "native, copy";
    d.queues = {0, 1};
    d.offloads = {"tx-checksum"};
    d.mtu = 1500;
    d.addresses = {"198.18.0.2/24"};
    d.notes = {"not in the line"};
    CHECK(d.to_line() ==
          "xdp on eth1 (native, copy), queues 0, 1, offloads tx-checksum, MTU 1500, "
          "198.18.0.2/24");
    CHECK(description{"kernel", {}, {}, {}, {}, 0, {}, {}}.to_line() == "kernel");
}

}  // namespace
