// The time of a context, injected: the system's, or a virtual one that moves only when told to.
// Time points are those of std::chrono::steady_clock, so that they read as in any Asio program.
#pragma once

#include <chrono>

namespace coax {

class clock {
  public:
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;

    virtual ~clock() = default;

    // Never goes backwards.
    virtual time_point now() const noexcept = 0;
    // Called instead of sleeping, when nothing can happen before `when`. True: it is now at least
    // `when` (virtual time was moved). False: time goes by itself, sleep.
    virtual bool advance_to(time_point when) noexcept = 0;

  protected:
    clock() = default;
    clock(const clock&) = default;
    clock& operator=(const clock&) = default;
};

// Moves only by advance(): when a context that uses it has nothing to do before its next deadline,
// or by the program's own calls. A context on it never sleeps while it has a deadline. Contexts
// that share one must be turned by one thread, with poll(), and the program moves the clock when
// all of them are idle (io_context::next_deadline()). Not thread-safe.
class virtual_clock final : public clock {
  public:
    explicit virtual_clock(time_point start = time_point{std::chrono::hours{1}}) noexcept
        : now_(start) {}

    time_point now() const noexcept override { return now_; }
    bool advance_to(time_point when) noexcept override {
        if (when > now_) now_ = when;
        return true;
    }
    void advance(duration by) noexcept { now_ += by; }

  private:
    time_point now_;
};

}  // namespace coax
