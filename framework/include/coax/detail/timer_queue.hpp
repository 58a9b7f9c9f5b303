// All pending waits of a context by expiry: an intrusive four-ary heap over timer nodes. Knows no
// clock. Arming and cancelling move a few 16-byte entries and allocate nothing but the heap's own
// array, which only grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <boost/system/error_code.hpp>

#include <coax/clock.hpp>
#include <coax/detail/operation.hpp>

namespace coax::detail {

class timer_node;

// `delay` after `present`, but the first or last moment there is where that would overflow.
clock::time_point add_saturating(clock::time_point present, clock::duration delay) noexcept;

// A wait in flight. The concrete class holds the handler.
class timer_operation : public operation {
  public:
    boost::system::error_code result;
    timer_node* node = nullptr;  // where it waits; null once finished

  protected:
    using operation::operation;
    ~timer_operation() = default;
};

// The state of one timer: in the heap while it has waits.
class timer_node {
  public:
    timer_node() = default;
    timer_node(const timer_node&) = delete;
    timer_node& operator=(const timer_node&) = delete;

    clock::time_point expiry = clock::time_point::min();

    bool is_waiting() const noexcept { return position_ != nowhere; }

  private:
    friend class timer_queue;
    static constexpr std::size_t nowhere = SIZE_MAX;

    operation_queue waits_;
    std::size_t position_ = nowhere;
};

class timer_queue {
  public:
    // `o` waits for the expiry of `node`.
    void add(timer_node& node, timer_operation* o) {
        if (node.position_ == timer_node::nowhere) {
            heap_.push_back({node.expiry, &node});  // the only thing that may throw
            node.position_ = heap_.size() - 1;
            move_up(node.position_);
        }
        o->node = &node;
        node.waits_.push(o);
    }
    // Ends all waits of `node` with `result`; they are appended to `finished`. Returns how many.
    std::size_t cancel(timer_node& node, boost::system::error_code result,
                       operation_queue& finished) noexcept;
    // Ends the oldest wait.
    std::size_t cancel_one(timer_node& node, boost::system::error_code result,
                           operation_queue& finished) noexcept;
    // Ends this wait; false if it is not pending.
    bool cancel(timer_operation* o, boost::system::error_code result,
                operation_queue& finished) noexcept;
    // The waits of `from` go on in `to`, which must have none.
    void move(timer_node& from, timer_node& to) noexcept;

    bool empty() const noexcept { return heap_.empty(); }
    // time_point::max() if there is none.
    clock::time_point next_expiry() const noexcept {
        return heap_.empty() ? clock::time_point::max() : heap_.front().expiry;
    }
    // Ends the waits of all nodes that expired at `now` or before, the earliest first.
    void expire(clock::time_point now, operation_queue& finished) noexcept {
        while (!heap_.empty() && heap_.front().expiry <= now)
            cancel(*heap_.front().node, {}, finished);
    }
    // Ends all waits.
    void cancel_all(boost::system::error_code result, operation_queue& finished) noexcept {
        while (!heap_.empty()) cancel(*heap_.back().node, result, finished);
    }

  private:
    struct entry {
        clock::time_point expiry;
        timer_node* node;
    };
    static constexpr std::size_t arity = 4;

    void place(std::size_t at, const entry& e) noexcept {
        heap_[at] = e;
        e.node->position_ = at;
    }
    void move_up(std::size_t at) noexcept {
        const entry moving = heap_[at];
        while (at != 0) {
            const std::size_t parent = (at - 1) / arity;
            if (heap_[parent].expiry <= moving.expiry) break;
            place(at, heap_[parent]);
            at = parent;
        }
        place(at, moving);
    }
    void move_down(std::size_t at) noexcept;
    void remove(timer_node& node) noexcept;

    std::vector<entry> heap_;
};

}  // namespace coax::detail
