// Fills the ring, and walks it a second time with the replies.
#include "services/load/echo_dialogue.hpp"

#include <algorithm>
#include <cstring>

#include "services/load/message_pattern.hpp"

namespace coax::services {
namespace {

constexpr std::size_t most_at_once = 131'072;  // bytes of one read

}  // namespace

echo_dialogue::echo_dialogue(std::uint64_t connection, std::size_t size, std::size_t pipeline)
    : connection_(connection), size_(size), ring_(size * pipeline), left_(size) {}

dialogue::pieces echo_dialogue::next(std::size_t count) {
    const std::size_t begin = next_at_;
    for (std::size_t i = 0; i < count; ++i) {
        fill_message(std::span(ring_).subspan(next_at_, size_), connection_, sequence_++);
        next_at_ = next_at_ + size_ == ring_.size() ? 0 : next_at_ + size_;
    }
    return ring_pieces(ring_, begin, count * size_);
}

dialogue::pieces echo_dialogue::again(std::size_t count) {
    const std::size_t bytes = count * size_;
    taken_to_ = (next_at_ + ring_.size() - bytes) % ring_.size();
    left_ = size_;
    equal_ = true;
    return ring_pieces(ring_, taken_to_, bytes);
}

reply echo_dialogue::take(std::span<const char>& bytes) {
    // The end of a message never lies behind the end of the ring.
    const std::size_t n = std::min(bytes.size(), left_);
    equal_ = std::memcmp(bytes.data(), ring_.data() + taken_to_, n) == 0 && equal_;
    bytes = bytes.subspan(n);
    taken_to_ = taken_to_ + n == ring_.size() ? 0 : taken_to_ + n;
    left_ -= n;
    if (left_ > 0) return {};
    const reply r{equal_ ? reply_state::good : reply_state::wrong};
    left_ = size_;
    equal_ = true;
    return r;
}

std::size_t echo_dialogue::room() const noexcept { return std::min(ring_.size(), most_at_once); }

}  // namespace coax::services
