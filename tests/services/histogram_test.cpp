// The histogram against a sorted list of the same values.
#include "services/load/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

using coax::services::histogram;

namespace {

std::uint64_t exact_percentile(const std::vector<std::uint64_t>& sorted, double percent) {
    const double wanted = std::ceil(percent / 100 * static_cast<double>(sorted.size()));
    const auto rank = std::max<std::size_t>(1, static_cast<std::size_t>(wanted));
    return sorted[rank - 1];
}

}  // namespace

TEST_CASE("percentiles are the exact ones or up to 1/128 more") {
    std::mt19937_64 random(7);
    for (const double spread : {2.0, 6.0, 12.0, 19.0}) {
        std::uniform_real_distribution<double> exponent(0, spread);
        std::vector<std::uint64_t> values(20'000);
        histogram h;
        for (auto& v : values) {
            v = static_cast<std::uint64_t>(std::pow(10.0, exponent(random)));
            h.record(v);
        }
        std::sort(values.begin(), values.end());
        for (const double percent : {0.0, 0.1, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
            const std::uint64_t exact = exact_percentile(values, percent);
            const std::uint64_t got = h.percentile(percent);
            INFO(spread << " " << percent);
            CHECK(got >= exact);
            CHECK(got - exact <= exact / 128);
        }
        CHECK(h.count() == values.size());
        CHECK(h.max() == values.back());
        CHECK(h.min() == values.front());
    }
}

TEST_CASE("an empty histogram answers zero") {
    const histogram h;
    CHECK(h.count() == 0);
    CHECK(h.min() == 0);
    CHECK(h.max() == 0);
    CHECK(h.percentile(50) == 0);
}

TEST_CASE("the whole range of 64 bits has its buckets") {
    for (unsigned bit = 0; bit < 64; ++bit) {
        for (const std::uint64_t v : {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit,
                                      (std::uint64_t{1} << bit) + 1}) {
            histogram h;
            h.record(v);
            h.record(UINT64_MAX);
            CHECK(h.percentile(1) >= v);
            CHECK(h.percentile(1) - v <= v / 128);
            CHECK(h.percentile(100) == UINT64_MAX);
        }
    }
}

TEST_CASE("small values are exact") {
    histogram h;
    for (std::uint64_t v = 0; v < 256; ++v) h.record(v);
    for (std::uint64_t v = 0; v < 256; ++v) {
        const double percent = static_cast<double>(v + 1) * 100 / 256;
        CHECK(h.percentile(percent) == v);
    }
}

TEST_CASE("added histograms answer as one") {
    histogram a;
    histogram b;
    histogram both;
    for (std::uint64_t v = 1; v < 5'000; v += 3) {
        a.record(v);
        both.record(v);
    }
    for (std::uint64_t v = 1'000; v < 900'000; v += 1'001) {
        b.record(v);
        both.record(v);
    }
    a.add(b);
    CHECK(a.count() == both.count());
    CHECK(a.min() == both.min());
    CHECK(a.max() == both.max());
    for (const double percent : {1.0, 50.0, 99.0})
        CHECK(a.percentile(percent) == both.percentile(percent));
}
