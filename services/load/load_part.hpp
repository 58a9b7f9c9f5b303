// One thread's share of a load, in phases: connect all, wait for the others, exchange (warm-up, and
// then measured), and a time for the last replies. Each is bounded. What is said on a connection is
// a derived class's. Knows nothing of other threads, tables and files.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "services/asio.hpp"
#include "services/load/load_counts.hpp"
#include "services/load/load_options.hpp"
#include "services/load/thread_usage.hpp"

namespace coax::services {

// Moments of a run, the same for all threads.
struct load_plan {
    using time_point = send_gate::time_point;
    time_point begin;
    time_point measure_from;
    time_point stop;  // no message becomes due any more

    static load_plan from(time_point begin, const load_options& options) {
        const time_point measured = begin + options.warmup;
        return {begin, measured, measured + options.duration};
    }
};

// What others may know while it runs; about twenty times a second behind.
struct load_progress {
    enum class phase : std::uint8_t { connecting, ready, exchanging, done };
    std::atomic<phase> at{phase::connecting};
    std::atomic<std::size_t> connected{0};
    std::atomic<std::uint64_t> messages{0};  // in the warm-up, too
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> errors{0};
    std::atomic<std::uint64_t> mismatches{0};
    std::atomic<double> busy{0};  // of the last moments: load_part's busy() and waiting()
};

class load_part {
  public:
    using time_point = load_plan::time_point;

    // Connections `first`, `first` + 1, ... of options.connections; `count` of them.
    struct share {
        std::size_t first = 0;
        std::size_t count = 1;
    };

    load_part(coax::io_context& io, const load_options& options, share mine);
    virtual ~load_part() = default;
    load_part(const load_part&) = delete;
    load_part& operator=(const load_part&) = delete;

    // --- on the context's thread
    // All phases; to be spawned once, and to be outlived by this object. When it has ended,
    // nothing of it is under way any more. `ready` is called when all are connected that will be,
    // or time is up.
    coax::task<void> run(std::function<void()> ready);
    // After `ready`: the exchange.
    void begin(const load_plan& plan);
    // Ends the exchange early, in order; before begin(): ends all.
    void stop();

    // --- any thread
    const load_progress& progress() const noexcept { return progress_; }

    // --- after the end
    const load_counts& counts() const noexcept { return counts_; }
    std::size_t connected() const noexcept { return connected_; }
    const load_plan& plan() const noexcept { return plan_; }
    // Of this thread, from the end of the warm-up to the last reply.
    double cpu_seconds() const noexcept { return cpu_seconds_; }
    // Shares of the measured time: what this thread had of its core, without turns in which it
    // looked for work and found none; and what it had to wait for it.
    double busy() const noexcept { return used_.busy; }
    double waiting() const noexcept { return used_.waiting; }

  protected:
    // --- of a derived class; `index` counts from 0 to the share's count
    virtual coax::task<error_code> connect(std::size_t index) = 0;
    // Of a connection that is connected; until nothing is to be sent and awaited any more.
    virtual coax::task<void> exchange(std::size_t index) = 0;
    // Called some times in each `timeout`: ends what is silent for too long, or has ended.
    virtual void look_after(time_point now) = 0;
    // Ends all that is still under way, at once.
    virtual void abandon() = 0;
    // Of what has been counted at the end: what was due and never went.
    virtual void count_unsent() {}

    coax::io_context& io() noexcept { return io_; }
    const load_options& options() const noexcept { return options_; }
    const share& mine() const noexcept { return mine_; }
    load_counts& tally() noexcept { return counts_; }
    bool is_measured(time_point now) const noexcept { return now >= plan_.measure_from; }
    // A reply that was good, and its latency.
    void count_reply(time_point now, std::chrono::nanoseconds latency) noexcept {
        ++all_messages_;
        counts_.last_reply = now;
        if (!is_measured(now)) return;
        ++counts_.messages;
        counts_.latency.record(static_cast<std::uint64_t>(latency.count()));
    }
    // Of a stream: something moved.
    void count_piece(time_point now) noexcept {
        ++all_messages_;
        if (is_measured(now)) ++counts_.messages;
    }
    void count_sent(time_point now, std::size_t bytes) noexcept {
        all_bytes_ += bytes;
        if (is_measured(now)) counts_.bytes_sent += bytes;
    }
    void count_received(time_point now, std::size_t bytes) noexcept {
        all_bytes_ += bytes;
        if (is_measured(now)) counts_.bytes_received += bytes;
    }
    // From now on errors are those of connections that we have ended ourselves.
    bool is_abandoned() const noexcept { return abandoned_; }

  private:
    // This thread's use of its core up to a moment.
    struct reading {
        time_point at;
        thread_usage usage;
        std::uint64_t idle_turns = 0;
    };
    struct shares {
        double busy = 0;
        double waiting = 0;
    };

    coax::task<void> learn_idle_cost();
    coax::task<void> connect_all();
    coax::task<void> connect_some();
    coax::task<void> exchange_one(std::size_t index);
    coax::task<void> exchange_all();
    coax::task<void> pause_until(time_point when);
    reading read_usage() const;
    shares shares_between(const reading& from, const reading& to) const;
    void publish();
    std::chrono::nanoseconds patience() const noexcept;

    coax::io_context& io_;
    const load_options& options_;
    share mine_;
    coax::fast_timer timer_;
    load_counts counts_;
    load_plan plan_{};
    load_progress progress_;
    std::vector<bool> is_connected_;
    std::size_t connected_ = 0;
    std::size_t next_to_connect_ = 0;
    std::size_t active_ = 0;  // coroutines of this phase
    std::uint64_t all_messages_ = 0;
    std::uint64_t all_bytes_ = 0;
    double idle_turn_cost_ = 0;  // nanoseconds
    reading last_published_{};
    double cpu_seconds_ = 0;
    shares used_;
    bool begun_ = false;
    bool stopped_ = false;
    bool abandoned_ = false;
};

}  // namespace coax::services
