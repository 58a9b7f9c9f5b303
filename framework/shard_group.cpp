// The threads of a group of shards, and their cores. Knows no backend: transport/open.hpp does.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <latch>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <pthread.h>
#include <sched.h>

#include <boost/asio/executor_work_guard.hpp>

#include <coax/shard_group.hpp>

#include "framework/shard_place.hpp"
#include "framework/transport/open.hpp"

namespace coax {

namespace {

constexpr std::size_t most_shards = 64;

std::vector<std::size_t> cores_for(const shard_options& shards) {
    if (!shards.pin) return {};
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) CPU_ZERO(&allowed);
    std::vector<std::size_t> cores;
    for (std::size_t core = 0; core != CPU_SETSIZE && cores.size() != shards.count; ++core)
        if (CPU_ISSET(core, &allowed)) cores.push_back(core);
    if (cores.size() != shards.count)
        throw backend_error(std::to_string(shards.count) + " shards can't be pinned on " +
                            std::to_string(cores.size()) +
                            " cores: ask for fewer, or leave them to the scheduler");
    return cores;
}

cpu_set_t only(std::size_t core) noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return set;
}

// Pins the calling thread while it lives; a core that has gone offline meanwhile is no reason to
// stop.
class pinning {
  public:
    explicit pinning(const std::vector<std::size_t>& cores, std::size_t shard) noexcept {
        if (cores.empty()) return;
        pinned_ = ::pthread_getaffinity_np(::pthread_self(), sizeof before_, &before_) == 0;
        const cpu_set_t wanted = only(cores[shard]);
        ::pthread_setaffinity_np(::pthread_self(), sizeof wanted, &wanted);
    }
    ~pinning() {
        if (pinned_) ::pthread_setaffinity_np(::pthread_self(), sizeof before_, &before_);
    }
    pinning(const pinning&) = delete;
    pinning& operator=(const pinning&) = delete;

  private:
    cpu_set_t before_{};
    bool pinned_ = false;
};

// Runs `body(i)` for each of `count`, number 0 here and the others on threads of their own. If a
// thread can't be had, none of them does anything, and the system's reason is thrown.
template <class Body>
void on_threads(std::size_t count, const Body& body) {
    std::latch begin(1);
    std::atomic<bool> all_there{false};
    std::vector<std::thread> threads;
    const auto release = [&](bool there) {
        all_there.store(there, std::memory_order_relaxed);
        begin.count_down();
    };
    try {
        threads.reserve(count - 1);
        for (std::size_t i = 1; i != count; ++i)
            threads.emplace_back([&, i] {
                begin.wait();
                if (all_there.load(std::memory_order_relaxed)) body(i);
            });
    } catch (...) {
        release(false);
        for (std::thread& t : threads) t.join();
        throw;
    }
    release(true);
    body(0);
    for (std::thread& t : threads) t.join();
}

}  // namespace

shard_group::shard_group(const context_options& options, const shard_options& shards) {
    if (shards.count == 0 || shards.count > most_shards)
        throw backend_error(std::to_string(shards.count) + " shards can't be: from 1 to " +
                            std::to_string(most_shards) + " can");
    cores_ = cores_for(shards);
    auto places = detail::open_shard_places(options, static_cast<unsigned>(shards.count));
    contexts_.reserve(places.size());
    for (std::size_t i = 0; i != places.size(); ++i) {
        context_options own = options;
        if (own.seed != 0) own.seed += i;
        contexts_.push_back(std::unique_ptr<io_context>(new io_context(own, places[i])));
    }
}

shard_group::~shard_group() {
    const auto destroy = [this](std::size_t shard) { contexts_[shard].reset(); };
    if (contexts_.empty()) return;
    try {
        on_threads(contexts_.size(), destroy);
    } catch (...) {  // no thread left: one after the other
        for (std::size_t i = 0; i != contexts_.size(); ++i) destroy(i);
    }
}

backend_description shard_group::backend() const {
    backend_description all = contexts_.front()->backend();
    for (std::size_t i = 1; i != contexts_.size(); ++i) {
        const backend_description& one = contexts_[i]->backend();
        all.queues.insert(all.queues.end(), one.queues.begin(), one.queues.end());
        for (const std::string& note : one.notes)
            if (std::find(all.notes.begin(), all.notes.end(), note) == all.notes.end())
                all.notes.push_back(note);
    }
    return all;
}

std::size_t shard_group::run() {
    std::atomic<std::size_t> handlers{0};
    std::mutex thrown_mutex;
    std::exception_ptr thrown;
    on_threads(contexts_.size(), [&](std::size_t shard) {
        const pinning here(cores_, shard);
        io_context& io = *contexts_[shard];
        const auto work = boost::asio::make_work_guard(io);
        try {
            handlers += io.run();
        } catch (...) {
            {
                const std::lock_guard lock(thrown_mutex);
                if (!thrown) thrown = std::current_exception();
            }
            stop();
        }
    });
    if (thrown) std::rethrow_exception(thrown);
    return handlers;
}

void shard_group::stop() {
    for (const auto& io : contexts_) io->stop();
}

bool shard_group::stopped() const {
    return std::all_of(contexts_.begin(), contexts_.end(),
                       [](const auto& io) { return io->stopped(); });
}

void shard_group::restart() {
    for (const auto& io : contexts_) io->restart();
}

}  // namespace coax
