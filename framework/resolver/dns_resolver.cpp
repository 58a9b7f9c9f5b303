// Searches, lookups and attempts. What a name means without a server: local_names.cpp.
#include "framework/resolver/dns_resolver.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include <boost/asio/error.hpp>

#include "framework/resolver/host_name.hpp"

namespace coax::detail {

namespace error = boost::asio::error;
using dns::answer;
using dns::exchange;
using dns::question;
using dns::record_type;
using dns::reply;

struct dns_resolver::search {
    resolve_operation* operation;
    dns::remaining what;
    std::vector<std::string> names;  // to be tried, in order
    std::size_t at = 0;
    std::array<answer, 2> answers;  // to the types of `what`
    std::size_t outstanding = 0;
};

struct dns_resolver::lookup {
    struct waiter {
        search* who;
        std::size_t slot;  // of its answers
    };
    question asked;
    std::shared_ptr<const dns::settings> settings;
    std::size_t first_server = 0;
    std::size_t tries = 0;  // begun, of all servers times attempts
    bool refused = false;   // a server did not want to say
    bool failed = false;    // one could not, or was not heard
    std::vector<waiter> waiters;
    std::unique_ptr<attempt> current;  // null: waits for its turn

    std::size_t server() const { return (first_server + tries - 1) % settings->servers.size(); }
};

class dns_resolver::attempt final : public exchange {
  public:
    attempt(loop& where, exchange_keeper& keeper, exchange::transport how, const question& asked,
            std::uint16_t id, lookup& whose)
        : exchange(where, keeper, how, asked, id), owner(&whose) {}
    lookup* owner;  // null: retired
};

class dns_resolver::turn_operation final : public operation {
  public:
    explicit turn_operation(dns_resolver& r) noexcept
        : operation(&turn_operation::run), resolver_(r) {}
    void post() noexcept {
        if (!std::exchange(posted_, true)) resolver_.loop_.post(this);
    }

  private:
    static void run(operation* o, bool wanted) {
        auto* const self = static_cast<turn_operation*>(o);
        self->posted_ = false;
        if (wanted) self->resolver_.turn();
    }
    dns_resolver& resolver_;
    bool posted_ = false;
};

// What lands meanwhile is taken at the end of it.
class dns_resolver::turning {
  public:
    explicit turning(dns_resolver& r) noexcept : resolver_(r) { r.turning_ = true; }
    ~turning() {
        resolver_.turning_ = false;
        if (!resolver_.landed_.empty()) resolver_.turn_->post();  // an exception interrupted it
    }
    turning(const turning&) = delete;
    turning& operator=(const turning&) = delete;

  private:
    dns_resolver& resolver_;
};

dns_resolver::dns_resolver(loop& where, std::unique_ptr<stack::random_source> randomness, options o)
    : loop_(where),
      randomness_(std::move(randomness)),
      options_(std::move(o)),
      local_(options_.hosts_path, options_.families),
      configuration_(options_.configuration_path),
      cache_(options_.cache_entries),
      turn_(std::make_unique<turn_operation>(*this)) {}

dns_resolver::~dns_resolver() { assert(retired_.empty() && lookups_.empty()); }

void dns_resolver::append_counters(std::vector<counter>& all) const {
    all.insert(all.end(), {{"resolver.cached", counts_.cached},
                           {"resolver.lookups", counts_.lookups},
                           {"resolver.attempts", counts_.attempts},
                           {"resolver.by_tcp", counts_.by_tcp},
                           {"resolver.timed_out", counts_.timed_out},
                           {"resolver.unreachable", counts_.unreachable},
                           {"resolver.foreign", counts_.foreign}});
}

// --- turning

void dns_resolver::on_landed(exchange& e) noexcept {
    if (!e.is_linked()) landed_.push_back(e);
    something_landed_ = true;
    if (!turning_) turn_->post();
}

template <class What>
void dns_resolver::turn_after(What&& what) {
    if (turning_) return what();
    const turning guard(*this);
    what();
    while (!landed_.empty()) {
        auto& a = static_cast<attempt&>(landed_.front());
        landed_.pop_front();
        step(a);
    }
}

void dns_resolver::turn() {
    turn_after([] {});
}

void dns_resolver::step(attempt& a) {
    if (a.owner == nullptr) {
        if (a.idle()) std::erase_if(retired_, [&a](const auto& each) { return each.get() == &a; });
        return;
    }
    const exchange::outcome outcome = a.advance();
    if (outcome == exchange::outcome::pending) return;
    lookup& l = *a.owner;
    const reply said = a.result();
    counts_.foreign += a.foreign();
    retire(std::move(l.current));
    switch (outcome) {
        case exchange::outcome::replied: return on_reply(l, said);
        // RFC 5452 9.3: somebody guesses; over TCP he cannot.
        case exchange::outcome::suspicious: return try_by_tcp(l);
        case exchange::outcome::timed_out: ++counts_.timed_out; break;
        case exchange::outcome::unreachable: ++counts_.unreachable; break;
        case exchange::outcome::pending: break;
    }
    l.failed = true;
    try_next(l);
}

void dns_resolver::retire(std::unique_ptr<attempt> a) {
    a->owner = nullptr;
    a->close();
    if (!a->idle()) retired_.push_back(std::move(a));
}

// --- operations

void dns_resolver::start(resolve_operation* o) {
    if (abandoned_) {
        o->answer.result = error::operation_aborted;
        return loop_.complete(o);
    }
    const auto left = local_.answer(o->question, o->answer);
    if (!left) return loop_.complete(o);
    turn_after([&] { begin(o, *left); });
}

void dns_resolver::cancel(resolve_operation* o) {
    const auto found = find(o);
    if (found == searches_.end()) return;
    o->answer = {};
    o->answer.result = error::operation_aborted;
    turn_after([&] { drop(**found); });
}

void dns_resolver::cancel_all(std::uint64_t owner) {
    std::vector<resolve_operation*> mine;
    for (const auto& s : searches_)
        if (s->operation->owner == owner) mine.push_back(s->operation);
    for (resolve_operation* const o : mine) cancel(o);
}

resolve_answer dns_resolver::resolve(const resolve_question& asked) {
    class awaited final : public resolve_operation {
      public:
        explicit awaited(dns_resolver& r) : resolve_operation(&awaited::note, true), resolver_(r) {}
        ~awaited() {
            if (!done) resolver_.cancel(this);
        }
        bool done = false;

      private:
        static void note(operation* o, bool) { static_cast<awaited*>(o)->done = true; }
        dns_resolver& resolver_;
    };
    awaited o(*this);
    o.question = asked;
    start(&o);
    while (!o.done) {
        if (landed_.empty()) {
            something_landed_ = false;
            loop_.drive_until(something_landed_);
        }
        turn();
    }
    return std::move(o.answer);
}

void dns_resolver::abandon() noexcept {
    abandoned_ = true;
    while (!searches_.empty()) cancel(searches_.front()->operation);
    turn();
}

dns_resolver::search_list::iterator dns_resolver::find(const resolve_operation* o) {
    return std::find_if(searches_.begin(), searches_.end(),
                        [o](const auto& s) { return s->operation == o; });
}

// --- searches

void dns_resolver::refresh_settings() {
    const bool given = !options_.servers.empty();
    const bool stale = given ? settings_ == nullptr : configuration_.has_changed();
    if (!stale) return;
    dns::settings fresh;
    if (given) fresh.servers = options_.servers;
    else fresh = dns::parse_resolver_configuration(configuration_.read());
    if (!options_.search.empty()) fresh.search = options_.search;
    settings_ = std::make_shared<const dns::settings>(std::move(fresh));
}

void dns_resolver::begin(resolve_operation* o, const dns::remaining& what) {
    refresh_settings();
    auto made = std::make_unique<search>();
    search& s = *made;
    s.operation = o;
    s.what = what;
    if (!what.absolute)
        for (const std::string& domain : settings_->search)
            if (const auto name = dns::to_host_name(what.name + "." + domain))
                s.names.push_back(*name);
    const auto dots = std::count(what.name.begin(), what.name.end(), '.');
    const bool as_it_is_first = static_cast<std::size_t>(dots) >= settings_->dots;
    s.names.insert(as_it_is_first ? s.names.begin() : s.names.end(), what.name);
    searches_.push_back(std::move(made));
    ask(s);
    go_on(s);
}

// The next name, all types at once.
void dns_resolver::ask(search& s) {
    const clock::time_point now = loop_.now();
    for (std::size_t i = 0; i != s.what.types.size(); ++i) {
        const question q{s.names[s.at], s.what.types[i]};
        s.answers[i] = {};
        if (const answer* const known = cache_.find(q, now)) {
            ++counts_.cached;
            s.answers[i] = *known;
        } else if (!settings_->servers.empty()) {
            join(s, i, q);
        }
    }
}

void dns_resolver::go_on(search& s) {
    while (s.outstanding == 0) {
        if (conclude(s)) return finish(s);
        ++s.at;
        ask(s);
    }
}

// Whether the answers to one name are the end of the search. A name that no server could tell
// about ends it too: the next name might be another's.
bool dns_resolver::conclude(search& s) {
    const resolve_question& q = s.operation->question;
    resolve_answer& a = s.operation->answer;
    std::vector<boost::asio::ip::address> addresses;
    std::string name;
    bool failed = false;
    bool refused = false;
    for (std::size_t i = 0; i != s.what.types.size(); ++i) {
        const answer& each = s.answers[i];
        failed = failed || each.what == answer::kind::unavailable;
        refused = refused || each.what == answer::kind::refused;
        if (each.what != answer::kind::found) continue;
        addresses.insert(addresses.end(), each.addresses.begin(), each.addresses.end());
        if (name.empty()) name = each.name;
    }
    const bool last = s.at + 1 == s.names.size();
    if (q.reverse) {
        if (name.empty() && failed) a.result = error::host_not_found_try_again;
        else dns::local_names::fill_reverse(q, name, a);
    } else if (!addresses.empty()) {
        local_.fill(q, addresses, s.what.port, name, a);
    } else if (failed) {
        a.result = error::host_not_found_try_again;
    } else if (refused) {
        a.result = error::no_recovery;
    } else if (last) {
        a.result = error::host_not_found;
    } else {
        return false;
    }
    return true;
}

void dns_resolver::finish(search& s) {
    resolve_operation* const o = s.operation;
    searches_.erase(find(o));
    loop_.complete(o);
}

// Nobody wants to know any more.
void dns_resolver::drop(search& s) {
    std::vector<lookup*> idle;
    for (auto& [asked, l] : lookups_) {
        const auto mine = [&s](const lookup::waiter& w) { return w.who == &s; };
        if (std::erase_if(l->waiters, mine) != 0 && l->waiters.empty()) idle.push_back(l.get());
    }
    finish(s);
    for (lookup* const l : idle) {
        if (l->current) retire(std::move(l->current));
        remove(*l);
    }
}

// --- lookups

void dns_resolver::join(search& s, std::size_t slot, const question& q) {
    std::unique_ptr<lookup>& l = lookups_[q];
    const bool is_new = l == nullptr;
    if (is_new) {
        l = std::make_unique<lookup>();
        l->asked = q;
        l->settings = settings_;
        l->first_server = settings_->rotate ? first_server_++ : first_server_;
        ++counts_.lookups;
        waiting_.push_back(q);
    }
    l->waiters.push_back({&s, slot});
    ++s.outstanding;
    if (is_new) start_waiting();
}

void dns_resolver::start_waiting() {
    while (active_ < options_.lookups && !waiting_.empty()) {
        lookup& l = *lookups_.find(waiting_.front())->second;
        waiting_.pop_front();
        ++active_;
        try_next(l);
    }
}

void dns_resolver::try_next(lookup& l) {
    if (l.tries != l.settings->servers.size() * l.settings->attempts) {
        ++l.tries;
        return launch(l, exchange::transport::datagram);
    }
    answer none;
    none.what = l.refused && !l.failed ? answer::kind::refused : answer::kind::unavailable;
    end(l, none);
}

void dns_resolver::try_by_tcp(lookup& l) {
    ++counts_.by_tcp;
    launch(l, exchange::transport::stream);
}

void dns_resolver::launch(lookup& l, exchange::transport how) {
    ++counts_.attempts;
    // RFC 5452 9.2: all 16 bits of it unpredictable.
    const auto id = static_cast<std::uint16_t>(randomness_->next());
    exchange_keeper& keeper = *this;
    l.current = std::make_unique<attempt>(loop_, keeper, how, l.asked, id, l);
    const std::size_t round = (l.tries - 1) / l.settings->servers.size();
    l.current->start(l.settings->servers[l.server()], l.settings->timeout * (1U << round));
}

void dns_resolver::on_reply(lookup& l, const reply& said) {
    switch (said.what) {
        case reply::kind::answer:
            // The next lookup begins with the server that knows.
            if (!l.settings->rotate) first_server_ = l.server();
            cache_.store(l.asked, said.content, loop_.now());
            return end(l, said.content);
        case reply::kind::truncated: return try_by_tcp(l);  // RFC 7766 5
        case reply::kind::refusal: l.refused = true; break;
        case reply::kind::failure:
        case reply::kind::broken:
        case reply::kind::foreign: l.failed = true; break;
    }
    try_next(l);
}

void dns_resolver::end(lookup& l, const answer& said) {
    const std::vector<lookup::waiter> waiters = std::move(l.waiters);
    remove(l);
    for (const lookup::waiter& w : waiters) {
        w.who->answers[w.slot] = said;
        --w.who->outstanding;
        go_on(*w.who);
    }
}

void dns_resolver::remove(lookup& l) {
    const question asked = l.asked;
    if (l.tries != 0) --active_;
    else std::erase(waiting_, asked);
    lookups_.erase(asked);
    start_waiting();
}

}  // namespace coax::detail
