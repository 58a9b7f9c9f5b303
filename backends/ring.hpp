// The one io_uring of a context: submission, completion dispatch and the single place where a
// context sleeps. Knows nothing of frames, sockets or handlers.
#pragma once

#include <cstdint>
#include <deque>
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

// Sleeping without a limit, for submit_and_wait().
inline constexpr stack::duration no_limit = stack::duration::max();

// Who enters the kernel for a ring. any_thread (one after the other, never two at once) gives up
// SINGLE_ISSUER and DEFER_TASKRUN: completions then interrupt the thread that submitted.
enum class issuer : std::uint8_t { one_thread, any_thread };

class ring {
  public:
    // Flags as the kernel has them: SINGLE_ISSUER | DEFER_TASKRUN | SUBMIT_ALL, else fewer.
    // Not usable before open(). The thread that first enters the kernel owns it (SINGLE_ISSUER);
    // the ring is created disabled and enabled by that first enter, so that a context may be built
    // on one thread and run on another. submit() alone never enters before that.
    ring();
    ~ring();
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    // `submission_entries`: rounded up to a power of two; the completion queue has four times as
    // many, and the kernel keeps what overflows. Errors: ENOSYS or EPERM where io_uring is missing
    // or forbidden, ENOMEM, EMFILE.
    std::error_code open(std::uint32_t submission_entries,
                         issuer who = issuer::one_thread) noexcept;
    // Gives the ring back to the kernel, which ends whatever is in flight; no completion is
    // delivered afterwards. Any thread.
    void close() noexcept;
    bool is_open() const noexcept { return open_; }
    int descriptor() const noexcept;  // pollable: readable when completions wait
    // The IORING_SETUP_* flags that the kernel accepted.
    std::uint32_t setup_flags() const noexcept { return ring_.flags; }
    // liburing's handle, for registrations (buffer rings, files) by the owning thread.
    io_uring& native() noexcept { return ring_; }

    // A submission entry with user_data set to `target` (null: completion is dropped silently);
    // never null: a full queue is submitted first. The caller fills it with io_uring_prep_*, which
    // must come before (io_uring_prep_* clears user_data): so use submit(target, lambda).
    template <class Prepare>
    void submit(completion* target, Prepare&& prepare) noexcept {
        io_uring_sqe* entry = next_entry();
        prepare(entry);
        io_uring_sqe_set_data(entry, target);
    }

    bool has_submissions() const noexcept;
    // Hands submissions to the kernel without waiting. What the kernel does not take now (EBUSY,
    // EAGAIN) stays queued for the next call.
    void flush() noexcept;
    // Delivers completions that are there (running deferred task work if the kernel has some);
    // returns how many. Costs no system call when there is nothing; when it must enter the kernel,
    // it hands over the submissions in the same call.
    unsigned reap() noexcept;
    // Submits and sleeps until a completion is there, a signal came or `timeout` has passed
    // (no_limit: none), in one io_uring_enter. Completions are not delivered; call reap(). May
    // return early.
    void submit_and_wait(stack::duration timeout) noexcept;

    // Submits, and lets the kernel do at once the deferred work this causes: afterwards it has let
    // go of what was cancelled (its descriptors, its user memory). One system call. Completions are
    // not delivered. False if the kernel was not entered: another thread's ring, or one that nobody
    // entered yet (then the submissions wait for its thread).
    bool settle() noexcept;

    // The last refusal that is not one of the passing ones: EEXIST when another thread owns the
    // ring, EBADR when the kernel lost a completion for want of memory. Empty while all is well.
    std::error_code failure() const noexcept { return failure_; }
    std::uint64_t enters() const noexcept { return enters_; }  // system calls made, for observation

  private:
    io_uring_sqe* next_entry() noexcept;
    bool enable() noexcept;
    void refill() noexcept;
    bool kernel_has_work() const noexcept;
    unsigned deliver() noexcept;
    bool note(int result) noexcept;

    io_uring ring_{};
    // Entries that found the submission queue full while the kernel would not take any. Pointers
    // into it are stable until refill().
    std::deque<io_uring_sqe> waiting_;
    bool open_ = false;
    bool enabled_ = false;
    std::error_code failure_;
    std::uint64_t enters_ = 0;
};

}  // namespace coax::backends
