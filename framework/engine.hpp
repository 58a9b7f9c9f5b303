// The loop of a context: one thread, one ring, one transport. Turns them, and is the only place
// that sleeps. Handlers and their executors know only its base, <coax/detail/loop.hpp>.
//
// One turn:
//     1. handlers from the ready queue, a bounded number
//     2. transport::flush_output(): what the handlers caused; the device is kicked once
//     3. mailbox, ring completions, transport::take_input(): finished operations become ready
//     4. expired timers, behind the I/O that came with them
// With nothing ready: look again for the configured moment, then transport::prepare_to_sleep() and
// sleep in one io_uring_enter.
//
// What a transport uses of it: ring(), now_of_turn(), complete(). Rules for ring submissions:
// - never flush the ring: the loop does, once per turn, or by the enter that sleeps;
// - a completion with -ECANCELED that was not asked for means that the thread that submitted it has
//   ended (the context was run by another one since): submit it again.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include <coax/backend.hpp>
#include <coax/detail/loop.hpp>

#include "backends/ring.hpp"
#include "framework/transport/transport.hpp"
#include "stack/base/time.hpp"

namespace coax::detail {

class engine : public loop {
  public:
    // --- for transports
    backends::ring& ring() noexcept { return ring_; }
    // The time at which this turn began; the same for everything in it.
    stack::instant now_of_turn() const noexcept { return turn_time_; }

  protected:
    engine() = default;
    ~engine() = default;

    backends::ring ring_;
    stack::instant turn_time_{};
};

}  // namespace coax::detail
