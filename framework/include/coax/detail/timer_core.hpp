// What all coax timers have, whatever their executor: a node in the timer heap of their context.
#pragma once

#include <cstddef>

#include <coax/detail/loop.hpp>
#include <coax/detail/timer_queue.hpp>

namespace coax::detail {

class timer_core {
  public:
    explicit timer_core(loop& l) noexcept : loop_(&l) {}
    timer_core(timer_core&& other) noexcept;
    timer_core& operator=(timer_core&& other) noexcept;
    ~timer_core() { cancel(); }

    loop& get_loop() const noexcept { return *loop_; }
    clock::time_point expiry() const noexcept { return node_.expiry; }
    // Pending waits end with operation_aborted; how many.
    std::size_t expires_at(clock::time_point when) noexcept;
    // Saturates: never earlier than it should be, nor in the past by overflow.
    std::size_t expires_after(clock::duration delay) noexcept;
    std::size_t cancel() noexcept;
    std::size_t cancel_one() noexcept;
    void wait();
    void start(timer_operation* o);
    // For loop::remember().
    static void cancel_operation(loop& where, operation* o);

  private:
    std::size_t end_waits(bool only_one) noexcept;

    loop* loop_;
    timer_node node_;
};

}  // namespace coax::detail
