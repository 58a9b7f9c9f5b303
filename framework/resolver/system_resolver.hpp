// The system's resolver, getaddrinfo(3) and getnameinfo(3), for the backend `kernel`: whatever the
// machine is configured for (nsswitch.conf). They block, so they run on one thread of the context,
// which the first question starts that is more than numbers; questions are answered in order.
// Blocking calls ask on their own thread. Cancelled questions are forgotten: the call goes on, and
// its answer is dropped.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <coax/detail/loop.hpp>
#include <coax/detail/resolve_operation.hpp>

namespace coax::detail {

class system_resolver final : public name_resolver {
  public:
    explicit system_resolver(loop& where) noexcept : loop_(where) {}
    ~system_resolver() override;

    void start(resolve_operation* o) override;
    void cancel(resolve_operation* o) override;
    void cancel_all(std::uint64_t owner) override;
    resolve_answer resolve(const resolve_question& question) override;
    // Waits for the call that the thread is in.
    void abandon() noexcept override;
    void append_counters(std::vector<counter>& all) const override;

  private:
    class job;
    using job_list = std::list<std::shared_ptr<job>>;

    void work();
    void on_answered(job& done);
    void cancel(job_list::iterator which);

    loop& loop_;
    job_list jobs_;  // the loop's thread
    bool abandoned_ = false;
    std::uint64_t calls_ = 0;

    std::mutex mutex_;  // for what follows
    std::condition_variable changed_;
    std::deque<std::shared_ptr<job>> queue_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace coax::detail
