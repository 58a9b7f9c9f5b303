// The ring against the real kernel: delivery, sleeping, threads, overflow. Memory and pipes only.
#include "backends/ring.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace {

using coax::backends::completion;
using coax::backends::no_limit;
using coax::backends::ring;
using namespace std::chrono_literals;

struct recorder final : completion {
    std::vector<std::int32_t> results;
    std::vector<std::uint32_t> flags;
    void on_completion(std::int32_t r, std::uint32_t f) noexcept override {
        results.push_back(r);
        flags.push_back(f);
    }
};

struct pipe_pair {
    std::array<int, 2> ends{-1, -1};
    pipe_pair() { REQUIRE(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0); }
    pipe_pair(const pipe_pair&) = delete;
    pipe_pair& operator=(const pipe_pair&) = delete;
    ~pipe_pair() {
        for (int end : ends)
            if (end >= 0) ::close(end);
    }
    int reader() const { return ends[0]; }
    void feed() const { REQUIRE(::write(ends[1], "x", 1) == 1); }
};

void nop(io_uring_sqe* entry) { io_uring_prep_nop(entry); }

auto poll_of(int descriptor) {
    return [descriptor](io_uring_sqe* entry) { io_uring_prep_poll_add(entry, descriptor, POLLIN); };
}

// Reaps until `count` results are there, sleeping in between; bounded.
void turn_until(ring& r, const recorder& to, std::size_t count) {
    for (int turn = 0; turn != 1000 && to.results.size() < count; ++turn) {
        r.reap();
        if (to.results.size() < count) r.submit_and_wait(100ms);
    }
    REQUIRE(to.results.size() == count);
}

struct open_ring : ring {
    explicit open_ring(std::uint32_t entries = 8) { REQUIRE_FALSE(open(entries)); }
};

}  // namespace

TEST_CASE("a submission is delivered once, to its target") {
    open_ring r;
    recorder a;
    recorder b;
    r.submit(&a, nop);
    r.submit(&b, [](io_uring_sqe* e) { io_uring_prep_read(e, -1, nullptr, 0, 0); });
    CHECK(r.has_submissions());
    r.flush();
    CHECK_FALSE(r.has_submissions());
    CHECK(r.reap() == 2);
    CHECK(a.results == std::vector<std::int32_t>{0});
    CHECK(b.results == std::vector<std::int32_t>{-EBADF});
    CHECK(r.reap() == 0);
    CHECK_FALSE(r.failure());
}

TEST_CASE("a completion without target is dropped") {
    open_ring r;
    r.submit(nullptr, nop);
    r.submit_and_wait(no_limit);
    CHECK(r.reap() == 1);
}

TEST_CASE("reaping, flushing and submitting cost no system call when there is nothing to do") {
    open_ring r;
    pipe_pair p;
    recorder to;
    r.submit(&to, poll_of(p.reader()));
    CHECK(r.enters() == 0);
    r.flush();
    const auto before = r.enters();
    for (int i = 0; i != 100; ++i) {
        CHECK(r.reap() == 0);
        r.flush();
    }
    CHECK(r.enters() == before);
    p.feed();
    CHECK(r.reap() == 1);
    CHECK(r.enters() == before + 1);  // the deferred task work
    CHECK(to.results == std::vector<std::int32_t>{POLLIN});
}

TEST_CASE("sleeping ends with a completion, in one system call") {
    open_ring r;
    pipe_pair p;
    recorder to;
    r.submit(nullptr, nop);
    r.submit_and_wait(no_limit);
    r.reap();
    r.submit(&to, poll_of(p.reader()));
    p.feed();
    const auto before = r.enters();
    r.submit_and_wait(no_limit);
    CHECK(r.enters() == before + 1);
    CHECK(to.results.empty());  // delivered by reap() alone
    CHECK(r.reap() == 1);
    CHECK(r.enters() == before + 1);
}

TEST_CASE("sleeping ends when the limit has passed, and not before") {
    open_ring r;
    pipe_pair p;
    recorder to;
    r.submit(&to, poll_of(p.reader()));
    const auto start = std::chrono::steady_clock::now();
    r.submit_and_wait(5ms);
    CHECK(std::chrono::steady_clock::now() - start >= 5ms);
    CHECK(r.reap() == 0);
    r.submit_and_wait(0ns);
    r.submit_and_wait(-1s);
    CHECK_FALSE(r.failure());
    CHECK_FALSE(r.has_submissions());
}

TEST_CASE("sleeping does not start while completions wait") {
    open_ring r;
    r.submit(nullptr, nop);
    r.flush();
    r.submit_and_wait(no_limit);
    CHECK(r.reap() == 1);
}

TEST_CASE("more submissions than entries all arrive, in order") {
    open_ring r(8);
    struct numbered final : completion {
        std::vector<int>* order = nullptr;
        int number = 0;
        void on_completion(std::int32_t, std::uint32_t) noexcept override {
            order->push_back(number);
        }
    };
    std::vector<int> order;
    std::vector<numbered> all(1000);
    const bool started = GENERATE(false, true);
    if (started) {
        r.submit(nullptr, nop);
        r.submit_and_wait(no_limit);
        REQUIRE(r.reap() == 1);
    }
    for (int i = 0; i != 1000; ++i) {
        all[static_cast<std::size_t>(i)].order = &order;
        all[static_cast<std::size_t>(i)].number = i;
        r.submit(&all[static_cast<std::size_t>(i)], nop);
    }
    // 1000 completions do not fit 32 entries: the kernel keeps what overflowed until we ask.
    for (int turn = 0; turn != 1000 && order.size() != 1000; ++turn) {
        r.flush();
        r.reap();
    }
    REQUIRE(order.size() == 1000);
    for (int i = 0; i != 1000; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
    CHECK_FALSE(r.failure());
}

TEST_CASE("a target may submit from inside its completion, even with the queue full") {
    open_ring r(2);
    struct chain final : completion {
        ring* r = nullptr;
        int left = 300;
        void on_completion(std::int32_t, std::uint32_t) noexcept override {
            for (int i = 0; i != 3 && left > 0; ++i, --left) r->submit(this, nop);
        }
    };
    chain c;
    c.r = &r;
    r.submit(&c, nop);
    unsigned count = 0;
    for (int turn = 0; turn != 1000 && count != 301; ++turn) {
        r.submit_and_wait(10ms);
        count += r.reap();
    }
    CHECK(count == 301);
}

TEST_CASE("multishot polls deliver as long as F_MORE is set, and end with a cancellation") {
    open_ring r;
    pipe_pair p;
    recorder to;
    r.submit(&to, [&](io_uring_sqe* e) { io_uring_prep_poll_multishot(e, p.reader(), POLLIN); });
    r.flush();
    p.feed();
    turn_until(r, to, 1);
    CHECK((to.flags.back() & IORING_CQE_F_MORE) != 0);
    p.feed();
    turn_until(r, to, 2);
    r.submit(nullptr, [&](io_uring_sqe* e) { io_uring_prep_cancel(e, &to, 0); });
    turn_until(r, to, 3);
    CHECK(to.results.back() == -ECANCELED);
    CHECK((to.flags.back() & IORING_CQE_F_MORE) == 0);
}

TEST_CASE("built and filled on one thread, run on another") {
    open_ring r(4);
    recorder to;
    for (int i = 0; i != 50; ++i) r.submit(&to, nop);  // more than fit: none may enter here
    CHECK(r.enters() == 0);
    std::thread runner([&] {
        for (int turn = 0; turn != 100 && to.results.size() != 50; ++turn) {
            r.submit_and_wait(10ms);
            r.reap();
        }
    });
    runner.join();
    CHECK(to.results.size() == 50);
    CHECK_FALSE(r.failure());
}

TEST_CASE("a signal ends the sleep") {
    open_ring r;
    pipe_pair p;
    recorder to;
    r.submit(&to, poll_of(p.reader()));
    r.flush();
    struct sigaction action{};
    struct sigaction old{};
    action.sa_handler = [](int) {};
    REQUIRE(sigaction(SIGUSR1, &action, &old) == 0);
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    timer_t timer{};
    REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    itimerspec in{};
    in.it_value.tv_nsec = 2'000'000;
    in.it_interval.tv_nsec = 2'000'000;  // again, should the first come before the sleep
    REQUIRE(timer_settime(timer, 0, &in, nullptr) == 0);
    r.submit_and_wait(no_limit);
    timer_delete(timer);
    sigaction(SIGUSR1, &old, nullptr);
    CHECK(r.reap() == 0);
    CHECK_FALSE(r.failure());
    p.feed();
    turn_until(r, to, 1);
}

TEST_CASE("the descriptor is readable when completions wait") {
    open_ring r;
    pipe_pair p;
    recorder to;
    r.submit(&to, poll_of(p.reader()));
    r.flush();
    pollfd watched{r.descriptor(), POLLIN, 0};
    CHECK(::poll(&watched, 1, 0) == 0);
    p.feed();
    CHECK(::poll(&watched, 1, 1000) == 1);
    CHECK(r.reap() == 1);
    CHECK(::poll(&watched, 1, 0) == 0);
}

TEST_CASE("closing ends what is in flight without delivering it") {
    pipe_pair p;
    recorder to;
    open_ring r;
    r.submit(&to, poll_of(p.reader()));
    r.flush();
    r.close();
    CHECK_FALSE(r.is_open());
    CHECK(r.reap() == 0);
    CHECK(to.results.empty());
    REQUIRE_FALSE(r.open(8));
    r.submit(&to, nop);
    turn_until(r, to, 1);
}

TEST_CASE("a ring moves to the thread that enters it: nothing is lost, what waits is told") {
    open_ring r(8);
    pipe_pair p;
    recorder waits;
    recorder done;
    recorder queued;
    recorder many;
    const auto wait_again = [&] { r.submit(&waits, poll_of(p.reader())); };
    wait_again();
    r.submit(&done, nop);
    r.submit_and_wait(no_limit);  // owned by this thread; `done` is complete, not delivered
    for (int i = 0; i != 3; ++i) r.submit(&queued, nop);
    for (int i = 0; i != 20; ++i) r.submit(nullptr, nop);
    std::thread other([&] {
        r.submit(&many, nop);
        r.flush();
        for (int i = 0; i != 10; ++i) r.reap();
        CHECK(r.moves() == 1);
        CHECK(done.results == std::vector<std::int32_t>{0});
        CHECK(queued.results == std::vector<std::int32_t>{0, 0, 0});
        CHECK(many.results == std::vector<std::int32_t>{0});
        CHECK(waits.results == std::vector<std::int32_t>{-ECANCELED});
        wait_again();
        p.feed();
        turn_until(r, waits, 2);
        CHECK(waits.results.back() == POLLIN);
    });
    other.join();
    r.submit(&many, nop);
    turn_until(r, many, 2);
    CHECK(r.moves() == 2);
    CHECK_FALSE(r.failure());
}

TEST_CASE("a ring that moves often no longer needs to") {
    open_ring r(8);
    pipe_pair p;
    recorder to;
    int asked = 0;
    for (int i = 0; i != 12; ++i) {
        std::thread([&] {
            if (asked == 0) {
                r.submit(&to, poll_of(p.reader()));
                ++asked;
            }
            r.submit(nullptr, nop);
            for (int turn = 0; turn != 3; ++turn) {
                r.submit_and_wait(1ms);
                r.reap();
            }
            // As its target should: the thread that submitted it has ended, or the ring moved.
            if (to.results.size() == static_cast<std::size_t>(asked)) {
                CHECK(to.results.back() == -ECANCELED);
                r.submit(&to, poll_of(p.reader()));
                ++asked;
                r.flush();
            }
        }).join();
    }
    CHECK(r.moves() == 2);
    CHECK((r.setup_flags() & IORING_SETUP_SINGLE_ISSUER) == 0);
    p.feed();
    while (to.results.back() == -ECANCELED) {
        const std::size_t before = to.results.size();
        turn_until(r, to, before == static_cast<std::size_t>(asked) ? before : before + 1);
        if (to.results.back() != -ECANCELED) break;
        r.submit(&to, poll_of(p.reader()));
        ++asked;
    }
    CHECK(to.results.back() == POLLIN);
    CHECK(to.results.size() == static_cast<std::size_t>(asked));
    CHECK_FALSE(r.failure());
}

TEST_CASE("multishot completions that were not delivered come with the ring, in order") {
    open_ring r(8);
    pipe_pair p;
    recorder to;
    r.submit(&to, [&](io_uring_sqe* e) { io_uring_prep_poll_multishot(e, p.reader(), POLLIN); });
    r.flush();
    p.feed();
    r.submit_and_wait(no_limit);
    REQUIRE(to.results.empty());
    std::thread([&] {
        r.take_over();
        CHECK(r.has_saved());
        CHECK(r.reap() == 2);
        CHECK_FALSE(r.has_saved());
    }).join();
    CHECK(to.results == std::vector<std::int32_t>{POLLIN, -ECANCELED});
    CHECK((to.flags[0] & IORING_CQE_F_MORE) != 0);
    CHECK((to.flags[1] & IORING_CQE_F_MORE) == 0);
}

TEST_CASE("submissions that are silent when they succeed are not taken for under way") {
    open_ring r(8);
    pipe_pair p;
    recorder to;
    const auto silent_nop = [](io_uring_sqe* e) {
        io_uring_prep_nop(e);
        e->flags |= IOSQE_CQE_SKIP_SUCCESS;
    };
    const auto silent_failure = [](io_uring_sqe* e) {
        io_uring_prep_read(e, -1, nullptr, 0, 0);
        e->flags |= IOSQE_CQE_SKIP_SUCCESS;
    };
    r.submit(&to, poll_of(p.reader()));
    for (int i = 0; i != 5; ++i) r.submit(&to, silent_nop);
    r.submit(&to, silent_failure);
    r.flush();
    r.reap();
    CHECK(to.results == std::vector<std::int32_t>{-EBADF});
    r.submit(&to, silent_failure);
    r.flush();
    r.submit(&to, silent_nop);
    std::thread([&] {
        r.flush();
        for (int i = 0; i != 3; ++i) r.reap();
        CHECK(r.moves() == 1);
        CHECK(to.results == std::vector<std::int32_t>{-EBADF, -EBADF, -ECANCELED});
        r.submit(&to, poll_of(p.reader()));
        p.feed();
        turn_until(r, to, 4);
    }).join();
    CHECK_FALSE(r.failure());
}
