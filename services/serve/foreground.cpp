// Signals, reports and the orderly end of all shards. What belongs to a shard is touched on its own
// thread: others are asked by post, and answer by post.
#include "services/serve/foreground.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include "services/program/endpoint_text.hpp"
#include "services/serve/account.hpp"

namespace coax::services {
namespace {

using std::chrono::steady_clock;

// Connections that were closed after their farewell have this long to be gone.
constexpr std::chrono::milliseconds patience{100};

// Lines must be seen at once also when standard output is a file or a pipe.
void say(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

// Accounts on their way from all shards to the first. What waits in a shard holds nothing that
// belongs to another one, so it may be dropped on any thread.
struct gathering {
    gathering(std::size_t shards, std::function<void(const std::vector<account>&)> next)
        : accounts(shards), missing(shards), then(std::move(next)) {}

    std::vector<account> accounts;
    std::size_t missing;
    std::function<void(const std::vector<account>&)> then;
};

void gather(const std::vector<shard>& shards,
            std::function<void(const std::vector<account>&)> then) {
    const auto all = std::make_shared<gathering>(shards.size(), std::move(then));
    coax::io_context* const home = shards.front().io;
    for (std::size_t i = 0; i != shards.size(); ++i)
        asio::post(*shards[i].io, [one = shards[i], i, all, home] {
            asio::post(*home, [i, all, told = account_of(*one.io, *one.serving)] {
                all->accounts[i] = told;
                if (--all->missing == 0) all->then(all->accounts);
            });
        });
}

// For the standard output, from the first shard.
class reporter {
  public:
    reporter(const std::vector<shard>& shards, std::chrono::milliseconds every)
        : shards_(shards), every_(every), unit_(shards.front().serving->unit()) {}

    void tell(const std::vector<account>& all) {
        asked_ = false;
        const account total = total_of(all);
        const double seconds = std::chrono::duration<double>(every_).count();
        say(fmt::format("{:.0f} {}/s, {} open; {}",
                        static_cast<double>(total.counts.requests - before_) / seconds, unit_,
                        total.counts.open, traffic_text(total, unit_)));
        before_ = total.counts.requests;
        if (all.size() == 1) return;
        for (std::size_t i = 0; i != all.size(); ++i) say("  " + shard_text(i, all[i], unit_));
    }
    // Unless the last question is still on its way.
    static void ask(const std::shared_ptr<reporter>& self) {
        if (std::exchange(self->asked_, true)) return;
        gather(self->shards_, [self](const std::vector<account>& all) { self->tell(all); });
    }

  private:
    const std::vector<shard>& shards_;
    std::chrono::milliseconds every_;
    const char* unit_;
    std::uint64_t before_ = 0;
    bool asked_ = false;
};

coax::awaitable<void> report(const std::vector<shard>& shards, std::chrono::milliseconds every,
                             std::shared_ptr<const bool> ended) {
    const auto teller = std::make_shared<reporter>(shards, every);
    coax::steady_timer timer(co_await asio::this_coro::executor);
    for (;;) {
        timer.expires_after(every);
        co_await timer.async_wait(as_value);
        if (*ended) co_return;
        reporter::ask(teller);
    }
}

// On the shard's own thread.
coax::awaitable<void> end_in_order(shard one) {
    one.serving->stop();
    const auto limit = one.io->now() + one.serving->limits().farewell + patience;
    coax::steady_timer tick(*one.io);
    // Nothing else keeps the context busy now but connections on their way out.
    while (one.serving->statistics().open > 0 && one.io->now() < limit) {
        tick.expires_after(std::chrono::milliseconds(1));
        co_await tick.async_wait(as_value);
    }
}

// First signal: an orderly end within the time for farewells. Second signal: now.
coax::awaitable<void> end_on_signal(asio::signal_set& signals, const std::vector<shard>& shards,
                                    const machinery& below, std::shared_ptr<bool> ended) {
    // Cancelled: the foreground is over, and what it lent is gone.
    if (const auto [error, number] = co_await signals.async_wait(as_value); error) co_return;
    *ended = true;
    const auto left = std::make_shared<std::atomic<std::size_t>>(shards.size());
    for (const shard& one : shards)
        asio::co_spawn(*one.io, end_in_order(one),
                       [left, stop = &below.stop](const std::exception_ptr&) {
                           if (left->fetch_sub(1) == 1) (*stop)();
                       });
    if (const auto [error, number] = co_await signals.async_wait(as_value); error) co_return;
    below.stop();
}

void say_summary(const std::string& name, const std::vector<shard>& shards, double seconds) {
    std::vector<account> all;
    all.reserve(shards.size());
    for (const shard& one : shards) all.push_back(account_of(*one.io, *one.serving));
    const account total = total_of(all);
    const char* const unit = shards.front().serving->unit();
    say(fmt::format("{}: ended after {:.1f} s; {}", name, seconds, traffic_text(total, unit)));
    if (all.size() > 1)
        for (std::size_t i = 0; i != all.size(); ++i)
            say(fmt::format("{}: {}", name, shard_text(i, all[i], unit)));
    if (const std::string counters = counters_text(total); !counters.empty())
        say(fmt::format("{}: counters: {}", name, counters));
}

}  // namespace

exit_status run_in_foreground(const std::string& name, const std::vector<shard>& shards,
                              const machinery& below, const serve_options& options) {
    const auto ended = std::make_shared<bool>(false);
    coax::io_context& first = *shards.front().io;
    // From here on, not from the first turn of the context: a signal may come as soon as somebody
    // reads that all is ready.
    asio::signal_set signals(first, SIGINT, SIGTERM);
    asio::co_spawn(first, end_on_signal(signals, shards, below, ended), asio::detached);
    std::vector<error_code> broken(shards.size());
    for (std::size_t i = 0; i != shards.size(); ++i)
        shards[i].serving->start([&below, &mine = broken[i]](const error_code& error) {
            mine = error;
            below.stop();
        });
    if (options.report_every.count() > 0)
        asio::co_spawn(first, report(shards, options.report_every, ended), asio::detached);
    const auto begin = steady_clock::now();
    const server& serving = *shards.front().serving;
    const std::string kind = serving.kind();
    const std::string several =
        shards.size() > 1 ? fmt::format("{} shards; ", shards.size()) : std::string();
    say(fmt::format("{}: ready on {}; {}{}{}backend {}", name, to_text(serving.local_endpoint()),
                    kind, kind.empty() ? "" : "; ", several, below.backend.to_line()));
    below.run();

    say_summary(name, shards, std::chrono::duration<double>(steady_clock::now() - begin).count());
    for (const error_code& error : broken)
        if (error)
            throw failure(exit_status::failed,
                          fmt::format("no more connections can be accepted: {}", error.message()));
    return exit_status::success;
}

}  // namespace coax::services
