// Asks the system, on a thread of its own where that may take long.
#include "framework/resolver/system_resolver.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include <netdb.h>
#include <pthread.h>

#include <boost/asio/error.hpp>

#include "framework/resolver/host_name.hpp"

namespace coax::detail {

namespace error = boost::asio::error;

namespace {

error_code outcome(int result) {
    switch (result) {
        case 0: return {};
        case EAI_AGAIN: return error::host_not_found_try_again;
        case EAI_BADFLAGS: return error::invalid_argument;
        case EAI_FAIL: return error::no_recovery;
        case EAI_FAMILY: return error::address_family_not_supported;
        case EAI_MEMORY: return error::no_memory;
        case EAI_SERVICE: return error::service_not_found;
        case EAI_SOCKTYPE: return error::socket_type_not_supported;
        case EAI_SYSTEM: return {errno, boost::system::system_category()};
        default: return error::host_not_found;  // EAI_NONAME, EAI_NODATA, EAI_ADDRFAMILY
    }
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

resolve_answer ask_forward(const resolve_question& q) {
    addrinfo hints{};
    hints.ai_flags = q.flags;
    hints.ai_family = q.family;
    hints.ai_socktype = q.socket_type;
    addrinfo* found = nullptr;
    resolve_answer a;
    a.result = outcome(::getaddrinfo(or_null(q.host), or_null(q.service), &hints, &found));
    if (a.result) return a;
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, &::freeaddrinfo);
    a.host = found->ai_canonname != nullptr ? found->ai_canonname : q.host;
    a.service = q.service;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
        if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
        ip_endpoint e;
        e.resize(each->ai_addrlen);
        std::memcpy(e.data(), each->ai_addr, each->ai_addrlen);
        a.endpoints.push_back(e);
    }
    return a;
}

resolve_answer ask_reverse(const resolve_question& q) {
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> service{};
    const int flags = q.socket_type == SOCK_DGRAM ? NI_DGRAM : 0;
    resolve_answer a;
    a.result =
        outcome(::getnameinfo(q.address.data(), static_cast<socklen_t>(q.address.size()),
                              host.data(), host.size(), service.data(), service.size(), flags));
    if (a.result) return a;
    a.endpoints = {q.address};
    a.host = host.data();
    a.service = service.data();
    return a;
}

resolve_answer ask(const resolve_question& q) {
    return q.reverse ? ask_reverse(q) : ask_forward(q);
}

// Answered from the question itself, without a file or a server.
bool is_immediate(const resolve_question& q) {
    if (q.reverse) return false;
    const bool number = q.service.find_first_not_of("0123456789") == std::string::npos;
    if (!number && (q.flags & AI_NUMERICSERV) == 0) return false;
    return q.host.empty() || (q.flags & AI_NUMERICHOST) != 0 ||
           dns::numeric_address(q.host).has_value();
}

}  // namespace

// Belongs to the loop's thread, except while the other one answers it. Then it is the handler that
// brings the answer.
class system_resolver::job final : public operation {
  public:
    job(system_resolver& r, resolve_operation* o)
        : operation(&job::land), asker(o), question(o->question), resolver_(r) {}
    // By the other thread.
    void answer_it() noexcept {
        try {
            answer = ask(question);
        } catch (const std::bad_alloc&) {
            answer.result = error::no_memory;
        }
    }
    void post(std::shared_ptr<job> self) noexcept {
        self_ = std::move(self);
        resolver_.loop_.post(this);
    }

    resolve_operation* asker;  // null: cancelled
    resolve_question question;
    resolve_answer answer;
    std::atomic<bool> cancelled{false};

  private:
    static void land(operation* o, bool run) {
        auto* const self = static_cast<job*>(o);
        const std::shared_ptr<job> kept = std::move(self->self_);
        if (run) self->resolver_.on_answered(*self);
    }

    system_resolver& resolver_;
    std::shared_ptr<job> self_;  // while it is posted
};

system_resolver::~system_resolver() { system_resolver::abandon(); }

void system_resolver::start(resolve_operation* o) {
    if (abandoned_ || is_immediate(o->question)) {
        if (abandoned_) o->answer.result = error::operation_aborted;
        else o->answer = ask(o->question);
        return loop_.complete(o);
    }
    auto made = std::make_shared<job>(*this, o);
    jobs_.push_back(made);
    ++calls_;
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(made));
    if (!thread_.joinable()) {
        // Signals are for the program's own threads.
        sigset_t all;
        sigset_t before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        try {
            thread_ = std::thread([this] { work(); });
        } catch (const std::system_error& e) {
            // No thread, no answer; the next question tries again.
            queue_.pop_back();
            o->answer.result = {e.code().value(), boost::system::system_category()};
            jobs_.pop_back();
            loop_.complete(o);
        }
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    changed_.notify_one();
}

void system_resolver::work() {
    for (;;) {
        std::shared_ptr<job> next;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            next = std::move(queue_.front());
            queue_.pop_front();
        }
        if (next->cancelled.load(std::memory_order_relaxed)) continue;
        next->answer_it();
        job& j = *next;
        j.post(std::move(next));
    }
}

// On the loop's thread.
void system_resolver::on_answered(job& done) {
    resolve_operation* const o = std::exchange(done.asker, nullptr);
    if (o == nullptr) return;
    jobs_.remove_if([&done](const auto& each) { return each.get() == &done; });
    o->answer = std::move(done.answer);
    loop_.complete(o);
}

void system_resolver::cancel(job_list::iterator which) {
    const std::shared_ptr<job> j = std::move(*which);
    jobs_.erase(which);
    j->cancelled.store(true, std::memory_order_relaxed);
    resolve_operation* const o = std::exchange(j->asker, nullptr);
    o->answer.result = error::operation_aborted;
    loop_.complete(o);
}

void system_resolver::cancel(resolve_operation* o) {
    const auto found =
        std::find_if(jobs_.begin(), jobs_.end(), [o](const auto& j) { return j->asker == o; });
    if (found != jobs_.end()) cancel(found);
}

void system_resolver::cancel_all(std::uint64_t owner) {
    for (auto at = jobs_.begin(); at != jobs_.end();) {
        const auto each = at++;
        if ((*each)->asker->owner == owner) cancel(each);
    }
}

resolve_answer system_resolver::resolve(const resolve_question& question) { return ask(question); }

void system_resolver::abandon() noexcept {
    abandoned_ = true;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        queue_.clear();
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
    while (!jobs_.empty()) cancel(jobs_.begin());
}

void system_resolver::append_counters(std::vector<counter>& all) const {
    all.push_back({"resolver.system_calls", calls_});
}

}  // namespace coax::detail
