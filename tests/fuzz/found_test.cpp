// Every target over its seeds, and over the inputs that once found something: in any build, without
// libFuzzer. A broken invariant ends the program.
#include <string_view>

#include <catch2/catch.hpp>

#include "tests/fuzz/target.hpp"

using namespace coax::fuzz;

namespace {

std::byte digit(char c) { return static_cast<std::byte>(c <= '9' ? c - '0' : c - 'a' + 10); }

bytes from_hex(std::string_view text) {
    REQUIRE(text.size() % 2 == 0);
    bytes made;
    for (std::size_t at = 0; at != text.size(); at += 2)
        made.push_back(digit(text[at]) << 4 | digit(text[at + 1]));
    return made;
}

void run_seeds(const target& which) {
    const auto seeds = which.seeds();
    CHECK(!seeds.empty());
    for (const bytes& seed : seeds) which.run(seed);
    // Cut off anywhere: an input that ends in the middle of a choice.
    for (const bytes& seed : seeds)
        for (std::size_t size = 0; size < seed.size(); size += 1 + size / 8)
            which.run(const_bytes(seed).first(size));
}

}  // namespace

TEST_CASE("fuzz targets hold for their seeds: wire") { run_seeds(wire_target); }
TEST_CASE("fuzz targets hold for their seeds: text") { run_seeds(text_target); }
TEST_CASE("fuzz targets hold for their seeds: names") { run_seeds(names_target); }
TEST_CASE("fuzz targets hold for their seeds: connection") { run_seeds(connection_target); }
TEST_CASE("fuzz targets hold for their seeds: door") { run_seeds(door_target); }
TEST_CASE("fuzz targets hold for their seeds: stack") { run_seeds(stack_target); }

// To add one: `xxd -p FILE` of what `./dev fuzz` saved (minimised), with a word on what it showed.
TEST_CASE("inputs that once found something") {
    // A new acknowledgment with an old sequence number closed the window, and data was sent.
    connection_target.run(from_hex("0007c802030000000700108d8d8d8d10111cc8040100000e5477d62a1011"));
    // A FIN that never found its neighbour was tried for ever.
    stack_target.run(
        from_hex("000a000200000705b40700000a001040c8001616161616ffff10000000ff"
                 "00000016161607"));
    // A FIN behind a window that a probe had found closed: nothing asked for the window again.
    connection_target.run(
        from_hex("010700021000000007001040c80000000040c8000000070050520000b4000fb4b4b4b4b4b4b4b405"
                 "b4b40700f000000bb4b4b4b4b4"));
}
