// Submission, completion dispatch and sleeping on one io_uring, by liburing.
// Knows nothing of what the submissions mean.
#include "backends/ring.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define COAX_THREAD_SANITIZER
#endif
#endif

namespace coax::backends {

namespace {

// 6.1: completions are worked on only when we ask, and nobody else submits. Kernels that do not
// know these flags refuse them as a whole with EINVAL (io_uring_setup(2)).
constexpr std::uint32_t for_one_thread = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                         IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
                                         IORING_SETUP_R_DISABLED;
// Older kernels, and rings that many threads enter. Not COOP_TASKRUN: a thread that submitted and
// now sleeps elsewhere would never see the work done. 5.18, and before.
constexpr std::array<std::uint32_t, 2> for_any_thread{IORING_SETUP_SUBMIT_ALL, 0};
// A move costs some 50 ms, the time the kernel takes to end a ring: one for a program that starts
// on one thread and goes on on another; who changes again gets the other kind of ring.
constexpr unsigned moves_for_one_thread = 1;
// Bound for the kernel to end a ring, in a work queue.
constexpr int longest_end_ms = 1000;

constexpr std::uint32_t completions_per_submission = 4;
// reap() flushes the kernel's overflow list at most so often, that a flood cannot hold it.
constexpr int rounds_per_reap = 16;
std::error_code to_error(int result) noexcept { return {-result, std::system_category()}; }

// A ring may lie where another thread's has been. liburing maps and unmaps by system calls of its
// own, which the thread sanitizer does not see: it is told here that one comes after the other.
#ifdef COAX_THREAD_SANITIZER
char mapped_memory;
void before_unmapping() noexcept { __tsan_release(&mapped_memory); }
void after_mapping() noexcept { __tsan_acquire(&mapped_memory); }
#else
void before_unmapping() noexcept {}
void after_mapping() noexcept {}
#endif

}  // namespace

// Null for completions that nobody waits for, and for liburing's own (where the kernel has no
// EXT_ARG, before 5.11).
completion* ring::target_of(std::uint64_t user_data) noexcept {
    if (user_data == LIBURING_UDATA_TIMEOUT) return nullptr;
    return reinterpret_cast<completion*>(user_data & ~silent);
}

bool ring::lands(const io_uring_cqe& entry) noexcept {
    return (entry.flags & IORING_CQE_F_MORE) == 0 && (entry.user_data & silent) == 0;
}

ring::ring() = default;

ring::~ring() { close(); }

std::error_code ring::create(bool one_thread) noexcept {
    const auto attempt = [this](std::uint32_t flags) {
        io_uring_params parameters{};
        parameters.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
        parameters.cq_entries = entries_ * completions_per_submission;
        return io_uring_queue_init_params(entries_, &ring_, &parameters);
    };
    int result = one_thread ? attempt(for_one_thread) : -EINVAL;
    for (const std::uint32_t flags : for_any_thread)
        if (result == -EINVAL) result = attempt(flags);
    if (result < 0) return to_error(result);
    after_mapping();
    open_ = true;
    if ((ring_.flags & IORING_SETUP_SINGLE_ISSUER) != 0) watch_end();
    enabled_ = (ring_.flags & IORING_SETUP_R_DISABLED) == 0;
    return {};
}

std::error_code ring::open(std::uint32_t submission_entries) noexcept {
    assert(!open_);
    entries_ = submission_entries;
    failure_ = {};
    moves_ = 0;
    static std::atomic<std::uint64_t> epochs{0};
    epoch_ = ++epochs;
    first_under_way_ = nullptr;
    return create(true);
}

void ring::close() noexcept {
    if (!open_) return;
    open_ = false;
    waiting_.clear();
    arrivals_.clear();
    before_unmapping();
    io_uring_queue_exit(&ring_);
    if (end_ >= 0) ::close(std::exchange(end_, -1));
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

// One system call; once more if the ring had to move to this thread first.
template <class Enter>
int ring::enter(Enter&& how) noexcept {
    ++enters_;
    int result = how();
    if (result == -EEXIST) {
        take_over();
        if (!open_ || !enable()) return result;
        refill();
        ++enters_;
        result = how();
    }
    return result;
}

// --- what is under way, so that a ring that moves can tell its targets

void ring::note_under_way(completion& target) noexcept {
    if (target.under_way.epoch != epoch_) {
        target.under_way.epoch = epoch_;
        target.under_way.count = 0;
    }
    if (target.under_way.count++ != 0) return;
    target.under_way.before = nullptr;
    target.under_way.after = first_under_way_;
    if (first_under_way_ != nullptr) first_under_way_->under_way.before = &target;
    first_under_way_ = &target;
}

void ring::note_landed(completion& target) noexcept {
    auto& [before, after, epoch, count] = target.under_way;
    if (--count != 0) return;
    (before != nullptr ? before->under_way.after : first_under_way_) = after;
    if (after != nullptr) after->under_way.before = before;
}

// The ring holds the writing end of a pipe, as a registered file, until the kernel has ended all
// that was in flight and freed it: then the reading end hangs up.
void ring::watch_end() noexcept {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    if (io_uring_register_files(&ring_, &ends[1], 1) == 0) std::swap(end_, ends[0]);
    for (const int end : ends)
        if (end >= 0) ::close(end);
}

void ring::await_end() noexcept {
    if (end_ < 0) return;
    pollfd watched{end_, POLLIN, 0};
    ::poll(&watched, 1, longest_end_ms);
    ::close(std::exchange(end_, -1));
}

// With DEFER_TASKRUN the kernel works for a ring only while its thread is inside, so between two
// enters nothing moves: what is complete stands in the completion queue, what is not has not
// happened, and can be done again from the start on another ring.
void ring::take_over() noexcept {
    if (!open_ || !enabled_) return;
    save_arrivals();
    save_submissions();
    before_unmapping();
    io_uring_queue_exit(&ring_);
    open_ = false;
    // A dying accept would still swallow the wake-up for a connection: it waits exclusively.
    await_end();
    ++moves_;
    if (const auto ec = create(moves_ <= moves_for_one_thread)) failure_ = ec;
    // Neither what arrived is lost, nor what the old ring never took.
    const auto add = [this](std::uint32_t count) {
        for (const io_uring_sqe& entry : waiting_)
            if (auto* const target = target_of(entry.user_data);
                target != nullptr && (entry.user_data & silent) == 0)
                target->under_way.count += count;
        for (const arrival& a : arrivals_)
            if (a.lands) a.target->under_way.count += count;
    };
    add(UINT32_MAX);  // minus one
    std::vector<arrival> displaced;
    for (completion* c = first_under_way_; c != nullptr; c = c->under_way.after)
        displaced.insert(displaced.end(), c->under_way.count, {c, -ECANCELED, 0, true});
    add(1);
    arrivals_.insert(arrivals_.end(), displaced.begin(), displaced.end());
}

void ring::save_arrivals() noexcept {
    io_uring_cqe* entry = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, entry) {
        ++count;
        if (auto* const target = target_of(entry->user_data))
            arrivals_.push_back({target, entry->res, entry->flags, lands(*entry)});
    }
    io_uring_cq_advance(&ring_, count);
}

void ring::save_submissions() noexcept {
    const unsigned count = io_uring_sq_ready(&ring_);
    for (unsigned i = count; i-- != 0;) {
        const unsigned at = (ring_.sq.sqe_tail - count + i) & (ring_.sq.ring_entries - 1);
        waiting_.push_front(ring_.sq.sqes[at]);
    }
}

unsigned ring::deliver_saved() noexcept {
    unsigned count = 0;
    for (std::size_t i = 0; i != arrivals_.size(); ++i, ++count) {
        const arrival a = arrivals_[i];
        if (a.lands) note_landed(*a.target);
        a.target->on_completion(a.result, a.flags);
    }
    arrivals_.clear();
    return count;
}

io_uring_sqe* ring::next_entry() noexcept {
    assert(open_ || failure_);
    if (waiting_.empty() && open_) {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        if (entry == nullptr && enabled_) {
            flush();
            entry = io_uring_get_sqe(&ring_);
        }
        if (entry != nullptr) return entry;
    }
    return &waiting_.emplace_back();
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
        const int result = enter([this] { return io_uring_submit(&ring_); });
        // A kernel without SUBMIT_ALL stops after a refused entry; the rest is offered again.
        if (!note(result) || io_uring_sq_ready(&ring_) == before) return;
    } while (has_submissions());
}

unsigned ring::deliver() noexcept {
    unsigned count = 0;
    // Not more than were there at the start: a target may submit what completes at once.
    const unsigned there = io_uring_cq_ready(&ring_);
    while (count != there) {
        io_uring_cqe* entry = nullptr;
        if (io_uring_peek_cqe(&ring_, &entry) != 0) break;
        completion* const target = target_of(entry->user_data);
        const bool last = lands(*entry);
        const std::int32_t result = entry->res;
        const std::uint32_t flags = entry->flags;
        io_uring_cqe_seen(&ring_, entry);
        ++count;
        if (target == nullptr) continue;
        if (last) note_landed(*target);
        target->on_completion(result, flags);
    }
    return count;
}

unsigned ring::reap() noexcept {
    unsigned count = 0;
    bool entering = open_;
    for (int round = 0; round != rounds_per_reap; ++round) {
        if (entering && kernel_has_work() && enable()) {
            refill();
            entering = note(enter([this] { return io_uring_submit_and_get_events(&ring_); }));
        }
        unsigned delivered = arrivals_.empty() ? 0 : deliver_saved();
        if (open_) delivered += deliver();
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
        if (!note(enter([this] { return io_uring_submit_and_get_events(&ring_); }))) return false;
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
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
    __kernel_timespec limit{};
    limit.tv_sec = seconds.count();
    limit.tv_nsec = (timeout - seconds).count();
    io_uring_cqe* first = nullptr;
    note(enter([&] {
        // What was saved from the ring before it moved is to be delivered first.
        if (!arrivals_.empty()) return io_uring_submit(&ring_);
        // Without a limit the kernel is spared a timer.
        if (timeout == no_limit) return io_uring_submit_and_wait(&ring_, 1);
        return io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
    }));
}

}  // namespace coax::backends
