// Three ways to know the end of a reply.
#include "services/load/raw_dialogue.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace coax::services {
namespace {

constexpr std::size_t least_room = 4'096;
constexpr std::size_t most_room = 131'072;
constexpr std::size_t longest_unended = 1'048'576;  // reply that is known by its end

}  // namespace

raw_dialogue::raw_dialogue(const raw_exchange& what, std::size_t pipeline)
    : what_(what), reply_size_(what.reply.empty() ? what.reply_size : what.reply.size()) {
    requests_.reserve(what.request.size() * pipeline);
    for (std::size_t i = 0; i < pipeline; ++i)
        requests_.insert(requests_.end(), what.request.begin(), what.request.end());
}

dialogue::pieces raw_dialogue::next(std::size_t count) {
    return ring_pieces(requests_, 0, count * what_.request.size());
}

dialogue::pieces raw_dialogue::again(std::size_t count) {
    taken_ = 0;
    equal_ = true;
    return next(count);
}

reply raw_dialogue::take(std::span<const char>& bytes) {
    if (reply_size_ == 0) return take_until_end(bytes);
    const std::size_t n = std::min(bytes.size(), reply_size_ - taken_);
    if (!what_.reply.empty())
        equal_ = std::memcmp(bytes.data(), what_.reply.data() + taken_, n) == 0 && equal_;
    bytes = bytes.subspan(n);
    taken_ += n;
    if (taken_ < reply_size_) return {};
    const reply r{equal_ ? reply_state::good : reply_state::wrong};
    taken_ = 0;
    equal_ = true;
    return r;
}

// Whoever brings the same bytes again with more behind them has them searched again: replies that
// come whole, as nearly all do, are searched once.
reply raw_dialogue::take_until_end(std::span<const char>& bytes) const {
    const std::string_view text(bytes.data(), bytes.size());
    const std::size_t at = text.find(what_.reply_end);
    if (at == std::string_view::npos) {
        if (bytes.size() < longest_unended) return {};
        return {.state = reply_state::broken, .problem = "a reply of 1 MiB without its end"};
    }
    bytes = bytes.subspan(at + what_.reply_end.size());
    return {reply_state::good};
}

std::size_t raw_dialogue::room() const noexcept {
    const std::size_t pipeline = requests_.size() / what_.request.size();
    return std::clamp(reply_size_ * pipeline, least_room, most_room);
}

}  // namespace coax::services
