// The capture file, read back by a parser of its own: every frame of both directions, with time
// and direction, in a form the pcapng specification allows.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include <catch2/catch.hpp>

#include "backends/capture/device.hpp"
#include "backends/capture/driver.hpp"
#include "backends/capture/pcapng.hpp"
#include "backends/wire/port.hpp"
#include "backends/wire/segment.hpp"
#include "backends/wire/wire.hpp"
#include "tests/wire/frames.hpp"

namespace {

using namespace coax;
using backends::capture_direction;

struct temporary_file {
    std::filesystem::path path = std::filesystem::temp_directory_path() /
                                 ("coax-capture-" + std::to_string(::getpid()) + ".pcapng");
    ~temporary_file() { std::filesystem::remove(path); }
};

struct packet {
    std::uint64_t time = 0;
    std::uint32_t flags = 0;
    std::string bytes;
};

std::uint32_t word(const std::string& file, std::size_t at) {
    std::uint32_t value = 0;
    REQUIRE(at + 4 <= file.size());
    std::memcpy(&value, file.data() + at, 4);
    return value;
}

packet parse_packet(const std::string& file, std::size_t at, std::size_t end) {
    packet found;
    CHECK(word(file, at + 8) == 0);  // interface
    found.time = (std::uint64_t{word(file, at + 12)} << 32) | word(file, at + 16);
    const std::uint32_t length = word(file, at + 20);
    CHECK(word(file, at + 24) == length);
    found.bytes = file.substr(at + 28, length);
    const std::size_t options = at + 28 + (length + 3) / 4 * 4;
    CHECK(word(file, options) == (2U | (4U << 16)));  // epb_flags, four bytes
    found.flags = word(file, options + 4);
    CHECK(word(file, options + 8) == 0);  // opt_endofopt
    CHECK(options + 12 == end);
    return found;
}

std::vector<packet> parse(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string file{std::istreambuf_iterator<char>(in), {}};
    std::vector<packet> packets;
    std::size_t at = 0;
    for (unsigned block = 0; at < file.size(); ++block) {
        const std::uint32_t type = word(file, at);
        const std::uint32_t length = word(file, at + 4);
        REQUIRE(length % 4 == 0);
        REQUIRE(length >= 12);
        REQUIRE(word(file, at + length - 4) == length);
        if (block == 0) {
            CHECK(type == 0x0A0D0D0A);
            CHECK(word(file, at + 8) == 0x1A2B3C4D);
            CHECK(word(file, at + 12) == 1);  // version 1.0
        } else if (block == 1) {
            CHECK(type == 1);
            CHECK(word(file, at + 8) == 1);  // Ethernet
            CHECK(file.substr(at, length).find(std::string("\x09\0\x01\0\x09", 5)) !=
                  std::string::npos);  // if_tsresol: nanoseconds
        } else {
            CHECK(type == 6);
            packets.push_back(parse_packet(file, at, at + length - 4));
        }
        at += length;
    }
    return packets;
}

TEST_CASE("a capture holds every frame of both directions") {
    const temporary_file file;
    const auto wire = backends::wire::segment::create();
    auto a = wire->connect();
    auto b = wire->connect();
    const auto to_a = a->capabilities().address;
    const auto to_b = b->capabilities().address;
    std::uint64_t now = 1'700'000'000'123'456'789;
    std::size_t sent_bytes = 0;
    {
        backends::pcapng_writer writer;
        REQUIRE_FALSE(writer.open(file.path.string(), "wire0"));
        backends::capturing_device device(*a, writer, [&now] { return now; });
        for (int i = 0; i < 700; ++i) {  // more than the buffer holds
            const std::string body(static_cast<std::size_t>(i), 'o');
            REQUIRE(wire_test::send(device, to_b, body));
            sent_bytes += body.size() + 14;
            REQUIRE(wire_test::receive(*b).size() == 1);
            REQUIRE(wire_test::send(*b, to_a, "reply" + std::to_string(i)));
            ++now;
            REQUIRE(wire_test::receive(device).size() == 1);
        }
        CHECK(writer.written() == 1400);
        CHECK(writer.lost() == 0);
    }
    REQUIRE(sent_bytes > backends::pcapng_writer::buffer_bytes / 2);
    const auto packets = parse(file.path);
    REQUIRE(packets.size() == 1400);
    for (std::size_t i = 0; i < 700; ++i) {
        const packet& out = packets[2 * i];
        const packet& in = packets[2 * i + 1];
        CHECK(out.flags == 2);
        CHECK(in.flags == 1);
        CHECK(out.time == 1'700'000'000'123'456'789 + i);
        CHECK(in.time == 1'700'000'000'123'456'790 + i);
        CHECK(out.bytes.size() == 14 + i);
        CHECK(in.bytes.substr(14) == "reply" + std::to_string(i));
    }
}

TEST_CASE("a frame in pieces is captured whole") {
    const temporary_file file;
    const std::string text = "abcdefghij";
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    const std::vector<stack::const_bytes> rest{{bytes + 3, 4}, {bytes + 7, 3}};
    {
        backends::pcapng_writer writer;
        REQUIRE_FALSE(writer.open(file.path.string(), ""));
        writer.write(capture_direction::inbound, 1, stack::payload_view({bytes, 3}, rest));
    }
    REQUIRE(parse(file.path).size() == 1);
    CHECK(parse(file.path)[0].bytes == text);
}

TEST_CASE("a file that can't be written is refused with one line; a full one is counted") {
    backends::wire_spec spec;
    spec.segment = "capture-refused";
    spec.capture = "/nonexistent-directory/file.pcapng";
    auto refused = backends::open_driver(spec);
    REQUIRE(std::holds_alternative<backends::failure>(refused));
    CHECK(std::get<backends::failure>(refused).message ==
          "capture=/nonexistent-directory/file.pcapng: No such file or directory: "
          "give a file that can be written");

    backends::pcapng_writer full;
    CHECK(full.open("/dev/full", ""));  // the headers do not get there
    const std::byte nothing{};
    full.write(capture_direction::outbound, 1, stack::const_bytes(&nothing, 1));
    full.flush();
    CHECK(full.written() == 0);
    CHECK(full.lost() == 1);
}

}  // namespace
