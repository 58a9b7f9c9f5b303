// The curve of a histogram, and its text in HdrHistogram's format.
#include "services/load/percentile_text.hpp"

#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace coax::services;

namespace {

histogram one_to(std::uint64_t last) {
    histogram h;
    for (std::uint64_t v = 1; v <= last; ++v) h.record(v);
    return h;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

}  // namespace

TEST_CASE("mean and standard deviation") {
    const histogram h = one_to(100);
    CHECK(h.mean() == Approx(50.5));
    CHECK(h.standard_deviation() == Approx(28.866).epsilon(0.001));
    CHECK(histogram().mean() == 0);
    CHECK(histogram().standard_deviation() == 0);
    histogram both = one_to(100);
    both.add(one_to(100));
    CHECK(both.mean() == Approx(50.5));
}

TEST_CASE("the curve rises to all values, finer towards its end") {
    for (const std::uint64_t last : {1U, 2U, 100U, 100'000U}) {
        const histogram h = one_to(last);
        const auto curve = h.distribution(5);
        REQUIRE_FALSE(curve.empty());
        CHECK(curve.back().percent == 100);
        CHECK(curve.back().value == last);
        CHECK(curve.back().count == last);
        for (std::size_t i = 0; i < curve.size(); ++i) {
            INFO(last << " " << i);
            const double reached = 100.0 * static_cast<double>(curve[i].count) / double(last);
            CHECK(reached >= curve[i].percent - 1e-9);
            if (i == 0) continue;
            CHECK(curve[i].percent > curve[i - 1].percent);
            CHECK(curve[i].value >= curve[i - 1].value);
            CHECK(curve[i].count >= curve[i - 1].count);
        }
    }
    // Five steps to each half: 0, 10, .. 50, 55, .. 75, 77.5, ..
    const auto curve = one_to(100'000).distribution(5);
    CHECK(curve[5].percent == Approx(50));
    CHECK(curve[10].percent == Approx(75));
    CHECK(curve[15].percent == Approx(87.5));
    CHECK(curve[5].value == Approx(50'000).epsilon(0.01));
    // As far as the last bucket, which holds the last 1/128.
    CHECK(curve.size() > 35);
    CHECK(curve.size() < 60);
    CHECK(histogram().distribution(5).empty());
}

TEST_CASE("one value for all is one point and the end") {
    histogram h;
    for (int i = 0; i < 1'000; ++i) h.record(7);
    const auto curve = h.distribution(5);
    REQUIRE(curve.size() == 2);
    CHECK(curve[0].value == 7);
    CHECK(curve[1].percent == 100);
}

TEST_CASE("the text has the columns and the end that plotters look for") {
    const auto lines = lines_of(percentile_text(one_to(100'000), 1000));
    REQUIRE(lines.size() > 10);
    CHECK(lines[0] == "       Value     Percentile TotalCount 1/(1-Percentile)");
    CHECK(lines[1].empty());
    const std::regex row(R"( *\d+\.\d{3} [01]\.\d{12} +\d+( +\d+\.\d\d)?)");
    std::size_t rows = 0;
    std::string last;
    for (std::size_t i = 2; i + 3 < lines.size(); ++i, ++rows) {
        INFO(lines[i]);
        CHECK(std::regex_match(lines[i], row));
        last = lines[i];
    }
    CHECK(rows > 35);
    CHECK(last == "     100.000 1.000000000000     100000");
    CHECK(lines[2].find("0.000000000000          1           1.00") != std::string::npos);
    const std::string& mean = lines[lines.size() - 3];
    CHECK(mean.starts_with("#[Mean    =       50.0"));
    CHECK(mean.find("StdDeviation   =") != std::string::npos);
    CHECK(lines[lines.size() - 2] == "#[Max     =      100.000, Total count    =       100000]");
    CHECK(lines.back().starts_with("#[Buckets ="));
    CHECK(lines.back().find("SubBuckets     =") != std::string::npos);
}

TEST_CASE("nothing recorded is a text without rows") {
    CHECK(lines_of(percentile_text(histogram(), 1000)).size() == 5);
}
