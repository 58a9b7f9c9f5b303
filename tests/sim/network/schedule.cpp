// The queue is a binary heap.
#include "tests/sim/network/schedule.hpp"

#include <algorithm>

namespace coax::sim {

void schedule::at(stack::instant when, actor& whom, std::uint64_t what) {
    heap_.push_back({std::max(when, now_), number_++, &whom, what});
    std::push_heap(heap_.begin(), heap_.end(), later);
}

bool schedule::run_next(stack::instant limit) {
    if (heap_.empty() || heap_.front().when > limit) {
        if (limit != stack::never) now_ = std::max(now_, limit);
        return false;
    }
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const entry next = heap_.back();
    heap_.pop_back();
    now_ = next.when;
    ++happened_;
    next.whom->on_moment(next.what);
    return true;
}

}  // namespace coax::sim
