// The phases, and the account of the thread's own core.
#include "services/load/load_part.hpp"

#include <algorithm>
#include <string_view>

namespace coax::services {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t connecting_at_once = 128;
// For the replies under way at the end: twice the slowest so far, within these bounds and no longer
// than the time-out.
constexpr nanoseconds least_patience = std::chrono::seconds(2);
constexpr nanoseconds most_patience = std::chrono::seconds(10);
// Looks after time-outs and tells progress; more often for small time-outs.
constexpr nanoseconds longest_tick = std::chrono::milliseconds(50);
constexpr nanoseconds shortest_tick = std::chrono::milliseconds(1);
constexpr int ticks_per_timeout = 20;
// Shares of a shorter time say nothing: the scheduler's account comes in steps.
constexpr nanoseconds shortest_account = std::chrono::milliseconds(10);
// So long an idle context is watched, to learn what a turn without work costs.
constexpr nanoseconds idle_watched = std::chrono::milliseconds(10);

double seconds(nanoseconds d) noexcept { return std::chrono::duration<double>(d).count(); }

std::uint64_t idle_turns(const coax::io_context& io) {
    constexpr std::string_view name = "loop.spins";
    for (const coax::counter& c : io.counters())
        if (c.name == name) return c.value;
    return 0;
}

}  // namespace

load_part::load_part(coax::io_context& io, const load_options& options, share mine)
    : io_(io), options_(options), mine_(mine), timer_(io), is_connected_(mine.count) {}

coax::task<void> load_part::pause_until(time_point when) {
    timer_.expires_at(when);
    co_await timer_.async_wait(as_value);
}

load_part::reading load_part::read_usage() const {
    return {io_.now(), usage_of_this_thread(), idle_turn_cost_ > 0 ? idle_turns(io_) : 0};
}

load_part::shares load_part::shares_between(const reading& from, const reading& to) const {
    if (to.at - from.at < shortest_account) return {};
    const double passed = seconds(to.at - from.at);
    const thread_usage used = to.usage - from.usage;
    const double idle =
        static_cast<double>(to.idle_turns - from.idle_turns) * idle_turn_cost_ * 1e-9;
    return {std::clamp((seconds(used.cpu) - idle) / passed, 0.0, 1.0),
            std::clamp(seconds(used.waiting) / passed, 0.0, 1.0)};
}

// A context that spins has its core whether it has work or not. What a turn without work costs is
// learned before there is any.
coax::task<void> load_part::learn_idle_cost() {
    if (!options_.backend.spin || options_.backend.spin->count() == 0) co_return;
    const std::uint64_t turns = idle_turns(io_);
    const nanoseconds before = usage_of_this_thread().cpu;
    co_await pause_until(io_.now() + idle_watched);
    const nanoseconds used = usage_of_this_thread().cpu - before;
    const std::uint64_t made = idle_turns(io_) - turns;
    if (made > 0) idle_turn_cost_ = static_cast<double>(used.count()) / static_cast<double>(made);
}

coax::task<void> load_part::connect_some() {
    while (next_to_connect_ < mine_.count && !abandoned_ && !stopped_) {
        const std::size_t index = next_to_connect_++;
        const error_code error = co_await connect(index);
        if (error) {
            if (!abandoned_) counts_.fail(error);
            else if (!stopped_) counts_.time_out();  // nobody's fault: who stopped it broke it off
            continue;
        }
        is_connected_[index] = true;
        progress_.connected = ++connected_;
    }
    if (--active_ == 0) timer_.cancel();
}

coax::task<void> load_part::connect_all() {
    active_ = std::min(connecting_at_once, mine_.count);
    for (std::size_t i = active_; i > 0; --i) coax::co_spawn(io_, connect_some(), asio::detached);
    const time_point limit = io_.now() + options_.connect_timeout;
    while (active_ > 0 && io_.now() < limit && !stopped_) {
        publish();
        co_await pause_until(std::min(limit, io_.now() + longest_tick));
    }
    if (active_ > 0) {
        abandoned_ = true;
        abandon();
    }
    while (active_ > 0) co_await pause_until(io_.now() + shortest_tick);
    abandoned_ = false;
    publish();
}

coax::task<void> load_part::exchange_one(std::size_t index) {
    co_await exchange(index);
    if (--active_ == 0) timer_.cancel();
}

nanoseconds load_part::patience() const noexcept {
    const nanoseconds twice_slowest(2 * counts_.latency.max());
    return std::min<nanoseconds>(options_.timeout,
                                 std::clamp(twice_slowest, least_patience, most_patience));
}

coax::task<void> load_part::exchange_all() {
    const nanoseconds tick =
        std::clamp<nanoseconds>(options_.timeout / ticks_per_timeout, shortest_tick, longest_tick);
    reading measured_from = last_published_ = read_usage();
    bool warm = plan_.measure_from <= plan_.begin;
    bool over = false;
    time_point limit = time_point::max();
    for (std::size_t i = 0; i < mine_.count; ++i) {
        if (!is_connected_[i]) continue;
        ++active_;
        coax::co_spawn(io_, exchange_one(i), asio::detached);
    }
    while (active_ > 0) {
        const time_point now = io_.now();
        if (!warm && now >= plan_.measure_from) {
            warm = true;
            measured_from = read_usage();
        }
        if (!over && now >= plan_.stop) {
            over = true;
            limit = now + patience();
            used_ = shares_between(measured_from, read_usage());
        }
        if (now >= limit && !abandoned_) {
            abandoned_ = true;
            abandon();
        }
        look_after(now);
        publish();
        time_point next = now + (abandoned_ ? shortest_tick : tick);
        if (!warm) next = std::min(next, plan_.measure_from);
        if (!over) next = std::min(next, plan_.stop);
        if (active_ > 0) co_await pause_until(next);
    }
    const reading end = read_usage();
    if (!over) used_ = shares_between(measured_from, end);
    // All connections were lost: it has not been measured any longer.
    if (!over && !counts_.errors.empty()) plan_.stop = std::min(plan_.stop, end.at);
    cpu_seconds_ = seconds(end.usage.cpu - measured_from.usage.cpu);
    count_unsent();
}

coax::task<void> load_part::run(std::function<void()> ready) {
    co_await learn_idle_cost();
    co_await connect_all();
    progress_.at = load_progress::phase::ready;
    ready();
    while (!begun_ && !stopped_) co_await pause_until(time_point::max());
    if (begun_) {
        progress_.at = load_progress::phase::exchanging;
        co_await exchange_all();
    }
    publish();
    progress_.at = load_progress::phase::done;
}

void load_part::begin(const load_plan& plan) {
    if (begun_ || stopped_) return;
    plan_ = plan;
    begun_ = true;
    timer_.cancel();
}

void load_part::stop() {
    stopped_ = true;
    if (begun_) plan_.stop = std::min(plan_.stop, io_.now());
    timer_.cancel();
}

void load_part::publish() {
    progress_.messages.store(all_messages_, std::memory_order_relaxed);
    progress_.bytes.store(all_bytes_, std::memory_order_relaxed);
    progress_.errors.store(counts_.all_errors(), std::memory_order_relaxed);
    progress_.mismatches.store(counts_.mismatches, std::memory_order_relaxed);
    // Shares of a moment that is too short say nothing.
    if (!begun_ || io_.now() - last_published_.at < 10 * longest_tick) return;
    const reading now = read_usage();
    const shares s = shares_between(last_published_, now);
    progress_.busy.store(s.busy + s.waiting, std::memory_order_relaxed);
    last_published_ = now;
}

}  // namespace coax::services
