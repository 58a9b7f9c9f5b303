// The slower half of the loop's shared part: calls from other threads, and cancellation keys.
#include <coax/detail/loop.hpp>

namespace coax::detail {

void loop::post_from_outside(operation* o) noexcept {
    outside_work_.fetch_add(1, std::memory_order_relaxed);
    mailbox_.push(o);
    wake_if_sleeping();
}

void loop::work_finished_outside() noexcept {
    outside_work_.fetch_sub(1, std::memory_order_seq_cst);
    wake_if_sleeping();  // it may be the last one
}

cancel_key loop::remember(operation* o, cancel_function how) {
    if (first_free_ == no_entry) {
        first_free_ = static_cast<std::uint32_t>(cancellables_.size());
        cancellables_.emplace_back().next_free = no_entry;
    }
    const std::uint32_t index = first_free_;
    cancellable& entry = cancellables_[index];
    first_free_ = entry.next_free;
    entry.target = o;
    entry.cancel = how;
    return {index, entry.generation};
}

void loop::forget_known(cancel_key key) noexcept {
    cancellable& entry = cancellables_[key.index];
    if (++entry.generation == 0) entry.generation = 1;
    entry.target = nullptr;
    entry.next_free = first_free_;
    first_free_ = key.index;
}

void loop::cancel(cancel_key key) noexcept {
    if (key.index >= cancellables_.size()) return;
    const cancellable entry = cancellables_[key.index];
    if (entry.generation == key.generation && entry.target != nullptr)
        entry.cancel(*this, entry.target);
}

bool loop::visit::come_in() noexcept {
    const void* const self = &tokens_of_this_thread().visiting;
    const void* found = nullptr;
    alone_ = loop_.owner_.compare_exchange_strong(found, self, std::memory_order_seq_cst);
    return alone_ || found == self;
}

void loop::visit::leave() noexcept {
    loop_.owner_.store(nullptr, std::memory_order_seq_cst);
    loop_.place_left();
}

}  // namespace coax::detail
