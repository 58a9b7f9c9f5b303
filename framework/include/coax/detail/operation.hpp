// The queued unit of work of a context: an intrusive node with one function. Handlers, socket
// operations and timers all end as one of these in the ready queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace coax::detail {

class operation {
  public:
    // `run` true: move the handler out, free the node, call the handler.
    // `run` false: destroy handler and node without calling (context shutdown).
    using function = void (*)(operation* self, bool run);

    void complete() { function_(this, true); }
    void destroy() { function_(this, false); }
    // Completes where it is finished, not through the ready queue: its function only notes that
    // (a blocking call waits for it) and calls nobody.
    bool completes_at_once() const noexcept { return at_once_; }

  protected:
    explicit operation(function f, bool at_once = false) noexcept
        : function_(f), at_once_(at_once) {}
    ~operation() = default;
    void set_completes_at_once(bool on) noexcept { at_once_ = on; }

  private:
    friend class operation_queue;
    friend class mailbox;
    operation* next_ = nullptr;
    function function_;
    bool at_once_;
};

// First in, first out; owns nothing unless told to destroy.
class operation_queue {
  public:
    operation_queue() = default;
    operation_queue(operation_queue&& other) noexcept
        : front_(std::exchange(other.front_, nullptr)),
          back_(std::exchange(other.back_, nullptr)) {}
    operation_queue& operator=(operation_queue&&) = delete;
    ~operation_queue() {
        while (operation* o = pop()) o->destroy();
    }

    bool empty() const noexcept { return front_ == nullptr; }
    operation* front() const noexcept { return front_; }
    void push(operation* o) noexcept {
        o->next_ = nullptr;
        if (back_ != nullptr) back_->next_ = o;
        else front_ = o;
        back_ = o;
    }
    void push_front(operation* o) noexcept {
        o->next_ = front_;
        front_ = o;
        if (back_ == nullptr) back_ = o;
    }
    operation* pop() noexcept {
        operation* o = front_;
        if (o != nullptr) {
            front_ = o->next_;
            if (front_ == nullptr) back_ = nullptr;
            o->next_ = nullptr;
        }
        return o;
    }
    // Everything of `other` to the end of this one.
    void append(operation_queue& other) noexcept {
        if (other.front_ == nullptr) return;
        if (back_ != nullptr) back_->next_ = other.front_;
        else front_ = other.front_;
        back_ = std::exchange(other.back_, nullptr);
        other.front_ = nullptr;
    }
    // Visits each in order; `visit` must not change the queue.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (operation* o = front_; o != nullptr; o = o->next_) visit(o);
    }
    // Takes `o` out of the middle; false if it is not in here.
    bool remove(operation* o) noexcept {
        operation* before = nullptr;
        for (operation* at = front_; at != nullptr; before = at, at = at->next_) {
            if (at != o) continue;
            (before != nullptr ? before->next_ : front_) = o->next_;
            if (back_ == o) back_ = before;
            o->next_ = nullptr;
            return true;
        }
        return false;
    }

  private:
    operation* front_ = nullptr;
    operation* back_ = nullptr;
};

}  // namespace coax::detail
