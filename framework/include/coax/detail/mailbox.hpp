// Operations on their way from other threads to a context: many producers, one consumer, no locks.
#pragma once

#include <atomic>

#include <coax/detail/operation.hpp>

namespace coax::detail {

class mailbox {
  public:
    // Any thread. Full fence, so that a sleeping flag read afterwards is not read too early.
    void push(operation* o) noexcept {
        operation* top = top_.load(std::memory_order_relaxed);
        do o->next_ = top;
        while (!top_.compare_exchange_weak(top, o, std::memory_order_seq_cst,
                                           std::memory_order_relaxed));
    }
    bool empty() const noexcept { return top_.load(std::memory_order_seq_cst) == nullptr; }
    // The consumer: everything, in the order of arrival, to the end of `queue`.
    void take_all(operation_queue& queue) noexcept {
        if (top_.load(std::memory_order_relaxed) == nullptr) return;
        operation* last = top_.exchange(nullptr, std::memory_order_acquire);
        operation* first = nullptr;
        while (last != nullptr) {
            operation* const next = last->next_;
            last->next_ = first;
            first = last;
            last = next;
        }
        while (first != nullptr) {
            operation* const next = first->next_;
            queue.push(first);
            first = next;
        }
    }

  private:
    std::atomic<operation*> top_{nullptr};
};

}  // namespace coax::detail
