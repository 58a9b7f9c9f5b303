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
    sum_ += value;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
}

void histogram::add(const histogram& other) noexcept {
    for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
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

double histogram::mean() const noexcept {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

double histogram::standard_deviation() const noexcept {
    if (count_ == 0) return 0;
    double squares = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
        if (counts_[i] == 0) continue;
        const double away = static_cast<double>(std::min(last_value_of(i), max_)) - mean();
        squares += away * away * static_cast<double>(counts_[i]);
    }
    return std::sqrt(squares / static_cast<double>(count_));
}

std::vector<histogram::step> histogram::distribution(unsigned per_half) const {
    std::vector<step> steps;
    double level = 0;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets && seen < count_; ++i) {
        if (counts_[i] == 0) continue;
        seen += counts_[i];
        const double reached = 100 * static_cast<double>(seen) / static_cast<double>(count_);
        const std::uint64_t value = std::min(last_value_of(i), max_);
        // Several levels may fall into one bucket; into the last one fall infinitely many.
        while (reached >= level && (seen < count_ || steps.empty() || steps.back().count < seen)) {
            steps.push_back({level, value, seen});
            // Half of what is left to 100 % takes `per_half` steps.
            const double halves = std::floor(std::log2(100 / (100 - level))) + 1;
            level += 100 / (per_half * std::exp2(halves));
        }
    }
    if (count_ > 0) steps.push_back({100, max_, count_});
    return steps;
}

}  // namespace coax::services
