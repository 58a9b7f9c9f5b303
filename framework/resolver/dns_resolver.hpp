// The resolver of a context with its own stack: numbers, the hosts file, and DNS over the context's
// own sockets (RFC 1034, RFC 1035, RFC 5452, RFC 7766).
//
//   search   an operation of a user: one name after the other (the search list), A and AAAA of each
//      | joins, or starts
//   lookup   a question: one server after the other, until one says yes or no; shared by all
//      |     searches that want to know the same
//   attempt  an exchange with one server, once: by datagram, or by TCP
//
// What has landed of exchanges is collected and taken in turn(): as a handler of the loop, or by a
// blocking call that drives the loop without handlers.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/intrusive/list.hpp>

#include <coax/detail/loop.hpp>
#include <coax/detail/resolve_operation.hpp>

#include "framework/resolver/cache.hpp"
#include "framework/resolver/exchange.hpp"
#include "framework/resolver/local_names.hpp"
#include "framework/resolver/settings.hpp"
#include "framework/resolver/text_file.hpp"
#include "stack/base/random.hpp"

namespace coax::detail {

class dns_resolver final : public name_resolver, private dns::exchange_keeper {
  public:
    struct options {
        std::vector<ip_endpoint> servers;  // empty: those of the file
        std::vector<std::string> search;   // empty: that of the file, if its servers are asked
        std::string hosts_path = "/etc/hosts";
        std::string configuration_path = "/etc/resolv.conf";  // read unless there are `servers`
        dns::local_names::families families;
        std::size_t cache_entries = 1024;
        std::size_t lookups = 64;  // at a time; those beyond wait for their turn
    };

    // `randomness`: for the identifiers of questions; unpredictable, except in tests.
    dns_resolver(loop& where, std::unique_ptr<stack::random_source> randomness, options o);
    ~dns_resolver() override;

    void start(resolve_operation* o) override;
    void cancel(resolve_operation* o) override;
    void cancel_all(std::uint64_t owner) override;
    resolve_answer resolve(const resolve_question& question) override;
    void abandon() noexcept override;
    void append_counters(std::vector<counter>& all) const override;

  private:
    struct search;
    struct lookup;
    class attempt;
    class turn_operation;
    class turning;
    using search_list = std::list<std::unique_ptr<search>>;
    struct counts {
        std::uint64_t cached = 0;       // questions that the cache answered
        std::uint64_t lookups = 0;      // that servers were asked
        std::uint64_t attempts = 0;     // exchanges with a server
        std::uint64_t by_tcp = 0;       // of these, over TCP
        std::uint64_t timed_out = 0;    // of these, without a reply
        std::uint64_t unreachable = 0;  // of these, refused or without a route
        std::uint64_t foreign = 0;      // replies that were none: not our question or identifier
    };

    void on_landed(dns::exchange& e) noexcept override;
    void turn();
    template <class What>
    void turn_after(What&& what);
    void step(attempt& a);

    void refresh_settings();
    void begin(resolve_operation* o, const dns::remaining& what);
    void ask(search& s);
    void go_on(search& s);
    bool conclude(search& s);
    void finish(search& s);
    void drop(search& s);
    search_list::iterator find(const resolve_operation* o);

    void join(search& s, std::size_t slot, const dns::question& q);
    void try_next(lookup& l);
    void try_by_tcp(lookup& l);
    void launch(lookup& l, dns::exchange::transport how);
    void on_reply(lookup& l, const dns::reply& said);
    void end(lookup& l, const dns::answer& said);
    void remove(lookup& l);
    void retire(std::unique_ptr<attempt> a);
    void start_waiting();

    loop& loop_;
    std::unique_ptr<stack::random_source> randomness_;
    options options_;
    dns::local_names local_;
    dns::text_file configuration_;
    std::shared_ptr<const dns::settings> settings_;
    dns::cache cache_;
    std::size_t first_server_ = 0;

    search_list searches_;
    std::unordered_map<dns::question, std::unique_ptr<lookup>, dns::question_hash> lookups_;
    std::deque<dns::question> waiting_;  // lookups that have not begun; some may be gone
    std::size_t active_ = 0;             // that have
    std::vector<std::unique_ptr<attempt>> retired_;  // closed, until what is in flight has landed
    boost::intrusive::list<dns::exchange, boost::intrusive::constant_time_size<false>> landed_;
    std::unique_ptr<turn_operation> turn_;
    bool turning_ = false;
    bool something_landed_ = false;
    bool abandoned_ = false;
    counts counts_;
};

}  // namespace coax::detail
