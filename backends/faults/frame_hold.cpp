// The two orders in which held frames leave: by time, and by being overtaken.

#include "backends/faults/frame_hold.hpp"

#include <algorithm>
#include <utility>

namespace coax::backends {

namespace {
constexpr std::size_t spare_max = 256;
}

std::vector<std::byte> frame_hold::buffer(std::size_t length) {
    std::vector<std::byte> bytes;
    if (!spare_.empty()) {
        bytes = std::move(spare_.back());
        spare_.pop_back();
    }
    bytes.resize(length);
    return bytes;
}

void frame_hold::recycle(std::vector<std::byte> buffer) {
    if (spare_.size() < spare_max) spare_.push_back(std::move(buffer));
}

void frame_hold::keep(held_frame frame) {
    if (!frame.only_when_due) {
        overtaken_.push_back(std::move(frame));
        return;
    }
    delayed_.push_back(std::move(frame));
    std::push_heap(delayed_.begin(), delayed_.end(), later);
}

void frame_hold::on_left(std::uint64_t number) noexcept {
    for (held_frame& frame : overtaken_)
        if (frame.number < number && frame.overtaken_by != 0) --frame.overtaken_by;
}

std::optional<held_frame> frame_hold::take(stack::instant now) {
    const auto next = std::find_if(overtaken_.begin(), overtaken_.end(),
                                   [now](const auto& frame) { return may_leave(frame, now); });
    if (next != overtaken_.end()) {
        held_frame frame = std::move(*next);
        overtaken_.erase(next);
        return frame;
    }
    if (delayed_.empty() || delayed_.front().due > now) return std::nullopt;
    std::pop_heap(delayed_.begin(), delayed_.end(), later);
    held_frame frame = std::move(delayed_.back());
    delayed_.pop_back();
    return frame;
}

bool frame_hold::ready(stack::instant now) const noexcept {
    if (!delayed_.empty() && delayed_.front().due <= now) return true;
    return std::any_of(overtaken_.begin(), overtaken_.end(),
                       [now](const auto& frame) { return may_leave(frame, now); });
}

stack::instant frame_hold::next_due() const noexcept {
    stack::instant due = delayed_.empty() ? stack::never : delayed_.front().due;
    for (const held_frame& frame : overtaken_) due = std::min(due, frame.due);
    return due;
}

}  // namespace coax::backends
