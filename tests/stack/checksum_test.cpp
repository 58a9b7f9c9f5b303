// The Internet checksum against a naive reference: every length, alignment and way of cutting.
#include "stack/wire/checksum.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

namespace {

using namespace coax::stack;
using namespace coax::stack::wire;

using buffer = std::vector<std::byte>;

// RFC 1071 1, word by word: the folded sum as a number in network order.
std::uint16_t naive_sum(const buffer& data) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
        sum += std::to_integer<std::uint32_t>(data[i]) << (i % 2 == 0 ? 8 : 0);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>((sum & 0xffff) + (sum >> 16));
}

std::uint16_t in_network_order(std::uint64_t sum) { return network_order(fold_sum(sum)); }

buffer random_bytes(std::size_t size, std::mt19937& random) {
    buffer data(size);
    for (auto& b : data) b = static_cast<std::byte>(random());
    return data;
}

TEST_CASE("checksum: RFC 1071 3 example") {
    const buffer data{std::byte{0x00}, std::byte{0x01}, std::byte{0xf2}, std::byte{0x03},
                      std::byte{0xf4}, std::byte{0xf5}, std::byte{0xf6}, std::byte{0xf7}};
    CHECK(in_network_order(sum_bytes(0, data.data(), data.size())) == 0xddf2);
}

TEST_CASE("checksum: every length at every alignment equals the naive sum") {
    std::mt19937 random(1);
    for (std::size_t size = 0; size <= 700; ++size) {
        const std::size_t offset = size % 9;
        buffer whole = random_bytes(offset + size, random);
        const buffer data(whole.begin() + static_cast<std::ptrdiff_t>(offset), whole.end());
        CAPTURE(size);
        REQUIRE(in_network_order(sum_bytes(0, whole.data() + offset, size)) == naive_sum(data));
        buffer target(size + 3);
        const auto sum = copy_and_sum(0, target.data() + 3, whole.data() + offset, size);
        REQUIRE(in_network_order(sum) == naive_sum(data));
        REQUIRE(std::equal(data.begin(), data.end(), target.begin() + 3));
    }
}

TEST_CASE("checksum: extreme words do not overflow the columns") {
    for (const std::byte fill :
         {std::byte{0x00}, std::byte{0xff}, std::byte{0x7f}, std::byte{0x80}}) {
        const buffer data(700'001, fill);
        buffer target(data.size());
        CHECK(in_network_order(copy_and_sum(0, target.data(), data.data(), data.size())) ==
              naive_sum(data));
        CHECK(in_network_order(sum_bytes(0, data.data(), data.size())) == naive_sum(data));
        CHECK(target == data);
    }
}

TEST_CASE("checksum: any cutting into pieces gives the same sum") {
    std::mt19937 random(2);
    for (int round = 0; round < 500; ++round) {
        const buffer data = random_bytes(random() % 2000, random);
        buffer target(data.size());
        checksum_sum summed;
        checksum_sum copied;
        for (std::size_t at = 0; at < data.size();) {
            const auto size = std::min<std::size_t>(data.size() - at, random() % 90);
            summed.add(const_bytes{data}.subspan(at, size));
            copied.add_copying(target.data() + at, const_bytes{data}.subspan(at, size));
            at += size;
        }
        REQUIRE(in_network_order(summed.value()) == naive_sum(data));
        REQUIRE(in_network_order(copied.value()) == naive_sum(data));
        REQUIRE(target == data);
    }
}

TEST_CASE("checksum: a finished field makes the whole sum to 0xffff") {
    std::mt19937 random(3);
    for (int round = 0; round < 200; ++round) {
        buffer data = random_bytes(20 + random() % 60, random);
        store_16(data.data() + 10, 0);
        store_native(data.data() + 10, finish_checksum(sum_bytes(0, data.data(), data.size())));
        REQUIRE(fold_sum(sum_bytes(0, data.data(), data.size())) == 0xffff);
    }
}

TEST_CASE("checksum: a good sum is what folds to 0xffff") {
    std::mt19937_64 random(7);
    for (int i = 0; i < 100'000; ++i) {
        // Any number, and the one nearest to it that is good.
        const std::uint64_t sum = random() >> (i % 64) | 1;
        CHECK(is_good_sum(sum) == (fold_sum(sum) == 0xffff));
        const std::uint64_t good = sum - sum % 0xffff;
        if (good == 0) continue;
        CHECK(is_good_sum(good));
        CHECK(fold_sum(good) == 0xffff);
    }
    CHECK(is_good_sum(~std::uint64_t{0}));
    CHECK(fold_sum(~std::uint64_t{0}) == 0xffff);
}

TEST_CASE("checksum: RFC 1624 update equals computing anew") {
    std::mt19937 random(4);
    for (int round = 0; round < 2000; ++round) {
        buffer data = random_bytes(40, random);
        if (round % 4 == 0) std::fill(data.begin() + 12, data.begin() + 16, std::byte{0});
        store_16(data.data() + 10, 0);
        const auto field = finish_checksum(sum_bytes(0, data.data(), data.size()));
        const auto before = load_native<std::uint16_t>(data.data() + 12);
        const auto after = static_cast<std::uint16_t>(round % 3 == 0 ? 0 : random());
        store_native(data.data() + 12, after);
        REQUIRE(update_checksum(field, before, after) ==
                finish_checksum(sum_bytes(0, data.data(), data.size())));
    }
}

TEST_CASE("checksum: pseudo-headers of both families equal the naive sum") {
    const auto a4 = *ip_address::parse("198.18.0.1");
    const auto b4 = *ip_address::parse("198.18.255.2");
    const buffer v4{std::byte{198}, std::byte{18}, std::byte{0},   std::byte{1},
                    std::byte{198}, std::byte{18}, std::byte{255}, std::byte{2},
                    std::byte{0},   std::byte{6},  std::byte{5},   std::byte{220}};
    CHECK(in_network_order(pseudo_header_sum(a4, b4, 6, 1500)) == naive_sum(v4));

    const auto a6 = *ip_address::parse("fd00:c0a0::1");
    const auto b6 = *ip_address::parse("fd00:c0a0::ffff:2");
    buffer v6;
    for (const auto& address : {a6, b6})
        for (const auto octet : address.octets()) v6.push_back(std::byte{octet});
    for (const unsigned octet : {0U, 1U, 0x11U, 0x70U, 0U, 0U, 0U, 17U})
        v6.push_back(static_cast<std::byte>(octet));
    CHECK(in_network_order(pseudo_header_sum(a6, b6, 17, 70000)) == naive_sum(v6));
}

}  // namespace
