// The two sources of randomness.
#include "framework/randomness.hpp"

#include <cerrno>
#include <cstdlib>

#include <sys/random.h>

namespace coax::detail {

std::uint64_t system_random::next() noexcept {
    if (used_ == buffer_.size()) {
        auto* at = reinterpret_cast<unsigned char*>(buffer_.data());
        std::size_t left = sizeof buffer_;
        while (left != 0) {
            const ssize_t got = ::getrandom(at, left, 0);
            if (got > 0) {
                at += got;
                left -= static_cast<std::size_t>(got);
            } else if (errno != EINTR) {
                std::abort();  // cannot happen with valid arguments; never go on without entropy
            }
        }
        used_ = 0;
    }
    return buffer_[used_++];
}

std::uint64_t seeded_random::next() noexcept {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

std::unique_ptr<stack::random_source> make_random_source(std::uint64_t seed) {
    if (seed == 0) return std::make_unique<system_random>();
    return std::make_unique<seeded_random>(seed);
}

}  // namespace coax::detail
