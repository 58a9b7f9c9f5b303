// The less frequent half of the timer heap: taking out of the middle.
#include <algorithm>

#include <coax/detail/timer_queue.hpp>

namespace coax::detail {

clock::time_point add_saturating(clock::time_point present, clock::duration delay) noexcept {
    const clock::time_point epoch{};
    if (present > epoch && clock::time_point::max() - present < delay)
        return clock::time_point::max();
    if (present < epoch && clock::time_point::min() - present > delay)
        return clock::time_point::min();
    return present + delay;
}

void timer_queue::move_down(std::size_t at) noexcept {
    const entry moving = heap_[at];
    const std::size_t size = heap_.size();
    for (;;) {
        const std::size_t first = at * arity + 1;
        if (first >= size) break;
        std::size_t least = first;
        const std::size_t end = std::min(first + arity, size);
        for (std::size_t child = first + 1; child < end; ++child)
            if (heap_[child].expiry < heap_[least].expiry) least = child;
        if (moving.expiry <= heap_[least].expiry) break;
        place(at, heap_[least]);
        at = least;
    }
    place(at, moving);
}

void timer_queue::remove(timer_node& node) noexcept {
    const std::size_t at = node.position_;
    node.position_ = timer_node::nowhere;
    const entry last = heap_.back();
    heap_.pop_back();
    if (at == heap_.size()) return;
    place(at, last);
    move_up(at);
    move_down(last.node->position_);
}

std::size_t timer_queue::cancel(timer_node& node, boost::system::error_code result,
                                operation_queue& finished) noexcept {
    std::size_t count = 0;
    while (cancel_one(node, result, finished) != 0) ++count;
    return count;
}

std::size_t timer_queue::cancel_one(timer_node& node, boost::system::error_code result,
                                    operation_queue& finished) noexcept {
    auto* const o = static_cast<timer_operation*>(node.waits_.pop());
    if (o == nullptr) return 0;
    o->result = result;
    o->node = nullptr;
    finished.push(o);
    if (node.waits_.empty()) remove(node);
    return 1;
}

bool timer_queue::cancel(timer_operation* o, boost::system::error_code result,
                         operation_queue& finished) noexcept {
    if (o->node == nullptr) return false;
    timer_node& node = *o->node;
    node.waits_.remove(o);
    o->result = result;
    o->node = nullptr;
    finished.push(o);
    if (node.waits_.empty()) remove(node);
    return true;
}

void timer_queue::move(timer_node& from, timer_node& to) noexcept {
    to.expiry = from.expiry;
    to.waits_.append(from.waits_);
    to.position_ = std::exchange(from.position_, timer_node::nowhere);
    if (to.position_ == timer_node::nowhere) return;
    heap_[to.position_].node = &to;
    to.waits_.for_each([&to](operation* o) { static_cast<timer_operation*>(o)->node = &to; });
}

}  // namespace coax::detail
