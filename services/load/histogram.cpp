// The bucket arithmetic.
#include "services/load/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace coax::services {

histogram::histogram() : counts_(buckets) {}

std::size_t histogram::bucket_of(std::uint64_t value) noexcept {
    if (value < per_power) return value;
    // The highest bit tells the power of two, the seven bits below it the part of that power.
    const auto power = static_cast<unsigned>(std::bit_width(value)) - precision_bits;
    const std::uint64_t part = (value >> (power - 1)) - per_power;
    return power * per_power + part;
}

std::uint64_t histogram::last_value_of(std::size_t bucket) noexcept {
    if (bucket < per_power) return bucket;
    const std::size_t power = bucket / per_power;
    const std::uint64_t first = (per_power + bucket % per_power) << (power - 1);
    return first + ((std::uint64_t{1} << (power - 1)) - 1);
}

void histogram::record(std::uint64_t value) noexcept {
    ++counts_[bucket_of(value)];
    ++count_;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
}

void histogram::add(const histogram& other) noexcept {
    for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

std::uint64_t histogram::percentile(double percent) const noexcept {
    if (count_ == 0) return 0;
    const double share = std::clamp(percent, 0.0, 100.0) / 100.0;
    // At least the first value, so that percentile(0) is the smallest.
    const auto wanted = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
        seen += counts_[i];
        if (seen >= wanted) return std::min(last_value_of(i), max_);
    }
    return max_;
}

}  // namespace coax::services
