// The one io_uring of a context: submission, completion dispatch and the single place where a
// context sleeps. Knows nothing of frames, sockets or handlers.
#pragma once

#include <cstdint>
#include <deque>
#include <system_error>
#include <vector>

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

    // The ring's own: in the list of what is under way. A copy of a completion is not.
    struct bookkeeping {
        bookkeeping() = default;
        bookkeeping(const bookkeeping&) noexcept {}
        bookkeeping& operator=(const bookkeeping&) noexcept { return *this; }
        ~bookkeeping() = default;

        completion* before = nullptr;
        completion* after = nullptr;
        std::uint64_t epoch = 0;  // of the ring when it was last submitted
        std::uint32_t count = 0;  // submissions under way
    } under_way;

  protected:
    ~completion() = default;
};

// Sleeping without a limit, for submit_and_wait().
inline constexpr stack::duration no_limit = stack::duration::max();

class ring {
  public:
    // Flags as the kernel has them: SINGLE_ISSUER | DEFER_TASKRUN | SUBMIT_ALL, else fewer.
    // Not usable before open(). One thread at a time. The thread that first enters the kernel owns
    // it (SINGLE_ISSUER); the ring is created disabled and enabled by that first enter, so that a
    // context may be built on one thread and run on another. submit() alone never enters before
    // that.
    //
    // When another thread enters later, the ring moves to it: what is in flight ends with
    // -ECANCELED and is to be submitted again by its target; nothing that was sent or received is
    // lost. That is slow; a ring that moves again and again gives up SINGLE_ISSUER.
    ring();
    ~ring();
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    // `submission_entries`: rounded up to a power of two; the completion queue has four times as
    // many, and the kernel keeps what overflows. Errors: ENOSYS or EPERM where io_uring is missing
    // or forbidden, ENOMEM, EMFILE.
    std::error_code open(std::uint32_t submission_entries) noexcept;
    // Gives the ring back to the kernel, which ends whatever is in flight; no completion is
    // delivered afterwards. Any thread.
    void close() noexcept;
    bool is_open() const noexcept { return open_; }
    int descriptor() const noexcept;  // pollable: readable when completions wait
    // The IORING_SETUP_* flags that the kernel accepted.
    std::uint32_t setup_flags() const noexcept { return ring_.flags; }
    // liburing's handle, for registrations (buffer rings, files). They answer EEXIST to a thread
    // that does not own the ring: take_over() first. They are gone when moves() has changed.
    io_uring& native() noexcept { return ring_; }
    void take_over() noexcept;
    unsigned moves() const noexcept { return moves_; }
    // Completions of the ring before it moved wait for reap().
    bool has_saved() const noexcept { return !arrivals_.empty(); }

    // A submission entry with user_data set to `target` (null: completion is dropped silently);
    // never null: a full queue is submitted first. The caller fills it with io_uring_prep_*, which
    // must come before (io_uring_prep_* clears user_data): so use submit(target, lambda).
    template <class Prepare>
    void submit(completion* target, Prepare&& prepare) noexcept {
        io_uring_sqe* entry = next_entry();
        prepare(entry);
        entry->user_data = reinterpret_cast<std::uint64_t>(target);
        if (target == nullptr) return;
        // With IOSQE_CQE_SKIP_SUCCESS perhaps no completion comes: nothing is under way then.
        if ((entry->flags & IOSQE_CQE_SKIP_SUCCESS) != 0) entry->user_data |= silent;
        else note_under_way(*target);
    }

    bool has_submissions() const noexcept {
        return open_ && (io_uring_sq_ready(&ring_) != 0 || !waiting_.empty());
    }
    // Nothing to hand over and nothing to deliver: flush() and reap() would do nothing.
    bool quiet() const noexcept {
        if (!waiting_.empty() || !arrivals_.empty()) return false;
        return !open_ || (io_uring_cq_ready(&ring_) == 0 && io_uring_sq_ready(&ring_) == 0 &&
                          !kernel_has_work());
    }
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
    // not delivered. False if the kernel was not entered: nobody entered this ring yet, and its
    // submissions wait for the thread that will.
    bool settle() noexcept;

    // The last refusal that is not one of the passing ones: EBADR when the kernel lost a completion
    // for want of memory, ENOMEM when the ring could not move. Empty while all is well.
    std::error_code failure() const noexcept { return failure_; }
    std::uint64_t enters() const noexcept { return enters_; }  // system calls made, for observation

  private:
    struct arrival {
        completion* target;
        std::int32_t result;
        std::uint32_t flags;
        bool lands;  // it is the last of a submission that was under way
    };
    static constexpr std::uint64_t silent = 1;  // in user_data, beside the aligned address

    static completion* target_of(std::uint64_t user_data) noexcept;
    static bool lands(const io_uring_cqe& entry) noexcept;

    io_uring_sqe* next_entry() noexcept;
    std::error_code create(bool one_thread) noexcept;
    bool enable() noexcept;
    template <class Enter>
    int enter(Enter&& how) noexcept;
    void note_under_way(completion& target) noexcept;
    void note_landed(completion& target) noexcept;
    void watch_end() noexcept;
    void await_end() noexcept;
    void save_arrivals() noexcept;
    void save_submissions() noexcept;
    unsigned deliver_saved() noexcept;
    void refill() noexcept;
    // Deferred task work, or completions that found the queue full: both come only by entering.
    bool kernel_has_work() const noexcept {
        return (IO_URING_READ_ONCE(*ring_.sq.kflags) &
                (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
    }
    unsigned deliver() noexcept;
    bool note(int result) noexcept;

    io_uring ring_{};
    std::uint32_t entries_ = 0;
    // Entries that found the submission queue full while the kernel would not take any. Pointers
    // into it are stable until refill().
    std::deque<io_uring_sqe> waiting_;
    completion* first_under_way_ = nullptr;
    std::vector<arrival> arrivals_;  // of the ring before it moved
    std::uint64_t epoch_ = 0;
    unsigned moves_ = 0;
    int end_ = -1;  // hangs up when the kernel has freed the ring
    bool open_ = false;
    bool enabled_ = false;
    std::error_code failure_;
    std::uint64_t enters_ = 0;
};

}  // namespace coax::backends
