// Time passes when packetdrill's main thread says so.
#include "tests/packetdrill/adapter/virtual_time.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include <unistd.h>

namespace coax::packetdrill {

namespace {

using namespace std::chrono_literals;

// Real time after which a thread that does not come is no longer waited for.
constexpr auto patience = 5s;

// As packetdrill itself finds it out. A thread that is gone counts as asleep.
bool is_asleep(pid_t thread) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    std::string line;
    if (!std::getline(file, line)) return true;
    const std::size_t name_end = line.rfind(')');
    return name_end != std::string::npos && line.compare(name_end, 3, ") S") == 0;
}

}  // namespace

virtual_time::virtual_time(std::function<void()> turn,
                           std::function<stack::instant()> next_deadline)
    : turn_(std::move(turn)),
      next_deadline_(std::move(next_deadline)),
      main_thread_(::gettid()),
      now_(1'000'000s) {}

void virtual_time::turn() {
    turn_();
    wake_waiters();
}

void virtual_time::wake_waiters() {
    for (waiter& w : waiters_) {
        if (w.woken || !(w.ready() || w.deadline <= now_)) continue;
        w.woken = true;
        woken_.insert(w.thread);
        w.wake.notify_one();
    }
}

bool virtual_time::wait(lock& held, const std::function<bool()>& ready, stack::instant deadline) {
    if (ready()) return true;
    const pid_t thread = ::gettid();
    if (thread == main_thread_) {
        pass_until(
            held, [&] { return ready() || now_ >= deadline; }, std::min(deadline, now_ + 1h));
        if (!ready() && deadline != stack::never && now_ < deadline) advance(deadline);
        return ready();
    }
    woken_.erase(thread);  // what woke it before was not enough
    looked_.notify_all();
    waiters_.emplace_back(thread, ready, deadline);
    const auto self = std::prev(waiters_.end());
    self->wake.wait(held, [&] { return self->woken; });
    waiters_.erase(self);
    return ready();
}

// Rule 2 of the header. The thread needs no lock that its waker could hold.
void virtual_time::let_woken_look(lock& held) {
    if (!looked_.wait_for(held, patience, [this] { return woken_.empty(); })) woken_.clear();
}

// Rule 3.
void virtual_time::let_returned_sleep(lock& held) {
    const std::set<pid_t> threads = std::exchange(returned_, {});
    if (threads.empty()) return;
    held.unlock();
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (!std::all_of(threads.begin(), threads.end(), is_asleep) &&
           std::chrono::steady_clock::now() < give_up)
        std::this_thread::sleep_for(20us);
    held.lock();
}

stack::instant virtual_time::look(lock& held) {
    const pid_t thread = ::gettid();
    if (woken_.erase(thread) != 0) {
        returned_.insert(thread);
        looked_.notify_all();
        return now_;
    }
    let_woken_look(held);
    advance(now_ + 1us);
    return now_;
}

void virtual_time::sleep(lock& held, stack::duration span) {
    returned_.erase(::gettid());  // the blocking thread waits for its event's time itself
    let_woken_look(held);
    let_returned_sleep(held);
    const stack::instant until = now_ + span;
    while (now_ < until && woken_.empty())
        if (!step(until)) advance(until);
}

bool virtual_time::pass_until(lock& held, const std::function<bool()>& there,
                              stack::instant limit) {
    while (!there()) {
        let_woken_look(held);
        if (there()) break;
        if (!step(limit)) return there();
    }
    return true;
}

bool virtual_time::step(stack::instant limit) {
    stack::instant next = next_deadline_();
    for (const waiter& w : waiters_) next = std::min(next, w.deadline);
    if (next > limit || next == stack::never) return false;
    advance(std::max(next, now_ + 1us));
    return true;
}

void virtual_time::advance(stack::instant to) {
    now_ = to;
    if (next_deadline_() <= now_) turn_();
    wake_waiters();
}

}  // namespace coax::packetdrill
