// Submission, completion dispatch and sleeping on one io_uring, by liburing.
// Knows nothing of what the submissions mean.
#include "backends/ring.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>

namespace coax::backends {

namespace {

// Setup flags from the newest kernel to the oldest: what each kernel does not know, it refuses with
// EINVAL as a whole (io_uring_setup(2)).
constexpr std::array<std::uint32_t, 5> setups{
    // 6.1: completions are worked on only when we ask, and nobody else submits
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED,
    // 6.0
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED,
    // 5.19
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
    IORING_SETUP_SUBMIT_ALL,  // 5.18
    0,
};

// COOP_TASKRUN: a thread that sleeps elsewhere would never see the work done.
constexpr std::uint32_t bound_to_thread = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN;

constexpr std::uint32_t completions_per_submission = 4;
// reap() flushes the kernel's overflow list at most so often, that a flood cannot hold it.
constexpr int rounds_per_reap = 16;
// A sleep without limit is cut here, so that liburing makes exactly one system call for it.
constexpr std::chrono::hours longest_sleep{24};

std::error_code to_error(int result) noexcept { return {-result, std::system_category()}; }

std::uint32_t load(const unsigned* word) noexcept { return IO_URING_READ_ONCE(*word); }

}  // namespace

ring::ring() = default;

ring::~ring() { close(); }

std::error_code ring::open(std::uint32_t submission_entries, issuer who) noexcept {
    assert(!open_);
    int result = -EINVAL;
    for (std::uint32_t flags : setups) {
        if (who == issuer::any_thread && (flags & bound_to_thread) != 0) continue;
        io_uring_params parameters{};
        parameters.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
        parameters.cq_entries = submission_entries * completions_per_submission;
        result = io_uring_queue_init_params(submission_entries, &ring_, &parameters);
        if (result != -EINVAL) break;
    }
    if (result < 0) return to_error(result);
    open_ = true;
    enabled_ = (ring_.flags & IORING_SETUP_R_DISABLED) == 0;
    failure_ = {};
    return {};
}

void ring::close() noexcept {
    if (!open_) return;
    open_ = false;
    waiting_.clear();
    io_uring_queue_exit(&ring_);
}

int ring::descriptor() const noexcept { return open_ ? ring_.ring_fd : -1; }

// By hand, as liburing 2.3 declares io_uring_enable_rings() but does not export it.
// SINGLE_ISSUER: the thread that enables the ring is the one that may submit (io_uring_setup(2)).
bool ring::enable() noexcept {
    if (enabled_) return true;
    const int result = io_uring_register(static_cast<unsigned>(ring_.ring_fd),
                                         IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    ++enters_;
    if (result < 0) {
        failure_ = to_error(result);
        return false;
    }
    enabled_ = true;
    return true;
}

// False if the kernel takes nothing now.
bool ring::note(int result) noexcept {
    if (result >= 0) return true;
    switch (-result) {
        case EINTR:
        case ETIME: return true;
        case EBUSY:   // completions must be reaped first
        case EAGAIN:  // no memory for requests at the moment
        case ENOMEM: return false;
        default: failure_ = to_error(result); return false;
    }
}

io_uring_sqe* ring::next_entry() noexcept {
    assert(open_);
    if (waiting_.empty()) {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        if (entry == nullptr && enabled_) {
            flush();
            entry = io_uring_get_sqe(&ring_);
        }
        if (entry != nullptr) return entry;
    }
    return &waiting_.emplace_back();
}

bool ring::has_submissions() const noexcept {
    return open_ && (io_uring_sq_ready(&ring_) != 0 || !waiting_.empty());
}

// Moves entries that waited into the submission queue, in their order.
void ring::refill() noexcept {
    while (!waiting_.empty()) {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        if (entry == nullptr) return;
        *entry = waiting_.front();
        waiting_.pop_front();
    }
}

void ring::flush() noexcept {
    if (!has_submissions() || !enable()) return;
    do {
        refill();
        const unsigned before = io_uring_sq_ready(&ring_);
        const int result = io_uring_submit(&ring_);
        ++enters_;
        // A kernel without SUBMIT_ALL stops after a refused entry; the rest is offered again.
        if (!note(result) || io_uring_sq_ready(&ring_) == before) return;
    } while (has_submissions());
}

// Deferred task work, or completions that found the queue full: both come only by entering.
bool ring::kernel_has_work() const noexcept {
    return (load(ring_.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

unsigned ring::deliver() noexcept {
    unsigned count = 0;
    // Not more than were there at the start: a target may submit what completes at once.
    const unsigned there = io_uring_cq_ready(&ring_);
    while (count != there) {
        io_uring_cqe* entry = nullptr;
        if (io_uring_peek_cqe(&ring_, &entry) != 0) break;
        const std::uint64_t user_data = entry->user_data;
        const std::int32_t result = entry->res;
        const std::uint32_t flags = entry->flags;
        io_uring_cqe_seen(&ring_, entry);
        ++count;
        // liburing's own, where the kernel has no EXT_ARG (before 5.11)
        if (user_data == LIBURING_UDATA_TIMEOUT || user_data == 0) continue;
        reinterpret_cast<completion*>(user_data)->on_completion(result, flags);
        if (!open_) break;
    }
    return count;
}

unsigned ring::reap() noexcept {
    if (!open_) return 0;
    unsigned count = 0;
    bool entering = true;
    for (int round = 0; round != rounds_per_reap; ++round) {
        if (entering && kernel_has_work() && enable()) {
            refill();
            ++enters_;
            entering = note(io_uring_submit_and_get_events(&ring_)) || !failure_;
        }
        const unsigned delivered = deliver();
        count += delivered;
        if (delivered == 0 || !open_ || !entering || !kernel_has_work()) break;
    }
    return count;
}

bool ring::settle() noexcept {
    if (!open_ || !enabled_) return false;
    do {
        refill();
        const unsigned before = io_uring_sq_ready(&ring_);
        ++enters_;
        if (!note(io_uring_submit_and_get_events(&ring_))) return false;
        if (io_uring_sq_ready(&ring_) == before) break;
    } while (has_submissions());
    return !has_submissions();
}

void ring::submit_and_wait(stack::duration timeout) noexcept {
    if (!open_) return;
    if (timeout <= stack::duration::zero()) return flush();
    if (!enable()) return;
    refill();
    if (!waiting_.empty()) flush();
    const auto limited = std::min<stack::duration>(timeout, longest_sleep);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limited);
    __kernel_timespec limit{};
    limit.tv_sec = seconds.count();
    limit.tv_nsec = (limited - seconds).count();
    io_uring_cqe* first = nullptr;
    ++enters_;
    note(io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr));
}

}  // namespace coax::backends
