// Virtual time shared by packetdrill's two threads: the main one, which makes time pass, and the
// one that sits in a blocking call. packetdrill finds out that a call blocks by looking whether its
// thread sleeps, and when it ended by asking for the time; so (1) a blocked call really sleeps,
// (2) time stands still from the moment it is woken until its thread has asked for the time, and
// (3) the main thread then waits, where it holds no lock of packetdrill's, until that thread sleeps
// again. Knows nothing of the stack but its turn.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <set>

#include <sys/types.h>

#include "stack/base/time.hpp"

namespace coax::packetdrill {

// Everything needs the lock of `mutex`; what takes it as argument may let it go for a while.
class virtual_time {
  public:
    using lock = std::unique_lock<std::mutex>;

    std::mutex mutex;

    // `turn` makes the stack do what is due now; `next_deadline` says when it wants to be turned.
    virtual_time(std::function<void()> turn, std::function<stack::instant()> next_deadline);

    const stack::instant& now() const { return now_; }
    // A moment that has not passed.
    void turn();

    // Blocks the calling thread until `ready` (looked at after each turn) or `deadline`; true: it
    // is ready. The main thread lets time pass instead, since nobody else would, and gives up when
    // nothing is going to happen.
    bool wait(lock& held, const std::function<bool()>& ready, stack::instant deadline);

    // What packetdrill's gettimeofday gives. Each look costs a microsecond, for packetdrill spins.
    stack::instant look(lock& held);
    // packetdrill's usleep: lets `span` pass, or less when it woke a blocked call.
    void sleep(lock& held, stack::duration span);
    // Lets time pass until `there`, or until nothing is going to happen before `limit`.
    bool pass_until(lock& held, const std::function<bool()>& there, stack::instant limit);

  private:
    struct waiter {
        pid_t thread;
        const std::function<bool()>& ready;
        stack::instant deadline;
        bool woken = false;
        std::condition_variable wake;
    };

    void advance(stack::instant to);
    bool step(stack::instant limit);  // to the next thing that happens; false: none before limit
    void wake_waiters();
    void let_woken_look(lock& held);
    void let_returned_sleep(lock& held);

    std::function<void()> turn_;
    std::function<stack::instant()> next_deadline_;
    pid_t main_thread_;
    stack::instant now_;
    std::list<waiter> waiters_;
    std::set<pid_t> woken_;     // did not ask for the time yet
    std::set<pid_t> returned_;  // did, and are on their way to sleep
    std::condition_variable looked_;
};

}  // namespace coax::packetdrill
