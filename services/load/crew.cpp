// Threads, and the one that keeps them in step: it waits for all to be connected, fixes the moments
// of the run, and adds up what they counted.
#include "services/load/crew.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "services/load/churn_load.hpp"
#include "services/load/datagram_load.hpp"
#include "services/load/dialogue_load.hpp"
#include "services/load/stream_load.hpp"
#include "services/program/context.hpp"
#include "services/serve/wire_host.hpp"

namespace coax::services {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds tell_every{1};

// An interface, or an address on a wire, is of one host: threads are its shards. Otherwise each
// thread is a client by itself.
bool is_one_host(const backend_options& backend) {
    const std::string_view spec = backend.specification;
    return spec.starts_with("xdp") || (is_wire(backend) && spec.find("ip=") != spec.npos);
}

// Rung by threads that have something to tell.
class bell {
  public:
    bell() : file_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (!file_.is_open()) throw std::system_error(errno, std::system_category(), "eventfd");
    }
    int number() const noexcept { return file_.get(); }
    void ring() const noexcept { ::eventfd_write(file_.get(), 1); }
    void silence() const noexcept {
        eventfd_t rung = 0;
        ::eventfd_read(file_.get(), &rung);
    }

  private:
    descriptor file_;
};

// One thread with its context and its part. All but start() and the thread itself: of the crew's
// thread.
class worker {
  public:
    enum class state : std::uint8_t { connecting, ready, finished, done };

    // `shard`: the context, of a group whose others may need it until all are finished: it turns
    // until stop_at_once(). Null: it has one of its own, and is done when finished.
    worker(const load_options& options, load_part::share mine, const bell& when_changed,
           coax::io_context* shard)
        : options_(options), mine_(mine), bell_(when_changed), shard_(shard) {}
    ~worker() { join(); }
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    void start(const make_part& make) {
        thread_ = std::thread([this, &make] { work(make); });
    }
    void join() {
        if (thread_.joinable()) thread_.join();
    }
    state at() const noexcept { return at_.load(std::memory_order_acquire); }
    std::size_t connected() {
        const std::lock_guard lock(guard_);
        return part_ == nullptr ? connected_ : part_->progress().connected.load();
    }
    void begin(const load_plan& plan) {
        tell([plan](load_part& part) { part.begin(plan); });
    }
    void stop() {
        tell([](load_part& part) { part.stop(); });
    }
    void stop_at_once() {
        const std::lock_guard lock(guard_);
        if (io_ != nullptr) io_->stop();
    }
    void add_to(load_moment& moment);
    // After the end: adds it up, or throws what the thread threw.
    void add_to(load_result& result, load_plan::time_point& measured_to);
    bool has_failed() const noexcept { return at() == state::done && failure_ != nullptr; }

  private:
    void work(const make_part& make) noexcept;
    void run(coax::io_context& io, const make_part& make);
    void now_at(state s) noexcept {
        at_.store(s, std::memory_order_release);
        bell_.ring();
    }

    template <class Do>
    void tell(Do what) {
        const std::lock_guard lock(guard_);
        if (part_ == nullptr) return;
        asio::post(*io_, [part = part_, what] { what(*part); });
    }

    const load_options& options_;
    load_part::share mine_;
    const bell& bell_;
    coax::io_context* shard_;
    std::atomic<state> at_{state::connecting};
    std::mutex guard_;                // of the next two, which are there while the thread runs
    coax::io_context* io_ = nullptr;  // them
    load_part* part_ = nullptr;
    std::thread thread_;

    // Of the thread, until it is done.
    std::exception_ptr failure_;
    load_counts counts_;
    load_plan plan_{};
    std::size_t connected_ = 0;
    double cpu_seconds_ = 0;
    double busy_ = 0;
    double waiting_ = 0;
    coax::backend_description backend_;
    std::vector<coax::counter> counters_;
};

void worker::work(const make_part& make) noexcept {
    try {
        // Timers that end when they should: messages of an open loop are due to the microsecond.
        ::prctl(PR_SET_TIMERSLACK, 1UL);
        if (shard_ != nullptr) {
            const auto turning = asio::make_work_guard(*shard_);
            run(*shard_, make);
        } else {
            coax::io_context io(context_options_of(options_.backend));
            run(io, make);
        }
    } catch (...) {
        failure_ = std::current_exception();
    }
    now_at(state::done);
}

void worker::run(coax::io_context& io, const make_part& make) {
    const std::unique_ptr<load_part> part = make(io, options_, mine_);
    {
        const std::lock_guard lock(guard_);
        io_ = &io;
        part_ = part.get();
    }
    std::exception_ptr thrown;
    coax::co_spawn(io, part->run([this] { now_at(state::ready); }),
                   [this, &io, &thrown](const std::exception_ptr& e) {
                       thrown = e;
                       if (thrown) io.stop();
                       now_at(state::finished);
                   });
    try {
        io.run();
    } catch (...) {
        thrown = std::current_exception();
    }
    const std::lock_guard lock(guard_);
    io_ = nullptr;
    part_ = nullptr;
    if (thrown) std::rethrow_exception(thrown);
    counts_ = part->counts();
    plan_ = part->plan();
    connected_ = part->connected();
    cpu_seconds_ = part->cpu_seconds();
    busy_ = part->busy();
    waiting_ = part->waiting();
    backend_ = io.backend();
    counters_ = io.counters();
}

void worker::add_to(load_moment& moment) {
    const std::lock_guard lock(guard_);
    if (part_ == nullptr) return;
    const load_progress& p = part_->progress();
    moment.connected += p.connected.load(std::memory_order_relaxed);
    moment.messages += p.messages.load(std::memory_order_relaxed);
    moment.bytes += p.bytes.load(std::memory_order_relaxed);
    moment.errors += p.errors.load(std::memory_order_relaxed);
    moment.mismatches += p.mismatches.load(std::memory_order_relaxed);
    moment.busy = std::max(moment.busy, p.busy.load(std::memory_order_relaxed));
}

void worker::add_to(load_result& result, load_plan::time_point& measured_to) {
    if (failure_) std::rethrow_exception(failure_);
    result.counts.add(counts_);
    result.connected += connected_;
    result.cpu_seconds += cpu_seconds_;
    if (busy_ + waiting_ >= result.busy + result.waiting) {
        result.busy = busy_;
        result.waiting = waiting_;
    }
    measured_to = std::max({measured_to, plan_.stop, counts_.last_reply});
    if (result.backend.kind.empty()) result.backend = backend_;
    for (const coax::counter& c : counters_) {
        const auto known = std::find_if(result.counters.begin(), result.counters.end(),
                                        [&](const coax::counter& k) { return k.name == c.name; });
        if (known == result.counters.end()) result.counters.push_back(c);
        else known->value += c.value;
    }
}

class crew {
  public:
    crew(const load_options& options, const interruption& interrupted)
        : options_(options), interrupted_(interrupted) {
        const std::size_t threads = std::min(options.threads, options.connections);
        if (threads > 1 && is_one_host(options.backend))
            host_.emplace(context_options_of(options.backend), shard_options{.count = threads});
        std::size_t first = 0;
        for (std::size_t i = 0; i < threads; ++i) {
            const std::size_t end = (i + 1) * options.connections / threads;
            workers_.emplace_back(options, load_part::share{first, end - first}, bell_,
                                  host_ ? &(*host_)[i] : nullptr);
            first = end;
        }
    }

    load_result run(const make_part& make, const std::function<void(const load_moment&)>& tell) {
        try {
            for (worker& w : workers_) w.start(make);
            keep_in_step(tell);
        } catch (...) {
            for (worker& w : workers_) w.stop_at_once();
            throw;
        }
        for (worker& w : workers_) w.join();
        load_result result;
        if (host_) result.backend = host_->backend();
        load_plan::time_point measured_to{};
        for (worker& w : workers_) w.add_to(result, measured_to);
        if (begun_ && measured_to > plan_.measure_from)
            result.seconds =
                std::chrono::duration<double>(measured_to - plan_.measure_from).count();
        return result;
    }

  private:
    void keep_in_step(const std::function<void(const load_moment&)>& tell);
    bool begin_or_give_up();
    void end_on_signal();
    load_moment moment();

    bool all_at_least(worker::state s) const {
        return std::all_of(workers_.begin(), workers_.end(),
                           [s](const worker& w) { return w.at() >= s; });
    }

    const load_options& options_;
    const interruption& interrupted_;
    std::optional<coax::shard_group> host_;  // of all threads together
    bell bell_;
    std::deque<worker> workers_;
    load_plan plan_{};
    steady_clock::time_point since_ = steady_clock::now();
    bool begun_ = false;
    bool was_interrupted_ = false;
};

void crew::keep_in_step(const std::function<void(const load_moment&)>& tell) {
    auto next_line = since_ + tell_every;
    while (!all_at_least(worker::state::done)) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            std::max(next_line - steady_clock::now(), steady_clock::duration::zero()));
        std::array<pollfd, 2> files{
            {{bell_.number(), POLLIN, 0}, {interrupted_.number(), POLLIN, 0}}};
        ::poll(files.data(), files.size(), static_cast<int>(left.count()));
        bell_.silence();
        if (interrupted_.take()) end_on_signal();
        if (host_ && all_at_least(worker::state::finished))
            for (worker& w : workers_) w.stop_at_once();
        if (!begun_ && begin_or_give_up()) next_line = since_ + tell_every;
        if (steady_clock::now() < next_line) continue;
        next_line += tell_every;
        tell(moment());
    }
}

// True: it has begun. One thread that failed ends all; so does a server that nobody could be
// connected to. A thread may not have been there yet when the others were told: they are told
// again.
bool crew::begin_or_give_up() {
    const bool failed = std::any_of(workers_.begin(), workers_.end(),
                                    [](const worker& w) { return w.has_failed(); });
    const bool give_up = failed || was_interrupted_;
    if (!give_up && !all_at_least(worker::state::ready)) return false;
    std::size_t connected = 0;
    for (worker& w : workers_) connected += w.connected();
    if (give_up || connected == 0) {
        for (worker& w : workers_) w.stop();
        return false;
    }
    begun_ = true;
    since_ = steady_clock::now();
    plan_ = load_plan::from(since_, options_);
    for (worker& w : workers_) w.begin(plan_);
    return true;
}

void crew::end_on_signal() {
    for (worker& w : workers_) {
        if (was_interrupted_) w.stop_at_once();
        else w.stop();
    }
    if (was_interrupted_) interrupted_.let_through();
    was_interrupted_ = true;
}

load_moment crew::moment() {
    load_moment m;
    m.exchanging = begun_;
    m.since_begin = steady_clock::now() - since_;
    for (worker& w : workers_) w.add_to(m);
    return m;
}

}  // namespace

std::unique_ptr<load_part> make_part_of(coax::io_context& io, const load_options& options,
                                        load_part::share share) {
    switch (options.protocol) {
        case load_protocol::tcp_stream: return std::make_unique<stream_load>(io, options, share);
        case load_protocol::tcp_churn: return std::make_unique<churn_load>(io, options, share);
        case load_protocol::udp_echo: return std::make_unique<datagram_load>(io, options, share);
        case load_protocol::echo:
        case load_protocol::http: break;
    }
    return std::make_unique<dialogue_load>(io, options, share);
}

load_result run_crew(const load_options& options, const make_part& make,
                     const interruption& interrupted,
                     const std::function<void(const load_moment&)>& tell) {
    return crew(options, interrupted).run(make, tell);
}

}  // namespace coax::services
