// Latencies, counted in buckets whose width grows with the value (log-linear, as HdrHistogram):
// recording is two shifts and an increment, and every percentile is at most 1/128 too high.
// Knows nothing of clocks or units.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace coax::services {

class histogram {
  public:
    histogram();

    void record(std::uint64_t value) noexcept;
    void add(const histogram& other) noexcept;

    std::uint64_t count() const noexcept { return count_; }
    std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }  // exact
    std::uint64_t max() const noexcept { return max_; }                    // exact
    double mean() const noexcept;                                          // exact
    double standard_deviation() const noexcept;  // as exact as the buckets are

    // The smallest value v such that at least `percent` of all values are <= v, or up to 1/128
    // more, never more than max(). 0 if nothing was recorded. `percent` from 0 to 100.
    std::uint64_t percentile(double percent) const noexcept;

    // A point of the curve: `count` values are <= `value`, and they are `percent` of all or more.
    struct step {
        double percent;
        std::uint64_t value;
        std::uint64_t count;
    };
    // The curve in steps that become finer towards 100 %: `per_half` of them to 50 %, as many to
    // 75 %, and so on, as far as there are values to tell them apart; the last one is 100 %.
    std::vector<step> distribution(unsigned per_half) const;

    // Values below 2^7 have a bucket each; above, each power of two is divided into 2^7.
    static constexpr unsigned precision_bits = 7;
    static constexpr std::size_t per_power = std::size_t{1} << precision_bits;
    static constexpr std::size_t powers = 64 - precision_bits + 1;

  private:
    static constexpr std::size_t buckets = powers * per_power;

    static std::size_t bucket_of(std::uint64_t value) noexcept;
    static std::uint64_t last_value_of(std::size_t bucket) noexcept;

    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;  // of nanoseconds: enough for centuries
    std::uint64_t min_ = UINT64_MAX;
    std::uint64_t max_ = 0;
};

}  // namespace coax::services
