// The one io_uring of a context: submission, completion dispatch and the single place where a
// context sleeps. Knows nothing of frames, sockets or handlers.
#pragma once

#include <cstdint>
#include <system_error>

#include <liburing.h>

#include "stack/base/time.hpp"

namespace coax::backends {

// Something in flight on the ring: its address is the user_data of its submissions. It must stay
// alive until the last completion for it was delivered (no IORING_CQE_F_MORE and not resubmitted).
class completion {
  public:
    // `result` and `flags` of the CQE. Runs inside ring::reap(), on the context's thread; may
    // submit, must not reap or sleep.
    virtual void on_completion(std::int32_t result, std::uint32_t flags) noexcept = 0;

  protected:
    ~completion() = default;
};

class ring {
  public:
    // Flags as the kernel has them: SINGLE_ISSUER | DEFER_TASKRUN | SUBMIT_ALL, else fewer.
    // Not usable before open(). The thread that first submits owns it (SINGLE_ISSUER); the ring is
    // created disabled and enabled by the first enter, so that a context may be built on one thread
    // and run on another.
    ring();
    ~ring();
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    std::error_code open(std::uint32_t submission_entries) noexcept;
    bool is_open() const noexcept;
    int descriptor() const noexcept;  // pollable: readable when completions wait

    // A submission entry with user_data set to `target` (null: completion is dropped silently);
    // never null: a full queue is submitted first. The caller fills it with io_uring_prep_*, which
    // must come before (io_uring_prep_* clears user_data): so use prepare(target, lambda).
    template <class Prepare>
    void submit(completion* target, Prepare&& prepare) noexcept {
        io_uring_sqe* entry = next_entry();
        prepare(entry);
        io_uring_sqe_set_data(entry, target);
    }

    bool has_submissions() const noexcept;
    // Hands submissions to the kernel without waiting.
    void flush() noexcept;
    // Delivers completions that are there (running deferred task work if the kernel has some);
    // returns how many. Costs no system call when there is nothing.
    unsigned reap() noexcept;
    // Submits and sleeps until a completion is there or `timeout` has passed (never: no limit), in
    // one io_uring_enter. Completions are not delivered; call reap().
    void submit_and_wait(stack::duration timeout) noexcept;

    std::uint64_t enters() const noexcept { return enters_; }  // system calls made, for observation

  private:
    io_uring_sqe* next_entry() noexcept;

    io_uring ring_{};
    bool open_ = false;
    bool enabled_ = false;
    std::uint64_t enters_ = 0;
};

}  // namespace coax::backends
