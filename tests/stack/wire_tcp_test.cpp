// The TCP header: options of every kind, faults, layout, and random headers there and back.
#include <array>
#include <cstring>
#include <random>

#include <catch2/catch.hpp>

#include "stack/wire/bytes.hpp"
#include "stack/wire/tcp.hpp"
#include "tests/support/frames.hpp"

namespace {

using namespace coax::stack;
using namespace coax::stack::wire;
using coax::test::bytes;

bytes emitted(const tcp_header& header) {
    bytes segment(tcp_header_length(header));
    emit_tcp(header, segment.data());
    return segment;
}

// A header with these option bytes, padded with end-of-list to a multiple of four.
bytes with_options(std::initializer_list<unsigned> options) {
    tcp_header header;
    header.flags.ack = true;
    bytes segment = emitted(header);
    for (const unsigned o : options) segment.push_back(static_cast<std::byte>(o));
    while (segment.size() % 4 != 0) segment.push_back(std::byte{0});
    segment[12] = static_cast<std::byte>(segment.size() / 4 << 4);
    return segment;
}

tcp_options options_of(std::initializer_list<unsigned> options) {
    const auto parsed = parse_tcp(with_options(options));
    REQUIRE(parsed.fault == tcp_fault::none);
    return parsed.header.options;
}

// RFC 9293 3.1
TEST_CASE("tcp header: fixed fields and flags") {
    tcp_header header;
    header.source_port = 0x1234;
    header.destination_port = 0x5678;
    header.sequence = 0x01020304;
    header.acknowledgment = 0xf1f2f3f4;
    header.window = 0xabcd;
    header.urgent_pointer = 0x9876;
    header.flags.syn = header.flags.ece = header.flags.cwr = true;
    const bytes segment = emitted(header);
    REQUIRE(segment.size() == 20);
    CHECK(load_16(segment.data()) == 0x1234);
    CHECK(load_8(segment.data() + 12) == 0x50);
    CHECK(load_8(segment.data() + 13) == 0xc2);
    CHECK(load_16(segment.data() + 16) == 0);
    CHECK(parse_tcp(segment).header == header);
    for (unsigned bit = 0; bit < 8; ++bit) {
        bytes one = segment;
        one[13] = static_cast<std::byte>(1U << bit);
        CHECK(emitted(parse_tcp(one).header)[13] == one[13]);
    }
}

TEST_CASE("tcp header: RFC 9293 3.1 (MUST-4, MUST-6, MUST-7): options") {
    CHECK(options_of({2, 4, 5, 0xb4}).maximum_segment_size == 1460);
    CHECK(options_of({3, 3, 7}).window_scale == 7);
    CHECK(options_of({3, 3, 200}).window_scale == 200);
    CHECK(options_of({4, 2}).sack_permitted);
    CHECK(options_of({8, 10, 0, 0, 0, 1, 0, 0, 0, 2}).timestamps == tcp_timestamps{1, 2});
    CHECK(options_of({1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}).timestamps == tcp_timestamps{1, 2});
    CHECK(options_of({5, 10, 0, 0, 0, 1, 0, 0, 0, 9}).sack[0] == sack_block{1, 9});
    CHECK(options_of({254, 6, 1, 2, 3, 4, 3, 3, 5}).window_scale == 5);  // unknown: skipped
    CHECK_FALSE(options_of({0, 3, 3, 5}).window_scale);                  // behind the end
    CHECK_FALSE(options_of({2, 3, 5, 1, 1}).maximum_segment_size);       // wrong length: ignored
    CHECK(options_of({2, 3, 5, 3, 3, 4}).window_scale == 4);             // and stepped over
    CHECK(options_of({5, 9, 0, 0, 0, 1, 0, 0, 0}).sack_count == 0);
    CHECK(options_of({1, 1, 1, 1}) == tcp_options{});
}

TEST_CASE("tcp header: faults") {
    CHECK(parse_tcp(with_options({3, 0})).fault == tcp_fault::bad_option_length);
    CHECK(parse_tcp(with_options({3, 1})).fault == tcp_fault::bad_option_length);
    CHECK(parse_tcp(with_options({3, 9})).fault == tcp_fault::bad_option_length);
    CHECK(parse_tcp(with_options({1, 1, 1, 3})).fault == tcp_fault::bad_option_length);
    const bytes good = with_options({1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2});
    for (std::size_t size = 0; size < good.size(); ++size)
        REQUIRE(parse_tcp(const_bytes(good).first(size)).fault ==
                (size < 20 ? tcp_fault::truncated : tcp_fault::bad_offset));
    bytes bad = good;
    bad[12] = std::byte{0x40};
    CHECK(parse_tcp(bad).fault == tcp_fault::bad_offset);
    bad[12] = std::byte{0xf0};
    CHECK(parse_tcp(bad).fault == tcp_fault::bad_offset);
}

TEST_CASE("tcp header: layout of a SYN as Linux sends it") {
    tcp_header header;
    header.flags.syn = true;
    header.options.maximum_segment_size = 1460;
    header.options.sack_permitted = true;
    header.options.timestamps = tcp_timestamps{0x11121314, 0};
    header.options.window_scale = 7;
    const bytes segment = emitted(header);
    constexpr std::array<std::uint8_t, 20> expected{2,    4,    5, 0xb4, 4, 2, 8, 10, 0x11, 0x12,
                                                    0x13, 0x14, 0, 0,    0, 0, 1, 3,  3,    7};
    REQUIRE(segment.size() == 20 + expected.size());
    CHECK(std::memcmp(segment.data() + 20, expected.data(), expected.size()) == 0);
}

TEST_CASE("tcp header: SACK blocks that do not fit are left out") {
    tcp_header header;
    header.flags.ack = true;
    header.options.sack_count = 4;
    CHECK(tcp_header_length(header) == 56);
    CHECK(parse_tcp(emitted(header)).header.options.sack_count == 4);
    header.options.timestamps = tcp_timestamps{1, 2};
    CHECK(tcp_header_length(header) == 60);
    CHECK(parse_tcp(emitted(header)).header.options.sack_count == 3);
}

TEST_CASE("tcp header: random headers survive emit and parse") {
    std::mt19937 random(31);
    const auto u32 = [&] { return static_cast<std::uint32_t>(random()); };
    const auto u16 = [&] { return static_cast<std::uint16_t>(random()); };
    const auto coin = [&] { return random() % 2 == 0; };
    for (int round = 0; round < 5000; ++round) {
        tcp_header header{u16(), u16(), u32(), u32(), u16(), u16(), {}, {}};
        header.flags = {coin(), coin(), coin(), coin(), coin(), coin(), coin(), coin()};
        tcp_options& options = header.options;
        if (coin()) options.timestamps = tcp_timestamps{u32(), u32()};
        if (header.flags.syn) {
            if (coin()) options.maximum_segment_size = u16();
            if (coin()) options.window_scale = static_cast<std::uint8_t>(random());
            options.sack_permitted = coin();
        } else {
            options.sack_count = static_cast<std::uint8_t>(random() % (options.timestamps ? 4 : 5));
            for (std::size_t i = 0; i < options.sack_count; ++i) options.sack[i] = {u32(), u32()};
        }
        const bytes segment = emitted(header);
        REQUIRE(segment.size() % 4 == 0);
        REQUIRE(segment.size() <= tcp_header_max);
        const auto parsed = parse_tcp(segment);
        REQUIRE(parsed.fault == tcp_fault::none);
        REQUIRE(parsed.header_length == segment.size());
        REQUIRE(parsed.header == header);
    }
}

}  // namespace
